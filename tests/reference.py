"""The tables of the reference, made from the code.

A page holds each between `<!-- begin NAME -->` and `<!-- end -->`. A test compares;
`python tests/reference.py` writes them anew.
"""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import click

from backstory import errors, limits
from backstory.observability import catalogue

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"
_TABLE = re.compile(r"(?<=<!-- begin )(\w+)( -->\n)(.*?)(?=<!-- end -->)", re.DOTALL)


def rows(*cells):
    """A Markdown table; the first row is its head."""
    lines = [
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in cells
    ]
    lines.insert(1, "| " + " | ".join("---" for _ in cells[0]) + " |")
    return "\n".join(lines) + "\n"


def code(text):
    return f"`{text}`"


def error_codes():
    """Each class of the tree that has a code of its own."""
    found = [errors.BackstoryError]
    for each in found:
        found.extend(each.__subclasses__())
    named = {}
    for each in sorted(found, key=lambda each: (each.status, each.code)):
        named.setdefault(each.code, each)
    return rows(
        ("code", "status", "title", "meaning"),
        *(
            (code(each.code), each.status, each.title, sentence(each.__doc__))
            for each in named.values()
        ),
    )


def bounds():
    """Each section of `limits.py`; the meaning is its comment, or what the page says already."""
    page = (REFERENCE / "limits.md").read_text(encoding="utf-8")
    said = dict(re.findall(r"^\| `(\w+)` \| \S+ \| (.*) \|$", page, re.MULTILINE))
    parts = []
    for section in re.split(
        r"^# -- ", Path(limits.__file__).read_text("utf-8"), flags=re.MULTILINE
    )[1:]:
        named = re.findall(r"^([A-Z_]+): Final = [^#\n]*(?:# (.*))?$", section, re.MULTILINE)
        shown = [
            (code(name), f"{getattr(limits, name):,}", comment or said.get(name, ""))
            for name, comment in named
        ]
        title = section.partition(" -")[0].capitalize()
        parts.append(f"## {title}\n\n{rows(('name', 'value', 'meaning'), *shown)}")
    return "\n".join(parts)


def parsers():
    """Each parser with what it reads, gives and takes at most."""
    from backstory.processing.parsers import PARSERS

    return rows(
        ("parser", "media types", "gives", "bytes at once"),
        *(
            (
                code(each.name),
                ", ".join(map(code, each.media_types)),
                each.result.__name__.lower(),
                f"{each.most_bytes:,}",
            )
            for each in dict.fromkeys(PARSERS.values())
        ),
    )


def transforms():
    """Each transform with its options, and its class's first sentence."""
    from backstory.processing.transforms.catalogue import MAKERS, transforms_of

    options = {"redact": "`categories`, `region`", "truncate": "`characters`"}
    needed = {"truncate": {"characters": 1000}}
    return rows(
        ("transform", "options", "what it does"),
        *(
            (
                code(name),
                options.get(name, ""),
                sentence(type(transforms_of([{name: needed.get(name, {})}])[0]).__doc__),
            )
            for name in MAKERS
        ),
    )


def endpoints():
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


def tools():
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


def commands():
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
        parts.append(
            rows(("option", "meaning"), *((code(shown(each)), each.help) for each in options))
        )
    return "\n".join(parts)


def subcommands(name, group):
    """The commands of a group, each with its options."""
    for command in group.commands.values():
        options = [each for each in command.params if isinstance(each, click.Option)]
        usage = " ".join(command.collect_usage_pieces(click.Context(command)))
        yield f"{sentence(command.help)}\n"
        yield f"    backstory {name} {command.name} {usage}\n"
        yield rows(("option", "meaning"), *((code(shown(each)), each.help) for each in options))


def shown(option):
    names = ", ".join(option.opts) + "".join(f" / {name}" for name in option.secondary_opts)
    return names if option.is_flag else f"{names} {option.metavar or option.name.upper()}"


