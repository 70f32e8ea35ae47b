"""A store that tells how long it takes: `ports.store.Store` around another one."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, cast

from backstory.domain.chunking import Chunk
from backstory.domain.keys import ContextKey
from backstory.errors import BackstoryError
from backstory.ports.events import OK, STORE, UNFORESEEN, ChunksKept, StoreAsked, Traced
from backstory.ports.hooks import SERVED, Hooks
from backstory.ports.store import Store

_LIFE: Final = frozenset({"check", "aclose"})

OPERATIONS: Final = tuple(
    sorted(
        name
        for name, method in inspect.getmembers(Store, inspect.iscoroutinefunction)
        if name not in _LIFE
    )
)
"""Whatever can be asked of a store."""

_CANCELLED: Final = "cancelled"


def told_store(store: Store, hooks: Hooks) -> Store:
    """The store, told of where anybody listens; else the store itself."""
    if not (hooks.hears(StoreAsked) or hooks.hears(Traced)):
        return store
    return cast(Store, _ToldStore(store, hooks))


class _ToldStore:
    """Each operation goes on to the store, and is told of once it is done."""

    def __init__(self, store: Store, hooks: Hooks) -> None:
        self._store, self._hooks = store, hooks
        # What never changes while a store is open is asked with each request.
        self.epoch, self.first_epoch, self.secret = store.epoch, store.first_epoch, store.secret
        self.check, self.aclose = store.check, store.aclose
        for name in OPERATIONS:
            setattr(self, name, _told(name, getattr(store, name), hooks))
        self._keep = self.keep_chunks
        self.keep_chunks = self._kept

    keep_chunks: Callable[..., Awaitable[None]]

    async def _kept(
        self, tenant: str, key: ContextKey, holder: bytes, chunks: Sequence[Chunk]
    ) -> None:
        await self._keep(tenant, key, holder, chunks)
        self._hooks.tell(ChunksKept(len(chunks), sum(chunk.ref.size for chunk in chunks)))


def _told(
    operation: str, ask: Callable[..., Awaitable[Any]], hooks: Hooks
) -> Callable[..., Awaitable[Any]]:
    async def asked(*args: Any, **kwargs: Any) -> Any:
        request = SERVED.get()
        code, begun = OK, time.perf_counter()
        try:
            if request is None or not request.recorded:
                return await ask(*args, **kwargs)
            with request.part(STORE, operation):
                return await ask(*args, **kwargs)
        except BaseException as error:
            code = code_of(error)
            raise
        finally:
            hooks.tell(StoreAsked(operation, code, time.perf_counter() - begun))

    return asked


def code_of(error: BaseException) -> str:
    """What stands for an error in labels."""
    if isinstance(error, BackstoryError):
        return error.code
    return _CANCELLED if isinstance(error, asyncio.CancelledError) else UNFORESEEN
