"""Tokens that were revoked before their time, known to every node within a second.

All of them stand in one note of the store until they would have ended anyway. Each node looks
at a small mark twice a second, and reads the note when that has changed. Their names are kept beside
the store's keys as well, from where a store that was restored from a backup learns them again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Final

import orjson

from backstory import ids, limits
from backstory.clock import SECOND, Clock
from backstory.errors import LimitReachedError
from backstory.ports.store import Notes
from backstory.resilience.trouble import Trouble

logger = logging.getLogger(__name__)

_NOBODY: Final = ""  # notes of no tenant: a token always has one with a name
_LIST: Final = "tokens/revoked"
_MARK: Final = "tokens/revoked-mark"


class Revocations:
    """The names of revoked tokens; `changed` is called whenever others were added."""

    def __init__(self, notes: Notes, clock: Clock, changed: Callable[[], None]) -> None:
        self._notes = notes
        self._clock = clock
        self._changed = changed
        self._mark: bytes | None = None
        self.names: frozenset[str] = frozenset()

    async def recall(self) -> None:
        """Revoke again what a backup that was restored knows nothing of.

        Raises:
            StoreError: the store or what is kept beside it cannot be asked.
        """
        kept = await self._notes.kept_apart()
        known = _read(await self._notes.get_note(_NOBODY, _LIST)) if kept else {}
        forgotten = {name: until for name, until in kept.items() if name not in known}
        if forgotten:
            await _add(self._notes, self._clock, forgotten)
            logger.warning("%d tokens are revoked again that a backup did not know", len(forgotten))

    async def look(self) -> None:
        """Learn what was revoked since the last look.

        Raises:
            StoreError: the store cannot be asked.
        """
        mark = await self._notes.get_note(_NOBODY, _MARK)
        if mark == self._mark:
            return
        self.names = frozenset(_read(await self._notes.get_note(_NOBODY, _LIST)))
        self._mark = mark
        self._changed()

    async def run(self) -> None:
        """Look again and again, until it is cancelled."""
        trouble = Trouble(logger, "look for revoked tokens")
        while True:
            await asyncio.sleep(limits.REVOKED_LOOK_SECONDS)
            await trouble.telling(self.look)


async def revoke(notes: Notes, clock: Clock, name: str, until: int) -> None:
    """Revoke the token of that name; `until` is when it would end, in microseconds.

    Raises:
        LimitReachedError: `limits.REVOKED_TOKENS` are revoked and have not ended yet.
        StoreError: the store cannot keep it.
    """
    await _add(notes, clock, {name: until})
    await notes.keep_apart(name, until)


async def _add(notes: Notes, clock: Clock, names: Mapping[str, int]) -> None:
    swapped, end = False, 0
    while not swapped:  # others may revoke at the same time
        now = clock.now()
        before = await notes.get_note(_NOBODY, _LIST)
        held = {each: end for each, end in _read(before).items() if end > now}
        held |= {name: max(until, held.get(name, 0)) for name, until in names.items()}
        if len(held) > limits.REVOKED_TOKENS:
            raise LimitReachedError(
                f"{limits.REVOKED_TOKENS} tokens are revoked already; retire their key instead",
                limit="REVOKED_TOKENS",
            )
        end = max(held.values())
        swapped = await notes.swap_note(_NOBODY, _LIST, before, orjson.dumps(held), end)
    # Kept longer than the list, so that a mark that goes with its time is never mistaken.
    mark = ids.text(ids.commit_id()).encode()
    await notes.put_note(_NOBODY, _MARK, mark, end + limits.TOKEN_LEEWAY_SECONDS * SECOND)


def _read(note: bytes | None) -> Mapping[str, int]:
    return {} if note is None else orjson.loads(note)
