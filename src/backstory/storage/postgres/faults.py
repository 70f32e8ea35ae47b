"""The one place where the driver's errors become ours."""

from __future__ import annotations

from typing import Final

import asyncpg

from backstory import limits
from backstory.errors import (
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)
from backstory.resilience.retrying import Backoff

FOREIGN: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # on a connection that was ended just before it was used
    OSError,
    EOFError,
    TimeoutError,
)
"""All that may come out of the driver."""

AGAIN: Final = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
"""The server has taken the transaction back, and says that it may be tried again."""

MEANWHILE: Final = (asyncpg.InvalidTextRepresentationError, asyncpg.UniqueViolationError)
"""What a statement that takes the counter says where others wrote since it was looked at."""


def is_refusal(error: BaseException) -> bool:
    """Whether the server goes on after that: where it answers a COMMIT so, nothing happened.

    A server that is going down may have committed before it says so.
    """
    return isinstance(error, asyncpg.PostgresError) and error.severity_en == "ERROR"


_CONNECTION: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    EOFError,
)
BACKOFF: Final = Backoff(
    limits.STORE_TRIES, limits.STORE_BACKOFF_SECONDS, limits.STORE_BACKOFF_MOST_SECONDS
)


def is_outage(error: BaseException) -> bool:
    """Whether it says that the server is away, or no primary, and not what it thinks of a statement."""
    return isinstance(
        error, (*_CONNECTION, asyncpg.ReadOnlySQLTransactionError)
    ) and not isinstance(error, (TimeoutError, asyncpg.IdleInTransactionSessionTimeoutError))


def is_away(error: BaseException) -> bool:
    """Whether it says, of a mere look at the server, that nobody can work with it."""
    return is_outage(error) or isinstance(error, TimeoutError)


def again(error: BaseException) -> float | None:
    """What may pass by itself, where it is known that nothing was written (`retrying.Again`).

    An error of ours is as good as the driver's that it was made of.
    """
    reason = error.__cause__ if isinstance(error, StoreError) else error
    passes = reason is not None and (
        is_outage(reason) or isinstance(reason, (*AGAIN, asyncpg.TooManyConnectionsError))
    )
    return 0.0 if passes else None


_TOO_LONG = "the database took longer than it may; nothing was written, try again"
_LOST = "the database cannot be reached ({error}); nothing was written, try again"
_FULL = "the database's disk is full; free some room and try again"
_CORRUPT = "the database says that it is damaged ({error}); restore a backup"
_STANDBY = "the database is a standby or read-only; name the primary in --store"
_ACCESS = "the database refuses the user or the database's name ({error}); check --store"
_RIGHTS = "the database user lacks a right ({error}); it has to own Backstory's tables"
_BUSY = "the database takes no more connections ({error}); raise max_connections or use a pooler"
_OTHER = "the database could not do it ({error}); nothing was written"


def translate(error: BaseException) -> StoreError:
    """The error of ours that says the same. Nothing was written where it is raised."""
    match error:
        case asyncpg.QueryCanceledError() | TimeoutError() | asyncpg.LockNotAvailableError():
            return StoreUnavailableError(_TOO_LONG, retry_after=1)
        case asyncpg.DiskFullError():
            return StoreFullError(_FULL)
        case asyncpg.DataCorruptedError() | asyncpg.IndexCorruptedError():
            return StoreCorruptError(_CORRUPT.format(error=_first_line(error)))
        case asyncpg.ReadOnlySQLTransactionError():
            return StoreUnavailableError(_STANDBY, retry_after=1)
        case asyncpg.InvalidAuthorizationSpecificationError() | asyncpg.InvalidCatalogNameError():
            return StoreUnavailableError(_ACCESS.format(error=_first_line(error)))
        case asyncpg.InsufficientPrivilegeError():
            return StoreUnavailableError(_RIGHTS.format(error=_first_line(error)))
        case asyncpg.TooManyConnectionsError():
            return StoreUnavailableError(_BUSY.format(error=_first_line(error)), retry_after=1)
        case _ if isinstance(error, _CONNECTION):
            return StoreUnavailableError(_LOST.format(error=_first_line(error)), retry_after=1)
        case _:
            return StoreUnavailableError(_OTHER.format(error=_first_line(error)), retry_after=1)


def _first_line(error: BaseException) -> str:
    """The driver's own words, which never hold what was stored or a password."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
