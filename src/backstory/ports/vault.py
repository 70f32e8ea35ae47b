"""Where keys and the list of erasures are kept: apart from the data, and from its backups.

Calls look like plain calls, as those of a store's own rows do. All of them are durable when they
return.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from backstory.domain.subjects import Erasure


class Master(Protocol):
    """A key that never leaves where it is, and wraps those that wrap all others.

    It is asked when a store is opened and when keys are wrapped anew, never for single rows. It
    may take a second; it raises from the tree of `backstory.errors`.
    """

    @property
    def name(self) -> str:
        """Names the key, not the place: another key has another name. At most 100 characters."""
        ...

    def wrap(self, secret: bytes) -> bytes:
        """The secret so that only `unwrap` of the same key can read it."""
        ...

    def unwrap(self, wrapped: bytes) -> bytes:
        """The secret.

        Raises:
            KeyUnusableError: this key did not wrap it.
        """
        ...


@dataclass(frozen=True, slots=True)
class WrappedRoot:
    """A key that wraps data keys, wrapped itself by the master key of that name."""

    number: int
    master: str
    wrapped: bytes


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A data key of a subject, or of a tenant where `subject` is empty.

    `wrapped` is None once it is destroyed. `scope` is the number of the subject's first key since
    its last erasure; what is shared, is shared within a scope. One that is `retired` writes
    nothing any more.
    """

    number: int
    tenant: str
    subject: str
    scope: int
    root: int
    wrapped: bytes | None
    retired: bool


Make = Callable[[], tuple[int, bytes]]
"""Makes a key: the number of the root that wraps it, and the wrapped key."""

More = Literal["bindings", "accounts", "grants"]


class Vault(Protocol):
    """One store's keys and erasures, for all processes that use it."""

    def exists(self) -> bool:
        """Whether anything was ever kept here. Makes nothing."""
        ...

    def roots(self) -> Sequence[WrappedRoot]:
        """All roots, the oldest first."""
        ...

    def add_root(self, master: str, wrapped: bytes, *, first: bool) -> Sequence[WrappedRoot]:
        """Add a root; with `first` only where there is none. All roots."""
        ...

    def rewrap_root(self, number: int, master: str, wrapped: bytes) -> None:
        """Put another wrapping in the place of a root's."""
        ...

    def key(self, number: int) -> WrappedKey | None:
        """The key of that number, destroyed ones too."""
        ...

    def current(self, tenant: str, subject: str, make: Make) -> WrappedKey:
        """The key that writes; made where there is none. Of two who make one, one wins."""
        ...

    def keys(self, after: int, limit: int) -> Sequence[WrappedKey]:
        """Keys that are not destroyed, in order, behind a number."""
        ...

    def newest(self) -> int:
        """The number of the key that was made last, 0 where there is none."""
        ...

    def rewrap_key(self, number: int, root: int, wrapped: bytes) -> None:
        """Put another wrapping in the place of a key's; nothing where it is destroyed."""
        ...

    def retire(self, tenant: str, subject: str, *, scope: bool) -> None:
        """Let the key that writes write no more. With `scope` the next begins another scope."""
        ...

    def destroy(self, tenant: str, subject: str) -> int:
        """Destroy a subject's retired keys; how many are destroyed now."""
        ...

    def begin_erasure(self, tenant: str, subject: str, at: int) -> Erasure:
        """Note that a subject is to be erased; the one that is under way, if one is."""
        ...

    def fence(self, number: int) -> int | None:
        """The highest number of a context that an erasure is about, None while nobody knows."""
        ...

    def set_fence(self, number: int, fence: int) -> None:
        """Note it."""
        ...

    def count_erased(self, number: int, *, contexts: int, entries: int, forks: int) -> None:
        """Add to what an erasure has erased."""
        ...

    def count_more(self, number: int, what: More, times: int) -> None:
        """Add to what else an erasure has erased."""
        ...

    def end_erasure(self, number: int, at: int, keys: int) -> Erasure:
        """Note that it is done."""
        ...

    def erasure(self, tenant: str, subject: str) -> Erasure | None:
        """The newest erasure of a subject."""
        ...

    def erasures(self, after: int, limit: int) -> Sequence[Erasure]:
        """Erasures behind a number and all that are under way, in order."""
        ...

    def keep(self, name: str, until: int, now: int) -> None:
        """Keep a name until then, and drop those whose time is over."""
        ...

    def kept(self, now: int) -> Sequence[tuple[str, int]]:
        """The names that are kept, with their ends."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...
