"""A whole store as lines, its past included, and lines as a store of any kind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from backstory.clock import SystemClock
from backstory.config import ServerUrl, Settings
from backstory.storage.sqlite import SqliteOptions
from backstory.storage.sqlite import whole as in_file
from backstory.storage.tables.safe import Safe
from backstory.storage.whole.lines import Lines, Part, Rows, Store, Tenant, parts
from backstory.wiring.contexts import open_contexts
from backstory.wiring.keys import encrypt_rows
from backstory.wiring.stores import postgres_options, safe_in_file, safe_on_server


@dataclass(slots=True)
class Counted:
    """What went by."""

    tenants: int = 0
    contexts: int = 0
    versions: int = 0
    entries: int = 0
    ended_epoch: str = ""
    epoch: str | None = None

    def see(self, part: Part) -> Part:
        match part:
            case Store():
                self.ended_epoch = part.epoch
            case Tenant():
                self.tenants += 1
            case Rows():
                name = _COUNTED.get(part.table.name)
                if name is not None:
                    setattr(self, name, getattr(self, name) + len(part.rows))
        return part


_COUNTED = {"contexts": "contexts", "changes": "versions", "entries": "entries"}


def export_whole(
    settings: Settings, write: Callable[[bytes], None], *, decrypt: bool = False
) -> Counted:
    """Give all that is in the store at one moment, line by line; `decrypt`, if it is encrypted.

    Raises:
        BackstoryError: as `read` of the store's own `whole` says.
    """
    counted, lines = Counted(), Lines()

    def give(part: Part) -> None:
        write(lines.of(counted.see(part)))

    if isinstance(settings.store, ServerUrl):
        asyncio.run(_read_server(settings, give, decrypt=decrypt))
    else:
        options = SqliteOptions(settings.store.path)
        with _safe(safe_in_file(settings, options) if decrypt else None) as safe:
            for part in in_file.read(options, safe):
                give(part)
    write(lines.end())
    return counted


async def _read_server(settings: Settings, give: Callable[[Part], None], *, decrypt: bool) -> None:
    from backstory.storage.postgres import whole as on_server

    with _safe(safe_on_server(settings) if decrypt else None) as safe:
        async for part in on_server.read(postgres_options(settings), safe):
            give(part)


@contextmanager
def _safe(safe: Safe | None) -> Iterator[Safe | None]:
    try:
        yield safe
    finally:
        if safe is not None:
            safe.close()


def import_whole(settings: Settings, file: BinaryIO, name: str) -> Counted:
    """Fill an empty store; words are indexed and rows encrypted then, as the settings say.

    Raises:
        BackstoryError: as `write` of the store's own `whole` says, and nothing was imported.
    """
    counted = Counted()
    seen: Iterator[Part] = map(counted.see, parts(file, name))
    if isinstance(settings.store, ServerUrl):
        from backstory.storage.postgres import whole as on_server

        counted.epoch = asyncio.run(
            on_server.write(postgres_options(settings), SystemClock(), seen)
        )
    else:
        counted.epoch = in_file.write(SqliteOptions(settings.store.path), SystemClock(), seen)
    asyncio.run(_finish(settings))
    return counted


async def _finish(settings: Settings) -> None:
    """Whoever opens it makes the index of words; what is encrypted is what was written before.

    What tenants keep is counted anew: what two subjects of an encrypted store kept each may be one.
    """
    if settings.master_key:
        await encrypt_rows(settings, lambda *_: None)
    async with open_contexts(settings, sweep=False) as contexts:
        after = ""
        while names := await contexts.store.tenants(after):
            for name in names:
                await contexts.store.recount(name)
            after = names[-1]
