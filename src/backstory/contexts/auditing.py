"""The audit trail as admins of a tenant read it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from backstory import clock, ids, limits
from backstory.contexts import access
from backstory.contexts.trails import Scanned, Shelf, merged
from backstory.domain.audit import Block
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal
from backstory.domain.sealing import Seal
from backstory.errors import DeniedError, MissingError
from backstory.ports.audits import NOBODY, Apart, Audits, Resolved
from backstory.ports.events import OK

CURSOR: Final = "audit cursor"
_WHERE: Final = ContextKey("_system.audit", "events")
"""Stands for the trail where rights are looked up."""
_PLAIN: Final = (
    "do",
    "verb",
    "op",
    "parts",
    "version",
    "seqs",
    "times",
    "before",
    "erasure",
    "token",
)
_END: Final = limits.VERSION_MAX


@dataclass(frozen=True, slots=True)
class Asked:
    """Which events; a `context` or `subject` is found by its hash. `refused`: only refusals."""

    context: str | None = None
    subject: str | None = None
    refused: bool = False
    since: int | None = None
    until: int | None = None
    newest_first: bool = True
    limit: int = limits.PAGE_DEFAULT
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class EventsPage:
    """Events with the names that can be told; `next` None at the end."""

    items: list[dict[str, Any]]
    next: str | None


class Trail:
    """Reads the trail for those who may; `apart` are those of stores that are routed to."""

    def __init__(
        self, store: Audits, seal: Seal, apart: Mapping[str, Apart] = MappingProxyType({})
    ) -> None:
        others = (Shelf(name, one.audits, Seal(one.secret)) for name, one in apart.items())
        self._seal, self._shelves = seal, (Shelf("", store, seal), *others)

    async def events(
        self, principal: Principal, asked: Asked, *, of_nobody: bool = False
    ) -> EventsPage:
        """Events of the caller's tenant; with `of_nobody` of callers that are of no tenant.

        Raises:
            MissingError, DeniedError, ScopeError: it is no admin, or for `of_nobody` no operator.
            InvalidCursorError: the cursor is none of the caller's.
        """
        access.require(principal, Verb.ADMIN, _WHERE)
        if of_nobody and not principal.operator:
            raise DeniedError("what callers of no tenant did is for operators")
        tenant = NOBODY if of_nobody else principal.tenant
        places = self._start(principal, tenant, asked)
        scans = [
            await _scanned(shelf.audits, tenant, place, _Scan(_filter(shelf, tenant, asked), asked))
            for shelf, place in zip(self._shelves, places, strict=True)
        ]
        found = merged(scans, asked.limit, newest_first=asked.newest_first)
        items = await self._told(tenant, found)
        left = [scan.place for scan in scans]
        if not any(place is not None for place in left):
            return EventsPage(items, None)
        at = [tenant, *left]
        return EventsPage(items, self._seal.close(CURSOR, principal.tenant, principal.subject, at))

    def _start(self, principal: Principal, tenant: str, asked: Asked) -> list[int | None]:
        """Where each trail is gone on with; None for one that was read to its end."""
        if asked.cursor is None:
            return [_END if asked.newest_first else 0] * len(self._shelves)
        scope = (CURSOR, principal.tenant, principal.subject)
        said, *places = self._seal.open_members(*scope, asked.cursor, 1 + len(self._shelves))
        if said != tenant:
            raise MissingError("this cursor is of another trail")
        return [None if place is None else int(place) for place in places]

    async def _told(
        self, tenant: str, events: Sequence[tuple[int, dict[str, Any]]]
    ) -> list[dict[str, Any]]:
        names = [
            await _names(shelf, tenant, [event for whose, event in events if whose == at])
            for at, shelf in enumerate(self._shelves)
        ]
        return [_view(event, names[at], self._shelves[at].name) for at, event in events]


async def _scanned(audits: Audits, tenant: str, place: int | None, scan: _Scan) -> Scanned:
    if place is None:
        return Scanned(deque(), None)
    read = audits.audit_blocks_down if scan.newest_first else audits.audit_blocks
    found, left = scan.look(await read(tenant, place, limits.AUDIT_SCANNED), place)
    return Scanned(deque(found), left)


def _filter(shelf: Shelf, tenant: str, asked: Asked) -> dict[str, str]:
    wanted = {}
    if asked.context is not None:
        wanted["on"] = _hash(shelf, "name", tenant, asked.context)
    if asked.subject is not None:
        wanted["by"] = _hash(shelf, "subject", tenant, asked.subject)
    return wanted


def _hash(shelf: Shelf, purpose: str, tenant: str, text: str) -> str:
    return shelf.seal.hash(purpose, tenant.encode(), text.encode()).hex()


async def _names(shelf: Shelf, tenant: str, events: Sequence[dict[str, Any]]) -> Resolved:
    """What the trail's own store knows of what is told of."""
    if not events:
        return Resolved()
    hashes = {hash_ for event in events for hash_ in event.get("on", ())}
    hashes |= {event[m] for event in events for m in ("by", "client", "from") if m in event}
    contexts = {event["context"] for event in events if "context" in event}
    authors = {event["author"] for event in events if "author" in event}
    return await shelf.audits.resolve_audit(
        tenant, [bytes.fromhex(each) for each in hashes], list(contexts), list(authors)
    )


