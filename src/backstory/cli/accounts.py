"""What `user`, `client` and `token` share: the built-in authorization server of a store."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from backstory import limits
from backstory.cli.acting import Told, tell
from backstory.config import Settings

if TYPE_CHECKING:
    from backstory.security.authority.service import Service

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
SETTINGS: Final = ("store", "auth_server", "public_url")
_STDIN: Final = "-"

password_option = click.option(
    "--password-file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="File whose first line is the password, - for stdin. [default: it is asked for]",
)


def with_service(
    settings: Settings, work: Callable[[Service], Awaitable[T]], told: Told[T] | None = None
) -> T:
    """What the work returned, done on the store beside whatever server runs on it.

    With `told`, the audit trail hears what it was done to.
    """
    from backstory.wiring import open_accounts, open_contexts

    async def opened() -> T:
        async with (
            open_contexts(settings, sweep=False) as contexts,
            open_accounts(settings, contexts) as service,
        ):
            done = await work(service)
            if told is not None:
                await tell(contexts, settings, told(done))
            return done

    return asyncio.run(opened())


def password_from(file: Path | None) -> str:
    """The password: of a file, of stdin, or typed twice without being shown.

    Raises:
        UsageError: there is none, or nobody who could type it.
    """
    if file is None:
        if not sys.stdin.isatty():
            raise click.UsageError("nobody can type a password here; give --password-file")
        typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return typed
    if str(file) == _STDIN:
        text = sys.stdin.readline(limits.PASSWORD_BYTES + 2)
    else:
        try:
            with file.open(encoding="utf-8") as lines:
                text = lines.readline(limits.PASSWORD_BYTES + 2)
        except (OSError, ValueError) as error:
            raise click.UsageError(f"the password file {file} cannot be read: {error}") from error
    password = text.rstrip("\r\n")
    if not password:
        raise click.UsageError("the password file is empty")
    return password
