"""What several stores number alike, told apart; and what is asked of several at once.

Each store counts its logs from one. Outside, a log's number says whose it is by its high bits;
those of the first store stay as they are.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol, TypeVar

from msgspec import structs

from backstory import limits
from backstory.domain.chains import Chain
from backstory.domain.keys import ContextKey
from backstory.errors import BackstoryError, StoreError
from backstory.ports.store import Store, View
from backstory.storage.routed.routing import Routing

T = TypeVar("T")

_BITS: Final = 48  # of a log's number; the store's number stands above
_LOG: Final = 2**_BITS - 1


class Places(Protocol):
    """What each verb family of a routed store begins from."""

    _stores: Sequence[Store]
    _routing: Routing
    _roots: Whereabouts

    def _of(self, key: ContextKey) -> Store:
        """The store that keeps the context."""
        return self._stores[self._routing.of(key.namespace)]


class Whereabouts:
    """Which store something was last seen in, for what does not say so itself. A hint."""

    def __init__(self, most: int = limits.ROUTED_HINTS) -> None:
        self._known: OrderedDict[tuple[str, bytes], int] = OrderedDict()
        self._most = most

    def learn(self, tenant: str, name: bytes, store: int) -> None:
        self._known[tenant, name] = store
        self._known.move_to_end((tenant, name))
        while len(self._known) > self._most:
            self._known.popitem(last=False)

    def order(self, tenant: str, name: bytes, stores: int) -> list[int]:
        """All stores, the likeliest first."""
        likely = self._known.get((tenant, name), 0)
        return [likely, *(at for at in range(stores) if at != likely)]


def outside(view: View, store: int) -> View:
    """The view with the numbers of its logs as they are known outside."""
    if not store or not view.chain.pieces:
        return view
    pieces = (structs.replace(each, log=each.log | store << _BITS) for each in view.chain.pieces)
    return replace(view, chain=Chain(tuple(pieces)))


def inside(chain: Chain) -> tuple[int, Chain]:
    """Whose chain it is, and the chain as its store knows it."""
    store = chain.pieces[0].log >> _BITS if chain.pieces else 0
    if not store:
        return 0, chain
    pieces = (structs.replace(each, log=each.log & _LOG) for each in chain.pieces)
    return store, Chain(tuple(pieces))


def log_inside(log: int) -> tuple[int, int]:
    """Whose log it is, and its number there."""
    return log >> _BITS, log & _LOG


async def together(asked: Mapping[int, Callable[[], Awaitable[T]]]) -> dict[int, T | StoreError]:
    """The answer of each store, or why it has none.

    Raises:
        BackstoryError: whatever else one of them raises.
    """
    if len(asked) == 1:
        ((store, ask),) = asked.items()
        return {store: await _tried(ask)}
    answers = await asyncio.gather(*map(_tried, asked.values()))
    return dict(zip(asked, answers, strict=True))


async def all_of(asked: Mapping[int, Callable[[], Awaitable[T]]]) -> dict[int, T]:
    """The answer of each store.

    Raises:
        BackstoryError: one of them has none; all were asked.
    """
    found: dict[int, T] = {}
    failed: list[BackstoryError] = []
    for store, answer in (await together(asked)).items():
        if isinstance(answer, StoreError):
            failed.append(answer)
        else:
            found[store] = answer
    if failed:
        raise failed[0]
    return found


async def _tried(ask: Callable[[], Awaitable[T]]) -> T | StoreError:
    try:
        return await ask()
    except StoreError as error:
        return error