class _Scan:
    """Looks for events in blocks."""

    def __init__(self, wanted: Mapping[str, str], asked: Asked) -> None:
        self._wanted, self._asked, self.newest_first = wanted, asked, asked.newest_first

    def look(self, blocks: Sequence[Block], start: int) -> tuple[list[dict[str, Any]], int | None]:
        """What was found, and the number of the event to go on with; None where all was seen."""
        found: list[dict[str, Any]] = []
        left: int | None = None
        for event in self._each(blocks, start):
            if len(found) == self._asked.limit:
                return found, event["seq"]
            if self._is_wanted(event):
                found.append(event)
            left = event["seq"]
        more = len(blocks) == limits.AUDIT_SCANNED and left is not None
        if not more or left is None:
            return found, None
        return found, left - 1 if self._asked.newest_first else left + 1

    def _each(self, blocks: Sequence[Block], start: int) -> Iterator[dict[str, Any]]:
        down = self._asked.newest_first
        for block in blocks:
            events = block.events()
            for event in reversed(events) if down else events:
                if event["seq"] <= start if down else event["seq"] >= start:
                    yield event

    def _is_wanted(self, event: Mapping[str, Any]) -> bool:
        asked = self._asked
        if asked.since is not None and event["at"] < asked.since:
            return False
        if asked.until is not None and event["at"] >= asked.until:
            return False
        if asked.refused and event.get("out", OK) == OK:
            return False
        on, by = self._wanted.get("on"), self._wanted.get("by")
        return (on is None or on in event.get("on", ())) and (by is None or by == event.get("by"))


def _view(event: Mapping[str, Any], names: Resolved, store: str) -> dict[str, Any]:
    """An event as callers see it: times as text, and the names that are not erased."""
    view: dict[str, Any] = {"seq": event["seq"], "at": clock.to_text(event["at"])}
    if store:
        view["store"] = store
    view |= {name: event[name] for name in _PLAIN if name in event}
    view["out"] = event.get("out", OK)
    if "commit" in event:
        view["commit"] = ids.text(bytes.fromhex(event["commit"]))
    if "until" in event:
        view["until"] = clock.to_text(event["until"])
    context, author = event.get("context"), event.get("author")
    view["on"] = [
        _name(hash_, names, None if context is None else names.contexts.get(context))
        for hash_ in event.get("on", ())
    ]
    if "by" in event:
        told = None if author is None else names.authors.get(author)
        view["by"] = _name(event["by"], names, told)
    for member in ("client", "from"):
        if member in event:
            view[member] = _name(event[member], names, None)
    return view


def _name(hash_: str, names: Resolved, known: str | None) -> dict[str, str | None]:
    return {"hash": hash_, "name": known or names.hashes.get(bytes.fromhex(hash_))}
