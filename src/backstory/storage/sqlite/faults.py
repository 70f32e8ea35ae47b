"""The one place where the driver's errors become ours."""

from __future__ import annotations

from pathlib import Path

import apsw

from backstory.errors import (
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
)

_CORRUPT = (
    "the database file is damaged ({error}); stop all processes that use it, keep a copy, and "
    "restore a backup or run `backstory doctor`"
)
_NO_DATABASE = "the file is no database of Backstory; choose another path or move it away"
_FULL = "the disk is full; free some room and try again"
_LOCKED = "the database file is locked by another process; nothing was written, try again"
_READ_ONLY = "the database file cannot be written; check its permissions and its folder's"
_OTHER = "the database file could not be used ({error}); nothing was written"


def at(path: Path, error: apsw.Error) -> StoreError:
    """As `translate`, with the file that could not be opened."""
    found = translate(error)
    return type(found)(f"{path}: {found.detail}", retry_after=found.retry_after)


def translate(error: apsw.Error) -> StoreError:
    """The error of ours that says the same. Nothing was written where it is raised."""
    if isinstance(error, apsw.NotADBError):
        return StoreCorruptError(_NO_DATABASE)
    if isinstance(error, apsw.CorruptError):
        return StoreCorruptError(_CORRUPT.format(error=error))
    if isinstance(error, apsw.FullError):
        return StoreFullError(_FULL)
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return StoreUnavailableError(_LOCKED, retry_after=1)
    if isinstance(error, apsw.ReadOnlyError | apsw.CantOpenError | apsw.PermissionsError):
        return StoreUnavailableError(_READ_ONLY)
    return StoreUnavailableError(_OTHER.format(error=error), retry_after=1)


ENVIRONMENT = (
    apsw.NotADBError,
    apsw.CorruptError,
    apsw.FullError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.ReadOnlyError,
    apsw.CantOpenError,
    apsw.PermissionsError,
    apsw.IOError,
    apsw.NoMemError,
    apsw.ProtocolError,
)
"""Errors that say something of the machine, not of the statement."""
