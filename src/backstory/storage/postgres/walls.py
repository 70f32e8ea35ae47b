"""Saying whose rows a statement is about, which row-level security then sees to.

A transaction says it once, in the words that begin it. A statement that is a transaction of its
own says it by itself: what it asks stands behind a condition that has no column in it, so that
PostgreSQL works it out before it looks at the first row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from asyncpg import Connection, Record

from backstory.storage.postgres.encoding import QUERIES
from backstory.storage.tables.database import Names, remember

EVERYBODY: Final = "*"
"""What is said by what concerns all tenants: sweeping, scrubbing, migrations, whole exports."""
NOBODY: Final = 0
"""The number of a tenant that there is not."""

_PARAMETER: Final = re.compile(r"\$(\d+)")
_TABLE: Final = re.compile(r"\b(?:FROM|JOIN|UPDATE|INTO)\s+([a-z_]+)\b(?!\()")
_OPEN: Final = {"backstory", "tenants", "counters", "rights"}
"""Tables without the wall: nothing in them was written by a tenant."""
_CHANGES: Final = ("INSERT", "UPDATE", "DELETE")


def whose(number: int | None) -> str:
    """What is said for one tenant; for one that never wrote anything, nobody's."""
    return str(NOBODY if number is None else number)


async def number_of(
    connection: Connection[Record], names: Names, params: Iterable[object]
) -> int | None:
    """The number of the tenant that the first text names, which is asked for once."""
    name = next((each for each in params if isinstance(each, str)), None)
    if name is None:
        return None
    known = names.tenants.get(name)
    if known is None:
        known = await connection.fetchval(QUERIES.find_tenant, name)
        if known is not None:
            remember(names.tenants, name, known)
    return known


@lru_cache(maxsize=512)
def is_walled(sql: str) -> bool:
    """Whether a statement is about tables behind the wall."""
    return not _OPEN.issuperset(_TABLE.findall(sql))


@lru_cache(maxsize=512)
def said(sql: str) -> str:
    """The statement with one parameter more, behind its own: whose rows it is about."""
    says = QUERIES.say.format(place=_behind(sql))
    if sql.startswith(_CHANGES) and "RETURNING" not in sql:
        return f"WITH asked AS ({sql}) {says}"  # what changes rows comes last
    return _when(says, sql)


@lru_cache(maxsize=8)
def said_of_several(sql: str) -> str:
    """The same for a statement that tells how contexts of several tenants stand."""
    return _when(QUERIES.say_several.format(place=_behind(sql)), sql)


def several(numbers: Sequence[int]) -> str:
    """What is said for several tenants."""
    return ",".join(map(str, numbers))


def _behind(sql: str) -> int:
    return max(map(int, _PARAMETER.findall(sql)), default=0) + 1


def _when(says: str, sql: str) -> str:
    return f"WITH asked AS ({sql}) SELECT * FROM asked WHERE ({says}) IS NOT NULL"  # noqa: S608
