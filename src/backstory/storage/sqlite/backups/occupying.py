"""Whether anybody uses the place that a store is to take, and how it is given up.

Whoever has an SQLite file open in WAL mode holds a shared lock on it for as long, on a range of bytes that
is part of the file format's use (https://sqlite.org/lockingv3.html, os_unix.c). Who can lock that range
alone knows that nobody is there, whatever state the file is in, and keeps everybody out.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from backstory import clock
from backstory.errors import ConflictError, StoreInUseError
from backstory.storage.sqlite.backups.rooms import sync_folder, take_name
from backstory.storage.sqlite.options import SqliteOptions

_SHARED_FIRST: Final = 0x40000002
_SHARED_SIZE: Final = 510


def look(options: SqliteOptions, *, replace: bool) -> None:
    """Whether a store may be put there.

    Raises:
        StoreInUseError: somebody has the store open that is there.
        ConflictError: there is a store, and it is not to be replaced.
    """
    with _alone(options):
        _look(options, replace=replace)


def _look(options: SqliteOptions, *, replace: bool) -> None:
    found = next((path for path in _files(options) if _has_bytes(path)), None)
    if found is not None and not replace:
        raise ConflictError(
            f"there is something at {found} already; nothing was restored: name another place with "
            "--store, or put what is there aside with --replace"
        )


@contextlib.contextmanager
def _alone(options: SqliteOptions) -> Iterator[None]:
    """Nobody opens the file that is there, if one is.

    Nothing in this process may open and close that file meanwhile, which would let go of the lock.

    Raises:
        StoreInUseError: somebody has it open.
    """
    try:
        file = os.open(options.path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        yield
        return
    try:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_SIZE, _SHARED_FIRST)
        except (BlockingIOError, PermissionError):
            raise StoreInUseError(
                f"a server or a command uses the store at {options.path}; nothing was changed: stop it "
                "first"
            ) from None
        yield
    finally:
        os.close(file)


def put(made: Path, options: SqliteOptions, now: int, *, replace: bool) -> Path | None:
    """Put the store there; where what was there before is now, None if nothing was.

    To be called with the writers' lock. Who is killed in the middle leaves the one or the other in
    the place, and what was there whole.

    Raises:
        StoreInUseError, ConflictError: as `look`.
        OSError: it cannot be done.
    """
    with _alone(options):
        _look(options, replace=replace)
        aside = _link_aside(options, now) if any(map(_has_bytes, _files(options))) else None
        _drop_log(options)
        if aside is None:
            options.path.unlink(missing_ok=True)  # an empty file is nothing
            take_name(made, options.path)
        else:
            made.replace(options.path)
            sync_folder(options.path)
        return aside


def _link_aside(options: SqliteOptions, now: int) -> Path:
    aside = options.path.with_name(f"{options.path.name}.before-{_stamp(now)}")
    for path in _files(options):
        if _has_bytes(path):
            os.link(path, f"{aside}{path.name.removeprefix(options.path.name)}")
    sync_folder(options.path)
    return aside


def _files(options: SqliteOptions) -> tuple[Path, Path]:
    """The database, and the log without which it is not whole."""
    return options.path, options.wal_path


def _drop_log(options: SqliteOptions) -> None:
    """A log that was left would be taken for that of the new file."""
    options.wal_path.unlink(missing_ok=True)
    options.path.with_name(options.path.name + "-shm").unlink(missing_ok=True)


def _has_bytes(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def _stamp(now: int) -> str:
    return clock.to_text(now)[:19].replace("-", "").replace(":", "") + "Z"
