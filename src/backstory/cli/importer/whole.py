"""`backstory import history`: a whole store out of lines, into an empty one."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from backstory.config import Settings
from backstory.wiring import import_whole
from backstory.wiring.whole import Counted

HISTORY: Final = "history"
ABOUT: Final = "history: A whole store with its past, of `export --history`, into an empty one."
_STDIN: Final = "-"


def whole(settings: Settings, name: str, *, as_json: bool) -> None:
    """All of it or nothing.

    Raises:
        BackstoryError: as `import_whole`.
    """
    counted = _import(settings, name)
    if as_json:
        view = {"store": settings.store.shown, "file": name} | asdict(counted)
        click.echo(json.dumps(view, indent=2))
        return
    click.echo(
        f"{counted.tenants:,} tenants with {counted.contexts:,} contexts in "
        f"{counted.versions:,} versions, and {counted.entries:,} entries, imported\n"
        f"epoch {counted.ended_epoch} has ended, {counted.epoch} has begun"
    )


def _import(settings: Settings, name: str) -> Counted:
    if name == _STDIN:
        return import_whole(settings, sys.stdin.buffer, "standard input")
    with Path(name).open("rb") as file:  # click has looked that it can be read
        return import_whole(settings, file, name)
