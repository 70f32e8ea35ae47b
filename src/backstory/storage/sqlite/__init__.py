"""The embedded store: one SQLite file, shared by the processes of one machine."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from os import PathLike
from pathlib import Path

import apsw

from backstory.clock import Clock, SystemClock
from backstory.storage.sqlite.faults import translate
from backstory.storage.sqlite.opening import prepare
from backstory.storage.sqlite.options import SqliteOptions
from backstory.storage.sqlite.store import SqliteStore
from backstory.storage.sqlite.vault import SqliteVault
from backstory.storage.tables.jobs import Committed, unheard
from backstory.storage.tables.safe import Safe

__all__ = ["SqliteOptions", "SqliteStore", "open_store"]


async def open_store(
    where: SqliteOptions | str | PathLike[str],
    *,
    clock: Clock | None = None,
    search: bool | None = None,
    committed: Committed = unheard,
    safe: Safe | None = None,
) -> SqliteStore:
    """Open the file, made where there is none, for use in the running event loop.

    Never open a store before a fork: SQLite's locks do not survive one. `committed` hears of
    each transaction that writes, in the thread that does. `safe` has the file's keys, and is
    closed with it; without one nothing is encrypted.

    Raises:
        StoreCorruptError: the file is no database, not one of ours, or damaged.
        SchemaVersionError: another release made it.
        StoreUnavailableError: it cannot be opened or written, or stays locked too long.
        StoreFullError: there is no room for a new one.
        KeyUnusableError: it is encrypted, and the keys are not in the safe.
    """
    options = where if isinstance(where, SqliteOptions) else SqliteOptions(Path(where))
    if search is not None:
        options = replace(options, search=search)
    options = replace(options, path=options.path.absolute())
    clock = clock or SystemClock()
    safe = safe or Safe(partial(SqliteVault, options.keys_path))
    try:
        await asyncio.to_thread(safe.open)
        meta = await asyncio.to_thread(prepare, options, clock, safe.cipher)
        store = SqliteStore(options, clock, meta, safe, committed=committed)
    except apsw.Error as error:
        safe.close()
        raise translate(error) from error
    except BaseException:
        safe.close()
        raise
    await _finish(store)
    return store


async def _finish(store: SqliteStore) -> None:
    """What was erased stays erased, also where the file was restored from a backup."""
    try:
        await store.finish_erasures()
    except BaseException:
        await store.aclose()
        raise
