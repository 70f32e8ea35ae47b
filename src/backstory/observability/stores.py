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
from backstory.resilience.stepping import WaitsError

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


def told_store(store: Store, hooks: Hooks, name: str = "") -> Store:
    """The store, told of where anybody listens; else the store itself.

    Operations of one that has a name are told of with it behind them.
    """
    if not (hooks.hears(StoreAsked) or hooks.hears(Traced)):
        return store
    return cast(Store, _ToldStore(store, hooks, name))


class _ToldStore:
    """Each operation goes on to the store, and is told of once it is done."""

    def __init__(self, store: Store, hooks: Hooks, name: str) -> None:
        self._store, self._hooks = store, hooks
        self._behind = f".{name}" if name else ""
        # What never changes while a store is open is asked with each request.
        self.epoch, self.first_epoch, self.secret = store.epoch, store.first_epoch, store.secret
        self.near = store.near  # asks nobody

    async def check(self) -> None:
        await self._store.check()

    async def aclose(self) -> None:
        await self._store.aclose()


def _told(operation: str) -> Callable[..., Awaitable[Any]]:
    async def asked(self: _ToldStore, *args: Any, **kwargs: Any) -> Any:
        request, ask = SERVED.get(), getattr(self._store, operation)
        code, counts, begun = OK, True, time.perf_counter()
        try:
            if request is None or not request.recorded:
                return await ask(*args, **kwargs)
            with request.part(STORE, operation):
                return await ask(*args, **kwargs)
        except (WaitsError, GeneratorExit):  # whoever does not wait asks again, and waits
            counts = False
            raise
        except BaseException as error:
            code = code_of(error)
            raise
        finally:
            if counts:
                taken = time.perf_counter() - begun
                self._hooks.tell(StoreAsked(operation + self._behind, code, taken))

    return asked


async def _keep_chunks(
    self: _ToldStore,
    tenant: str,
    key: ContextKey,
    holder: bytes,
    chunks: Sequence[Chunk],
    *more: Any,
) -> None:
    await _told("keep_chunks")(self, tenant, key, holder, chunks, *more)
    self._hooks.tell(ChunksKept(len(chunks), sum(chunk.ref.size for chunk in chunks)))


for _operation in OPERATIONS:
    setattr(_ToldStore, _operation, _told(_operation))
setattr(_ToldStore, "keep_chunks", _keep_chunks)  # noqa: B010 -- as the others


def code_of(error: BaseException) -> str:
    """What stands for an error in labels."""
    if isinstance(error, BackstoryError):
        return error.code
    return _CANCELLED if isinstance(error, asyncio.CancelledError) else UNFORESEEN
