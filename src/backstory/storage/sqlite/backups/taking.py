"""A copy of one moment of a file, while others write to it.

SQLite's own backup (https://sqlite.org/c3ref/backup_finish.html) copies pages; a read transaction around it
keeps it to the moment at which it began, whatever is committed meanwhile. It goes in steps, each on
the disk before the next, and rests between them, so that commits find the disk free.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

import apsw

from backstory import __version__, clock, limits
from backstory.errors import StoreCorruptError
from backstory.storage.queries import Queries
from backstory.storage.sqlite.backups import ends, rooms
from backstory.storage.sqlite.backups.ends import Backup, Told
from backstory.storage.sqlite.database import connect
from backstory.storage.sqlite.faults import at
from backstory.storage.sqlite.opening import APPLICATION_ID, KNOWN, standing_of
from backstory.storage.sqlite.options import SqliteOptions

_QUERIES: Final = Queries.load("backstory.storage.sqlite", "backup.sql")
_ENDING: Final = "part"
_Meta = tuple[str, int, int]
"""Epoch, whether anything may be encrypted, the newest erasure."""


def take(
    options: SqliteOptions, target: Path, now: clock.Clock, told: Told, *, listed: bool
) -> Backup:
    """Copy the store to a file that is not there yet. `listed`: there is a list of erasures.

    Raises:
        ConflictError: the file is there, or somebody else is making it.
        InvalidError: it cannot be written.
        StoreFullError: there is no room for it.
        StoreError: the store cannot be read, or the copy is damaged.
    """
    rooms.look(target)
    with rooms.room(target, _ENDING) as room:
        made, taken_at = room / "pages.db", clock.to_text(now.now())
        version, (epoch, keyed, erasure) = _copy(options, made, target, told)
        with rooms.saying(target):
            size = made.stat().st_size
            backup = Backup(
                release=__version__,
                taken_at=taken_at,
                epoch=epoch,
                schema_version=version,
                bytes=size,
                sha256=ends.digest(made, size, _unheard),
                encrypted=bool(keyed),
                erasures=erasure,
                listed=listed,
            )
            with made.open("r+b") as file:
                ends.append(file, backup)
        rooms.name_new(made, target)
    return backup


def _copy(options: SqliteOptions, made: Path, target: Path, told: Told) -> tuple[int, _Meta]:
    try:
        source = connect(options, busy_seconds=options.lock_seconds, create=False)
    except apsw.Error as error:
        raise at(options.path, error) from error
    try:
        source.execute("BEGIN")
        about = _about(source, options)
        rooms.has_room(target, source.pragma("page_count") * source.pragma("page_size"))
        os.close(os.open(made, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _pages(source, made, target, told)
    except apsw.FullError as error:
        raise rooms.full(target) from error
    except apsw.Error as error:
        raise at(options.path, error) from error
    else:
        return about
    finally:
        source.close()


def _about(source: apsw.Connection, options: SqliteOptions) -> tuple[int, _Meta]:
    """What the backup will say of the store; the first read, by which the moment is chosen."""
    if source.pragma("application_id") != APPLICATION_ID:
        raise StoreCorruptError(f"{options.path} is not one of Backstory's files")
    standing = standing_of(source)
    KNOWN.check(standing)
    row = source.execute(_QUERIES.told).fetchone()
    if row is None:
        raise StoreCorruptError(f"{options.path} has lost its meta row; restore a backup")
    return standing.floor, row


def _pages(source: apsw.Connection, made: Path, target: Path, told: Told) -> None:
    copy = apsw.Connection(str(made), flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        for pragma in _ALONE:
            copy.execute(f"PRAGMA {pragma}").fetchall()
        with copy.backup("main", source, "main") as backup, made.open("rb") as file:
            while not backup.done:
                begun = time.monotonic()
                backup.step(limits.BACKUP_PIECE_BYTES // _page(source))
                os.fdatasync(file.fileno())
                total = backup.page_count * _page(source)
                told(total - backup.remaining * _page(source), total)
                if not backup.done:
                    time.sleep((time.monotonic() - begun) * limits.BACKUP_REST)
        source.execute("ROLLBACK")  # what follows holds nothing of the store any more
        copy.execute("PRAGMA journal_mode = DELETE").fetchall()
        verdict = copy.execute("PRAGMA quick_check(1)").fetchall()[0][0]
        if verdict != "ok":
            raise StoreCorruptError(
                f"the store is damaged ({verdict}), and so would be its backup {target}; "
                "run `backstory doctor`, and restore an older backup"
            )
    finally:
        copy.close()


def _page(source: apsw.Connection) -> int:
    size: int = source.pragma("page_size")
    return size


def _unheard(done: int, total: int) -> None: ...


_ALONE: Final = ("locking_mode = EXCLUSIVE", "journal_mode = OFF", "synchronous = OFF")
"""Nobody else knows the copy, and one that is not finished is thrown away."""
