"""The command line: one file for each command, loaded only when it is asked for.

A command is a click command named `command` in a module of this folder. Errors of the
`BackstoryError` tree end in one line `error: ... (code)`, and so does wrong usage; the exit
code is 2 where what was asked or configured is wrong, else 1.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
from typing import Any, Final

import click

from backstory import __version__
from backstory.errors import BackstoryError, ConfigError

# Command to module and sentence. The sentence stands here, so that `--help` loads nothing;
# a command appears once its module is there.
COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "serve": ("serve", "Start the server, over HTTP or stdio."),
    "health": ("health", "Ask the server on this machine whether it is ready."),
    "import": ("importing", "Read conversations from files into contexts."),
    "export": ("exporting", "Write contexts as they stand to a file."),
    "render": ("render", "Print what a model would be given of contexts, or why."),
    "content": ("content", "Store, fetch, edit and sync large content on a server."),
    "kinds": ("kinds", "List, read and register kinds, and migrate their states."),
    "summarise": ("summarising", "Have a context summarised by a server."),
    "keys": ("keys", "Make the master key of an encrypted store, and see to its keys."),
    "backup": ("backup", "Copy a store in a file to another file, while it is in use."),
    "restore": ("restore", "Make a store of a backup again, or look whether one is whole."),
    "migrate": ("migrate", "Bring a store to this release's schema."),
    "role": ("role", "List, read, make and delete roles of a tenant."),
    "binding": ("binding", "Bind roles to subjects, groups and clients."),
    "quota": ("quota", "Show and bound what tenants keep in a store."),
    "scrub": ("scrub", "Look whether everything in a store is still whole."),
    "doctor": ("doctor", "Look for what is wrong with a store and its surroundings."),
    "rollout": ("rollout", "Say whether a new version may have more of the traffic."),
    "certificate": ("certificate", "Have a certificate from an authority, renewed in time."),
    "audit": ("auditing", "Write the audit trail out, and prove that it is whole."),
    "analyze": ("analyze", "Tell of errors, slow calls, busy tenants and growth, from logs."),
    "token": ("token", "Make, rotate and revoke access tokens of your own."),
    "user": ("users", "Accounts of the built-in authorization server."),
    "client": ("clients", "Applications that may ask the built-in server for tokens."),
    "config": ("config", "Show each setting with its value, origin and meaning."),
}

_INTERRUPTED: Final = 130  # as a shell reports SIGINT
_PLACES: Final = 9  # that an error names behind the first


def _told(error: BackstoryError) -> str:
    """The detail, which names the first wrong place, and some of the others."""
    more = [f"{violation.pointer}: {violation.detail}" for violation in error.errors[1:]]
    left = f"{len(more) - _PLACES:,} more" if len(more) > _PLACES else None
    return "; ".join([error.detail, *more[:_PLACES], *([left] if left else [])])


class _Failure(click.ClickException):
    """A `BackstoryError` on its way out."""

    exit_code = 1

    def __init__(self, error: BackstoryError) -> None:
        super().__init__(f"{' '.join(_told(error).split())} ({error.code})")

    def show(self, file: Any = None) -> None:
        click.echo(f"error: {self.message}", err=file is None, file=file)


class _WrongSetting(_Failure):
    """What was configured is wrong, not what happened."""

    exit_code = 2


class _WrongUsage(click.ClickException):
    """What was typed is no command of ours; says in the same form what to look at."""

    exit_code = 2

    def __init__(self, error: click.UsageError) -> None:
        asked = f"{error.ctx.command_path if error.ctx else 'backstory'} --help"
        said = " ".join(error.format_message().split()).rstrip(".")
        super().__init__(f"{said}; `{asked}` tells more (usage)")

    show = _Failure.show


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

    def make_context(self, *args: Any, **more: Any) -> click.Context:
        try:
            return super().make_context(*args, **more)
        except click.UsageError as error:
            raise _usage(error) from error

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise _usage(error) from error
        except BackstoryError as error:
            failure = _WrongSetting if isinstance(error, ConfigError) else _Failure
            raise failure(error) from error
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            raise SystemExit(_INTERRUPTED) from None


def _usage(error: click.UsageError) -> click.ClickException:
    """A group without a command shows its help, as click has it."""
    shows_help = isinstance(error, click.exceptions.NoArgsIsHelpError)
    return error if shows_help else _WrongUsage(error)


def _module(name: str) -> str:
    return f"{__name__}.{COMMANDS[name][0]}"


def _is_there(name: str) -> bool:
    return importlib.util.find_spec(_module(name)) is not None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="backstory")
def main() -> None:
    """Backstory keeps what a model has to know, and serves it over MCP and REST."""
    # What a command has to tell it tells itself; `serve` says where its log goes.
    logging.getLogger("backstory").addHandler(logging.NullHandler())
