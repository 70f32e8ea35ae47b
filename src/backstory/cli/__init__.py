"""The command line: one file for each command, loaded only when it is asked for.

A command is a click command named `command` in a module of this folder. Errors of the
`BackstoryError` tree end in one line `error: ... (code)`; the exit code is 2 where what was
asked or configured is wrong, else 1.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any, Final

import click

from backstory import __version__
from backstory.errors import BackstoryError, ConfigError

# Command to module and sentence. The sentence stands here, so that `--help` loads nothing;
# a command appears once its module is there.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "serve": ("serve", "Start the server, over HTTP or stdio."),
    "import": ("importing", "Read conversations from files into contexts."),
    "export": ("exporting", "Write contexts as they stand to a file."),
    "render": ("render", "Print what a model would be given of contexts, or why."),
    "content": ("content", "Store, fetch and sync large content on a server."),
    "migrate": ("migrate", "Bring a store to this release's schema."),
    "doctor": ("doctor", "Look for what is wrong with a store and its surroundings."),
    "token": ("token", "Make and inspect access tokens."),
    "config": ("config", "Show each setting with its value, origin and meaning."),
}


class _Failure(click.ClickException):
    """A `BackstoryError` on its way out."""

    exit_code = 1

    def __init__(self, error: BackstoryError) -> None:
        super().__init__(f"{' '.join(error.detail.split())} ({error.code})")

    def show(self, file: Any = None) -> None:
        click.echo(f"error: {self.message}", err=file is None, file=file)


class _WrongSetting(_Failure):
    """What was configured is wrong, not what happened."""

    exit_code = 2


class _Commands(click.Group):
    """Finds commands in the table and loads the one that runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return [name for name in COMMANDS if _is_there(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS or not _is_there(cmd_name):
            return None
        command: click.Command = importlib.import_module(_module(cmd_name)).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, COMMANDS[name][1]) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BackstoryError as error:
            failure = _WrongSetting if isinstance(error, ConfigError) else _Failure
            raise failure(error) from error


def _module(name: str) -> str:
    return f"{__name__}.{COMMANDS[name][0]}"


def _is_there(name: str) -> bool:
    return importlib.util.find_spec(_module(name)) is not None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="backstory")
def main() -> None:
    """Backstory keeps what a model has to know, and serves it over MCP and REST."""
