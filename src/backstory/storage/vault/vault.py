"""What both vaults do alike: `ports.vault.Vault` by named queries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Final

from backstory.domain.subjects import Erasure
from backstory.errors import KeyUnusableError
from backstory.ports.vault import Make, More, WrappedKey, WrappedRoot
from backstory.storage.queries import Queries, read_sql

PACKAGE: Final = "backstory.storage.vault"
Row = Sequence[Any]


def queries(prefix: str) -> Queries:
    """The statements, for tables whose names begin so."""
    return Queries(read_sql(PACKAGE, "queries.sql").replace("{prefix}", prefix))


def schema(**words: str) -> str:
    """The tables, with the words of one database."""
    text = read_sql(PACKAGE, "schema.sql").partition("\n\n")[2]
    for word, meaning in words.items():
        text = text.replace(f"{{{word}}}", meaning)
    return text


class SqlVault(ABC):
    """Each statement is a transaction of its own."""

    def __init__(self, sql: Queries) -> None:
        self._sql = sql

    @abstractmethod
    def _rows(self, sql: str, *params: Any) -> Sequence[Row]:
        """Run a statement; errors of the driver are translated."""

    @abstractmethod
    def exists(self) -> bool: ...

    @abstractmethod
    def close(self) -> None: ...

    # -- keys --------------------------------------------------------------------------

    def roots(self) -> Sequence[WrappedRoot]:
        return [WrappedRoot(*row) for row in self._rows(self._sql.roots)]

    def add_root(self, master: str, wrapped: bytes, *, first: bool) -> Sequence[WrappedRoot]:
        sql = self._sql.add_first_root if first else self._sql.add_root
        self._rows(sql, master, wrapped)
        return self.roots()

    def rewrap_root(self, number: int, master: str, wrapped: bytes) -> None:
        self._rows(self._sql.rewrap_root, number, master, wrapped)

    def key(self, number: int) -> WrappedKey | None:
        rows = self._rows(self._sql.key, number)
        return _key(rows[0]) if rows else None

    def current(self, tenant: str, subject: str, make: Make) -> WrappedKey:
        for _ in range(_ATTEMPTS):
            rows = self._rows(self._sql.current, tenant, subject)
            if rows:
                return _key(rows[0])
            self._rows(self._sql.add_key, tenant, subject, *make())
        raise KeyUnusableError("the keys change all the time; try again", retry_after=1)

    def keys(self, after: int, limit: int) -> Sequence[WrappedKey]:
        return [_key(row) for row in self._rows(self._sql.keys, after, limit)]

    def newest(self) -> int:
        return int(self._rows(self._sql.newest_key)[0][0])

    def rewrap_key(self, number: int, root: int, wrapped: bytes) -> None:
        self._rows(self._sql.rewrap_key, number, root, wrapped)

    def retire(self, tenant: str, subject: str, *, scope: bool) -> None:
        self._rows(self._sql.retire, tenant, subject)
        if scope:
            self._rows(self._sql.end_scope, tenant, subject)

    def destroy(self, tenant: str, subject: str) -> int:
        self._rows(self._sql.destroy, tenant, subject)
        return int(self._rows(self._sql.destroyed, tenant, subject)[0][0])

    def destroy_key(self, number: int) -> None:
        self._rows(self._sql.destroy_key, number)

    # -- erasures ----------------------------------------------------------------------

    def begin_erasure(self, tenant: str, subject: str, at: int) -> Erasure:
        self._rows(self._sql.begin_erasure, tenant, subject, at)
        found = self.erasure(tenant, subject)
        assert found is not None  # erasures are never taken out
        return found

    def fence(self, number: int) -> int | None:
        fence: int | None = self._rows(self._sql.fence, number)[0][0]
        return fence

    def set_fence(self, number: int, fence: int) -> None:
        self._rows(self._sql.set_fence, number, fence)

    def count_erased(self, number: int, *, contexts: int, entries: int, forks: int) -> None:
        self._rows(self._sql.count_erased, number, contexts, entries, forks)

    def count_more(self, number: int, what: More, times: int) -> None:
        self._rows(self._sql.count_more, number, what, times)

    def end_erasure(self, number: int, at: int, keys: int) -> Erasure:
        self._rows(self._sql.end_erasure, number, at, keys)
        return _erasure(self._rows(self._sql.erasure, number)[0])

    def erasure(self, tenant: str, subject: str) -> Erasure | None:
        rows = self._rows(self._sql.erasure_of, tenant, subject)
        return _erasure(rows[0]) if rows else None

    def erasures(self, after: int, limit: int) -> Sequence[Erasure]:
        return [_erasure(row) for row in self._rows(self._sql.erasures, after, limit)]

    # -- what outlives a restore ---------------------------------------------------------

    def keep(self, name: str, until: int, now: int) -> None:
        self._rows(self._sql.drop_kept, now)
        self._rows(self._sql.keep, name, until)

    def kept(self, now: int) -> Sequence[tuple[str, int]]:
        return [(name, until) for name, until in self._rows(self._sql.kept, now)]


_ATTEMPTS: Final = 10


def _erasure(row: Row) -> Erasure:
    return Erasure(*row[:9], *map(int, row[9:]))  # PostgreSQL's sums are decimal


def _key(row: Row) -> WrappedKey:
    number, tenant, subject, scope, root, wrapped, retired = row
    return WrappedKey(number, tenant, subject, scope or number, root, wrapped, bool(retired))
