"""Tools for the keys of an encrypted store, which may be in use."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from backstory import limits
from backstory.config import ServerUrl, Settings
from backstory.contexts.rotation_note import Report, report_of
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.storage.sqlite.inspecting import is_keyed
from backstory.storage.tables.rotating import KeysFound
from backstory.storage.tables.store import TableStore
from backstory.wiring.stores import postgres_options, safe_in_file, safe_on_server

Progress = Callable[[str, int], None]
"""Is told of a tenant and how many of its rows were encrypted so far."""


@asynccontextmanager
async def _opened(settings: Settings) -> AsyncIterator[TableStore]:
    store: TableStore
    if isinstance(settings.store, ServerUrl):
        from backstory.storage.postgres.store import open_store as open_server

        store = await open_server(postgres_options(settings), safe=safe_on_server(settings))
    else:
        options = SqliteOptions(settings.store.path, search=settings.search)
        store = await open_store(options, safe=safe_in_file(settings, options))
    try:
        yield store
    finally:
        await store.aclose()


async def encrypt_rows(settings: Settings, told: Progress, *, renew: bool = False) -> int:
    """Bring all rows under the keys that write, with `renew` under new ones; how many it were.

    Raises:
        KeyUnusableError: there is no master key, or another's.
        StoreError: the store cannot be used; what is done stays done.
    """
    total = 0
    async with _opened(settings) as store:
        for tenant in await _tenants(store):
            if renew:
                await store.renew_keys(tenant)
            sealed = 0
            async for sealed in store.reseal(tenant):
                told(tenant, sealed)
            total += sealed
    return total


async def rewrap_keys(settings: Settings) -> int:
    """Have the first master key wrap all of it; how many keys it were.

    Raises:
        KeyUnusableError: there is no master key, or one that is still needed is not named.
    """
    async with _opened(settings) as store:
        return await store.rewrap_keys()


async def is_encrypted(settings: Settings) -> bool:
    """Whether anything in the store may be encrypted. Writes nothing.

    Raises:
        StoreError: it cannot be looked at.
    """
    if isinstance(settings.store, ServerUrl):
        from backstory.storage.postgres.inspecting import is_keyed as is_server_keyed

        return await is_server_keyed(postgres_options(settings))
    return is_keyed(SqliteOptions(settings.store.path))


async def look_at_keys(settings: Settings) -> tuple[KeysFound, Report]:
    """How the keys stand, and how far servers have come with replacing them.

    Raises:
        KeyUnusableError: there is no master key, or another's.
    """
    async with _opened(settings) as store:
        return await store.keys_found(await _tenants(store)), await report_of(store.get_note)


async def _tenants(store: TableStore) -> list[str]:
    found: list[str] = []
    while page := await store.tenants(found[-1] if found else "", limits.PAGE_MAX):
        found += page
    return found
