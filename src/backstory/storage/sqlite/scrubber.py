"""Wipes what SQLite leaves behind in the unused middle of its pages.

`secure_delete` zeroes the cells that a statement deletes, but when SQLite rearranges the
cells of neighbouring pages, old copies may stay behind in the gap that no cell uses. Nothing
ever reads a gap, but a purge promises that not a byte is left. The gap's place is part of
the file format (https://sqlite.org/fileformat2.html#b_tree_pages).
"""

from __future__ import annotations

from collections.abc import Iterator

import apsw

from backstory import limits
from backstory.errors import StoreUnavailableError
from backstory.storage.sqlite.database import QUERIES, SqliteDatabase
from backstory.storage.sqlite.options import SqliteOptions

_LEAVES = (0x0A, 0x0D)
_INTERIORS = (0x02, 0x05)
_FILE_HEADER = 100
# Other pages begin with a page number; up to this many pages, its first byte is no page type.
_MOST_PAGES = 0x02000000


def scrub(db: SqliteDatabase, options: SqliteOptions) -> int:
    """Zero all gaps; returns how many were not clean.

    To be called with the writers' lock held and the log just emptied. Page caches that still
    hold an old gap are made void by a commit at the end.

    Raises:
        StoreUnavailableError: somebody wrote without the lock.
    """
    db.connection.execute("BEGIN IMMEDIATE")
    try:
        if options.wal_path.exists() and options.wal_path.stat().st_size:
            raise StoreUnavailableError("another program writes to the file without its lock")
        cleaned = _scrub_file(db, options)
        if cleaned:
            db.run(QUERIES.count_scrub)
        db.connection.execute("COMMIT")
    finally:
        if db.connection.in_transaction:
            db.connection.execute("ROLLBACK")
    return cleaned


def _scrub_file(db: SqliteDatabase, options: SqliteOptions) -> int:
    """Through SQLite's own VFS: closing a file of our own would let go of its locks."""
    page_size = db.value("PRAGMA page_size")
    flags = [apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READWRITE, 0]
    file = apsw.VFSFile(options.vfs or "", str(options.path), flags)
    try:
        if file.xFileSize() // page_size >= _MOST_PAGES:
            return 0
        cleaned = 0
        for at, size in _dirty_gaps(file, page_size):
            file.xWrite(bytes(size), at)
            cleaned += 1
        if cleaned:
            file.xSync(apsw.SQLITE_SYNC_NORMAL)
        return cleaned
    finally:
        file.xClose()


def _dirty_gaps(file: apsw.VFSFile, page_size: int) -> Iterator[tuple[int, int]]:
    """Place and length of each gap that is not all zeros."""
    step = max(page_size, limits.MIB // page_size * page_size)
    zeros = bytes(page_size)
    for start in range(0, file.xFileSize(), step):
        chunk = file.xRead(min(step, file.xFileSize() - start), start)
        for at in range(0, len(chunk), page_size):
            first, last = _gap(chunk, at, _FILE_HEADER if start + at == 0 else 0, page_size)
            if last > first and chunk[at + first : at + last] != zeros[first:last]:
                yield start + at + first, last - first


def _gap(chunk: bytes, at: int, header: int, page_size: int) -> tuple[int, int]:
    """Where a page's gap begins and ends, from the page's start; (0, 0) for other pages."""
    kind = chunk[at + header]
    if kind in _LEAVES:
        size = 8
    elif kind in _INTERIORS:
        size = 12
    else:
        return 0, 0
    cells = int.from_bytes(chunk[at + header + 3 : at + header + 5])
    content = int.from_bytes(chunk[at + header + 5 : at + header + 7]) or 65536
    return header + size + 2 * cells, min(content, page_size)
