"""What a connection has to offer, and the names it has learned.

Calls look like plain calls. Where a store has to wait for its server meanwhile, it sees to it
that nobody else has to (`storage.postgres.waiting`).
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from backstory import limits
from backstory.domain.principals import Author, Trust
from backstory.encryption.cipher import Cipher
from backstory.encryption.ring import Key
from backstory.storage.queries import Queries
from backstory.storage.tokens import Phrase, Tokens

Row = Sequence[Any]
_K = TypeVar("_K")
_V = TypeVar("_V")


class Names:
    """Interned names that a connection remembers, bounded by `limits.INTERNED_NAMES` each.

    Who an author is, it remembers for `limits.NAMES_SECONDS`, as he may be erased; and his number
    for as long as no keys were retired, which `changed` is told when something is to be written.
    """

    def __init__(self) -> None:
        self._until, self._keys, self.turn = 0.0, 0, 0
        self.tenants: dict[str, int] = {}
        self.tenant_names: dict[int, str] = {}
        self.authors: dict[tuple[int, int], Author] = {}
        self.author_ids: dict[tuple[int, Author], int] = {}
        self.voices: dict[tuple[int, int], tuple[str, str, Author]] = {}
        self.voice_ids: dict[tuple[int, int, str, str], int] = {}

    def refresh(self) -> None:
        """To be called before anything is read."""
        now = time.monotonic()
        if now >= self._until:
            self.authors.clear()
            self.voices.clear()
            self.turn += 1
            self._until = now + limits.NAMES_SECONDS

    def changed(self, keys: int) -> None:
        """Keys were retired, or subjects erased, as often as that."""
        if keys != self._keys:
            self._keys = keys
            self.clear()

    def clear(self) -> None:
        for names in (
            self.tenants,
            self.tenant_names,
            self.authors,
            self.author_ids,
            self.voices,
            self.voice_ids,
        ):
            names.clear()


class Database(ABC):
    """Rows by named queries, and numbers for the names that repeat in every row.

    `sql` holds the store's own statements, `tokens` tells words apart. Driver errors pass
    through as they are. Without a `cipher` nothing is encrypted. While it is `lenient`, a state or
    a reference whose key is destroyed reads as empty: whoever erases need not know it.
    """

    sql: Queries
    tokens: Tokens

    def __init__(self, names: Names | None = None, cipher: Cipher | None = None) -> None:
        self.names, self.cipher = names or Names(), cipher
        self.names.refresh()
        self._turn = self.names.turn
        self.lenient = False

    def key(self, tenant: int, namespace: str) -> Key | None:
        """The key that writes what is in a namespace; None where nothing is encrypted."""
        if self.cipher is None:
            return None
        return self.cipher.key(self.tenant_name(tenant), namespace)

    def indexed(self, tenant: int, words: Sequence[str]) -> Sequence[str]:
        """Words as the index has them."""
        return words if self.cipher is None else self.cipher.words(tenant, words)

    @abstractmethod
    def one(self, sql: str, *params: Any) -> Row | None:
        """The first row."""

    @abstractmethod
    def all(self, sql: str, *params: Any) -> Sequence[Row]:
        """All rows."""

    @abstractmethod
    def each(self, sql: str, *params: Any) -> Iterator[Row]:
        """The rows one after the other, without having all of them in memory."""

    def few(self, sql: str, *params: Any) -> Iterator[Row]:
        """As `each`, for so few rows that a store which is asked from afar gets all of them."""
        return self.each(sql, *params)

    @abstractmethod
    def run(self, sql: str, *params: Any) -> None:
        """Do it, at the latest before anything is read; rows are thrown away."""

    @abstractmethod
    def insert(self, sql: str, tenant: int, *params: Any) -> int:
        """Add a row that gets a number of its own, which is returned."""

    @abstractmethod
    def entries_with(
        self, tenant: int, phrases: Sequence[Phrase], between: tuple[int, int] | None = None
    ) -> Iterator[tuple[int, tuple[int, ...], int, int]]:
        """The entries with all phrases, of the newest logs first; those `between` two ids alone.

        Each with its id, how often each phrase occurs, its bytes, and when it was written.
        """

    def foresee(  # noqa: B027 (only a store that waits for each answer has to)
        self, sql: str, tenant: int, keys: Sequence[tuple[Any, ...]]
    ) -> None:
        """A hint: `one` or `all` will be asked for the rows of each of these keys."""

    @abstractmethod
    def searching(self) -> bool:
        """Whether the store keeps an index of words."""

    def value(self, sql: str, *params: Any) -> Any:
        """The first column of the first row, or None."""
        row = self.one(sql, *params)
        return row[0] if row else None

    # -- interned names --------------------------------------------------------------------

    def refresh(self) -> None:
        """To be called before something is read, by who keeps the connection."""
        self.names.refresh()
        self._turn = self.names.turn

    def forget_names(self) -> None:
        """After a rollback: numbers may have been handed out that are now free again."""
        self.names.clear()

    def tenant(self, name: str) -> int | None:
        """The tenant's number; None where it never wrote anything."""
        known = self.names.tenants.get(name)
        if known is None:
            known = self.value(self.sql.find_tenant, name)
            if known is not None:
                remember(self.names.tenants, name, known)
        return known

    def tenant_name(self, number: int) -> str:
        """The name of a tenant that has written."""
        known = self.names.tenant_names.get(number)
        if known is None:
            name: str = self.value(self.sql.tenant_name, number)
            known = remember(self.names.tenant_names, number, name)
        return known

    def author(self, tenant: int, number: int) -> Author:
        known = self.names.authors.get((tenant, number))
        if known is None:
            subject, trust = self.all(self.sql.author, tenant, number)[0]
            known = Author(subject, Trust(trust))
            self._learn(self.names.authors, (tenant, number), known)
        return known

    def voice(self, tenant: int, number: int) -> tuple[str, str, Author]:
        """Role, type and author of an entry."""
        known = self.names.voices.get((tenant, number))
        if known is None:
            role, kind, author = self.all(self.sql.voice, tenant, number)[0]
            known = (role, kind, self.author(tenant, author))
            self._learn(self.names.voices, (tenant, number), known)
        return known

    def _learn(self, names: dict[_K, _V], key: _K, value: _V) -> None:
        """Not what is read in a moment of long ago: it may not be so any more."""
        if self._turn == self.names.turn:
            remember(names, key, value)

    @abstractmethod
    def intern_tenant(self, name: str) -> int:
        """The tenant's number, made where it has none."""

    def intern_author(self, tenant: int, author: Author) -> int:
        known = self.names.author_ids.get((tenant, author))
        if known is None:
            key = (author.subject, int(author.trust))
            known = self.value(self.sql.find_author, tenant, *key)
            if known is None:
                known = self.insert(self.sql.add_author, tenant, *key)
            remember(self.names.author_ids, (tenant, author), known)
        return known

    def intern_voice(self, tenant: int, author: int, role: str, kind: str) -> int:
        key = (tenant, author, role, kind)
        known = self.names.voice_ids.get(key)
        if known is None:
            known = self.value(self.sql.find_voice, *key)
            if known is None:
                known = self.insert(self.sql.add_voice, *key)
            remember(self.names.voice_ids, key, known)
        return known


def remember(names: dict[_K, _V], key: _K, value: _V) -> _V:
    """Take a name in, and all others out where they are too many."""
    if len(names) >= limits.INTERNED_NAMES:
        names.clear()
    names[key] = value
    return value
