"""Moves what the write-ahead log holds into the database, apart from readers and writers.

It runs in a thread and on a connection of its own: passively once the log has grown, and
completely, leaving an empty log and clean pages, once something was erased. It also keeps the
log's file longer than what is in it.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import apsw

from backstory import limits
from backstory.errors import OutcomeUnknownError, StoreError
from backstory.storage.sqlite import log_room
from backstory.storage.sqlite.database import SqliteDatabase
from backstory.storage.sqlite.faults import translate
from backstory.storage.sqlite.lock import FileLock
from backstory.storage.sqlite.options import SqliteOptions
from backstory.storage.sqlite.scrubber import scrub

Told = Callable[[StoreError | None], None]
_log = logging.getLogger(__name__)

_NOT_YET = (
    "what was asked is done and cannot be read any more, but a reader kept its text from being "
    "wiped out of the files; that is tried again: repeat the request to be sure"
)


class Checkpointer:
    """Runs checkpoints when told that the log grew, and when something was erased."""

    def __init__(
        self, connect: Callable[[], SqliteDatabase], lock: FileLock, options: SqliteOptions
    ) -> None:
        self._connect, self._lock, self._options = connect, lock, options
        self._jobs: queue.SimpleQueue[Told | None] = queue.SimpleQueue()
        self._grown = False
        self._short = False
        self._room = 0
        self._alarmed = False
        self._dirty = False
        self._db: SqliteDatabase | None = None
        self._thread = threading.Thread(target=self._work, name="backstory-checkpoint", daemon=True)
        self._thread.start()

    def wal_grew(self, _: apsw.Connection, __: str, pages: int) -> int:
        """SQLite's WAL hook: called in the writer's thread after each commit."""
        if pages >= limits.CHECKPOINT_PAGES and not self._grown:
            self._grown = True
            self._jobs.put(_nobody)
        if pages >= limits.LOG_BEGIN_PAGES and self._is_short(pages):
            self._short = True
            self._jobs.put(_nobody)
        return apsw.SQLITE_OK

    def _is_short(self, pages: int) -> bool:
        wanted = min(pages + limits.LOG_AHEAD_PAGES, limits.RESTART_PAGES)
        return self._room < wanted and not self._short

    def erase(self, told: Told) -> None:
        """Wipe what was deleted out of all files, then call `told` with None or an error."""
        self._jobs.put(told)

    def close(self) -> None:
        """End the thread; the last connection to the file closes the log."""
        self._jobs.put(None)
        self._thread.join()
        self._drop_connection()

    # -- in the thread ---------------------------------------------------------------------

    def _work(self) -> None:
        while (told := self._next()) is not None:
            waiting = [told]
            while not self._jobs.empty():
                more = self._jobs.get()
                if more is None:
                    self._jobs.put(None)
                    break
                waiting.append(more)
            self._serve(waiting)

    def _next(self) -> Told | None:
        try:
            return self._jobs.get(timeout=limits.WIPE_RETRY_SECONDS if self._dirty else None)
        except queue.Empty:
            return _retry

    def _serve(self, waiting: list[Told]) -> None:
        if self._short:
            self._quietly(self._extend)
            self._short = False
        if self._grown:
            self._grown = False
            self._quietly(self._passive)
        if all(told is _nobody for told in waiting):
            return
        # Only those who wait for it are worth making the writers wait as well.
        patient = any(told is not _retry for told in waiting)
        error = self._quietly(partial(self._wipe, seconds=limits.WIPE_SECONDS * patient))
        self._dirty = error is not None
        for told in waiting:
            told(OutcomeUnknownError(_NOT_YET, retry_after=1) if error else None)

    def _quietly(self, work: Callable[[SqliteDatabase], None]) -> StoreError | None:
        """Do it; an error is logged and given back."""
        try:
            work(self._database())
        except apsw.Error as error:
            self._drop_connection()
            translated = translate(error)
        except StoreError as error:
            translated = error
        else:
            return None
        _log.warning("a checkpoint did not go through: %s", translated.detail)
        return translated

    def _passive(self, db: SqliteDatabase) -> None:
        try:
            pages, moved = db.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except apsw.BusyError:  # a commit was just being written; the next one asks again
            return
        if pages >= limits.RESTART_PAGES and moved == pages:
            # Under steady writing the log never comes to its end by itself.
            with self._lock, suppress(apsw.BusyError):
                db.connection.set_busy_timeout(0)
                db.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        self._watch_size()

    def _extend(self, db: SqliteDatabase) -> None:
        with self._lock:
            self._room = log_room.extend(db, self._options.wal_path)

    def _watch_size(self) -> None:
        path = self._options.wal_path
        size = path.stat().st_size if path.exists() else 0
        if size > limits.WAL_ALARM_BYTES and not self._alarmed:
            _log.warning(
                "the write-ahead log %s has %d bytes; a reader that never ends holds it back",
                path,
                size,
            )
        self._alarmed = size > limits.WAL_ALARM_BYTES

    def _wipe(self, db: SqliteDatabase, *, seconds: float) -> None:
        with self._lock:
            db.connection.set_busy_timeout(round(1000 * seconds))
            db.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            if scrub(db, self._options):
                db.connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            self._room = 0

    def _database(self) -> SqliteDatabase:
        if self._db is None:
            self._db = self._connect()
        return self._db

    def _drop_connection(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            db.close()


def _nobody(_: StoreError | None) -> None:
    """Told when only the log has grown."""


def _retry(_: StoreError | None) -> None:
    """Told when an earlier wipe is tried again."""
