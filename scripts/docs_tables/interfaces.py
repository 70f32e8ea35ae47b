"""What is called: REST's endpoints, the tools of MCP, commands."""

from collections.abc import Iterator

import click

from backstory.config import TABLE
from docs_tables.markdown import code, rows, sentence


def endpoints() -> str:
    from backstory.transports.rest.endpoints import ENDPOINTS

    return rows(
        ("call", "what it does", "query", "takes"),
        *(
            (
                code(f"{each.method} {each.path}"),
                each.summary,
                ", ".join(code(param.name) for param in each.query),
                ", ".join(
                    header
                    for header, takes in (
                        ("`Idempotency-Key`", each.writes),
                        ("`If-Match`, `If-None-Match`", each.conditional),
                    )
                    if takes
                ),
            )
            for each in ENDPOINTS
        ),
    )


def tools() -> str:
    from backstory.transports.mcp.tools import TABLE

    return rows(
        ("tool", "what a model is told", "arguments"),
        *(
            (
                code(tool.name),
                tool.description,
                ", ".join(map(code, tool.arguments.__struct_fields__)),
            )
            for tool in TABLE.values()
        ),
    )


def commands() -> str:
    """Each command with its sentence, arguments and options."""
    from backstory.cli import COMMANDS, main

    context = click.Context(main)
    parts = []
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        options = [each for each in command.params if isinstance(each, click.Option)]
        usage = " ".join(command.collect_usage_pieces(click.Context(command)))
        parts.append(f"### `backstory {name}`\n\n{COMMANDS[name][1]}\n")
        parts.append(f"    backstory {name} {usage}\n")
        if command.epilog:
            parts.append(f"{command.epilog}\n")
        if isinstance(command, click.Group):
            parts += subcommands(name, command)
            continue
        parts.append(table(options))
    return "\n".join(parts)


def subcommands(name: str, group: click.Group) -> Iterator[str]:
    """The commands of a group, each with its options."""
    for command in group.commands.values():
        options = [each for each in command.params if isinstance(each, click.Option)]
        usage = " ".join(command.collect_usage_pieces(click.Context(command)))
        yield f"{sentence(command.help)}\n"
        yield f"    backstory {name} {command.name} {usage}\n"
        yield table(options)


def table(options: list[click.Option]) -> str:
    """Each option; where a command takes every setting, these are told on their own page."""
    settings = [each for each in options if each.name in TABLE]
    if len(settings) < len(TABLE):
        return rows(("option", "meaning"), *((code(shown(each)), each.help) for each in options))
    own = [each for each in options if each.name not in TABLE]
    told = rows(("option", "meaning"), *((code(shown(each)), each.help) for each in own))
    return f"{told}\nEvery [setting](settings.md) may be given by its flag.\n"


def shown(option: click.Option) -> str:
    names = ", ".join(option.opts) + "".join(f" / {name}" for name in option.secondary_opts)
    return names if option.is_flag else f"{names} {option.metavar or option.name.upper()}"
