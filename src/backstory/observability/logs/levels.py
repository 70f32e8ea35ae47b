"""Which lines are wanted, changed while the server runs: on all nodes, or on one host.

All nodes look once a second at a note in the store, which operators write; its time is bounded,
so that nobody forgets the level `debug`. On a host, a file with one word counts more, also while
the store is away.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from backstory import limits
from backstory.clock import SECOND, Clock
from backstory.errors import BackstoryError
from backstory.observability.logs.setup import set_level
from backstory.ports.log_levels import WORDS, Level, Word
from backstory.ports.store import Notes
from backstory.resilience.trouble import Trouble

logger = logging.getLogger(__name__)

_NOBODY: Final = ""  # notes of no tenant: a caller always has one with a name
_NOTE: Final = "log/level"
_FILE_BYTES: Final = 64


class Levels:
    """`ports.log_levels.LogLevels`: `usual` is the settings', `file` may name another."""

    def __init__(self, notes: Notes, clock: Clock, usual: Word, file: Path | None = None) -> None:
        self._notes, self._clock = notes, clock
        self._usual, self._file = Level(usual, "settings"), file
        self._noted: Level | None = None
        self._wrong = ""
        self.present = self._usual

    async def change(self, level: Word, seconds: int) -> Level:
        until = self._clock.now() + seconds * SECOND
        note = orjson.dumps({"level": level, "until": until})
        await self._notes.put_note(_NOBODY, _NOTE, note, until)
        await self.look()
        return self.present

    async def reset(self) -> Level:
        await self._notes.delete_note(_NOBODY, _NOTE)
        await self.look()
        return self.present

    async def look(self) -> None:
        """Learn which level is wanted.

        Raises:
            StoreError: the store cannot be asked; what is in the file holds all the same.
        """
        try:
            self._noted = _read(await self._notes.get_note(_NOBODY, _NOTE))
        finally:
            self._set(self._filed() or self._valid(self._noted) or self._usual)

    def _valid(self, noted: Level | None) -> Level | None:
        ended = noted is None or (noted.until or 0) <= self._clock.now()
        return None if ended else noted

    def _filed(self) -> Level | None:
        if self._file is None:
            return None
        try:
            with self._file.open("rb") as file:
                word = file.read(_FILE_BYTES).decode(errors="replace").strip().lower()
        except OSError:  # there is none
            return None
        for known in WORDS:
            if word == known:
                return Level(known, "file")
        if word and word != self._wrong:
            logger.warning(
                "the file of log_level_file names no level; there are %s", ", ".join(WORDS)
            )
        self._wrong = word
        return None

    def _set(self, wanted: Level) -> None:
        before, self.present = self.present, wanted
        if before.level == wanted.level:
            return
        quieter = WORDS.index(wanted.level) > WORDS.index(before.level)
        if not quieter:
            set_level(wanted.level)
        logger.warning("the level of the log is now %s (%s)", wanted.level, wanted.origin)
        if quieter:
            set_level(wanted.level)

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Looks once a second, while entered."""
        task = asyncio.create_task(self._run(), name="log level")
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _run(self) -> None:
        trouble = Trouble(logger, "look for the level of the log")
        while True:
            try:
                await self.look()
                trouble.over()
            except BackstoryError as error:
                trouble.met(error)
            await asyncio.sleep(limits.LOG_LOOK_SECONDS)


def _read(note: bytes | None) -> Level | None:
    if note is None:
        return None
    found: dict[str, Any] = orjson.loads(note)
    return Level(found["level"], "store", found["until"])