def sentence(docstring):
    """The first paragraph of a docstring, on one line."""
    return " ".join((docstring or "").strip().split("\n\n")[0].split())


def reasons():
    from backstory.rendering.ledger import REASONS

    return rows(("reason", "meaning"), *((code(name), text) for name, text in REASONS.items()))


def strategies():
    from backstory.rendering.strategies import TABLE

    return rows(
        ("`entries`", "which are shown"),
        *((code(each.name), each.meaning) for each in TABLE.values()),
    )


def counters():
    from backstory.rendering.counters import COUNTERS

    return rows(
        ("counter", "vocabulary", "exact"),
        *(
            (code(c.name), code(c.vocabulary), "yes" if c.exact else "no")
            for c in COUNTERS.values()
        ),
    )


def models():
    from backstory.rendering.models import BUILT_IN

    return rows(
        ("model", "counter", "format"),
        *((code(m.pattern), code(m.counter), code(m.format)) for m in BUILT_IN),
    )


def summariser_failures():
    return rows(
        ("reason", "meaning"),
        *((code(name), text) for name, text in errors.SUMMARISER_FAILURES.items()),
    )


def extending():
    """What extensions may import, each name with its first sentence."""
    from backstory import extending as face

    imports = [
        (node.module, alias)
        for node in ast.parse(source_of(face)).body
        if isinstance(node, ast.ImportFrom) and node.module != "__future__"
        for alias in node.names
    ]
    found = {
        alias.asname or alias.name: said_of(import_module(module), alias.name)
        for module, alias in imports
    }
    return rows(("name", "what it is"), *((code(n), found[n]) for n in sorted(found)))


def source_of(module):
    return Path(module.__file__).read_text(encoding="utf-8")


def said_of(module, name):
    """The first sentence of a definition's docstring, or of the text below an alias."""
    body = ast.parse(source_of(module)).body
    for node, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name:
            return sentence(ast.get_docstring(node))
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return sentence(following.value.value)
        if isinstance(node, ast.ImportFrom) and any(name == alias.name for alias in node.names):
            return said_of(import_module(node.module), name)
    raise LookupError(name)


def metrics():
    """Every metric that `/metrics` shows."""
    return rows(
        ("metric", "type", "labels", "meaning"),
        *(
            (code(each.name), each.kind, ", ".join(map(code, each.labels)), each.meaning)
            for each in (*catalogue.METRICS, *catalogue.LOOKED_AT)
        ),
    )


def labels():
    """Every label of a metric, and what it may be."""
    return rows(
        ("label", "values"), *((code(name), text) for name, text in catalogue.LABELS.items())
    )


def events():
    """Every event that the hooks tell of, with its members."""
    from backstory.ports import events

    found = [
        each
        for each in vars(events).values()
        if isinstance(each, type) and issubclass(each, events.Event) and each is not events.Event
    ]
    return rows(
        ("event", "members", "what happened"),
        *(
            (
                code(each.__name__),
                ", ".join(map(code, each.__struct_fields__)),
                sentence(each.__doc__),
            )
            for each in found
        ),
    )


TABLES = {
    "metrics": metrics,
    "labels": labels,
    "events": events,
    "summariser_failures": summariser_failures,
    "extending": extending,
    "reasons": reasons,
    "strategies": strategies,
    "counters": counters,
    "models": models,
    "error_codes": error_codes,
    "bounds": bounds,
    "parsers": parsers,
    "transforms": transforms,
    "endpoints": endpoints,
    "tools": tools,
    "commands": commands,
}


def brought_up_to_date(text):
    """A page with its tables made anew."""
    return _TABLE.sub(lambda found: f"{found[1]}{found[2]}\n{TABLES[found[1]]()}\n", text)


def pages():
    return [page for page in REFERENCE.glob("*.md") if "<!-- begin " in page.read_text("utf-8")]


if __name__ == "__main__":
    for page in pages():
        page.write_text(brought_up_to_date(page.read_text("utf-8")), encoding="utf-8")
