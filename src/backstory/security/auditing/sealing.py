"""Gathers what is told and seals it, with what the change log has meanwhile, in blocks.

Each node does so for the tenants that it served, and looks now and then for what others left.
Equal events of one round are one event that says how often. Where the store cannot be reached,
events wait, within a bound; what the change log tells of waits there.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count, islice
from typing import Any, Final, Literal

import orjson

from backstory import limits
from backstory.clock import SECOND, Clock
from backstory.domain.audit import Block, Name, Tip, Written, after, head_of, lines_of
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Principal
from backstory.domain.sealing import Seal
from backstory.errors import BackstoryError, BusyError, OutcomeUnknownError
from backstory.ports.audits import Addition, Audits
from backstory.ports.events import OK, UNFORESEEN, Acted, Event
from backstory.ports.hooks import Hear
from backstory.resilience.trouble import Trouble
from backstory.security.auditing.signing import Signer
from backstory.security.auditing.telling import Teller, with_names, without_names

logger = logging.getLogger(__name__)

_DAY: Final = 24 * 3600 * SECOND
_LOST: Final = Acted("", "", "", "audit", "", (), "events_lost", "")
Times = tuple[int, int, int]
Told = dict[Acted, Times]


class Auditor:
    """`ports.audits.Auditing`, and who hears of what was done."""

    def __init__(self, store: Audits, secret: bytes, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._signer, self._teller = Signer(secret), Teller(Seal(secret))
        self._told: Told = {}
        self._lock = threading.Lock()
        self._wrote: dict[str, None] = {}
        self._known: dict[tuple[str, bytes, int], None] = {}
        self._turn = asyncio.Lock()
        self._trouble = Trouble(logger, "write the audit trail")
        self.rounds: Counter[str] = Counter()
        """How often it was written since the start, by what came of it."""

    def hearing(self) -> Mapping[type[Event], Hear]:
        return {Acted: self.hear}

    # -- hearing -----------------------------------------------------------------------

    def hear(self, acted: Acted) -> None:
        """It happened. From any thread; never waits for long."""
        with self._lock:
            if len(self._told) >= limits.AUDIT_WAITING and acted not in self._told:
                acted = _LOST
            self._add(acted, (now := self._clock.now(), now, 1))

    def _add(self, acted: Acted, times: Times) -> None:
        first, last, count = times
        before = self._told.get(acted)
        if before is not None:
            first, count = min(first, before[0]), count + before[2]
            last = max(last, before[1])
        self._told[acted] = first, last, count

    def wrote(self, tenant: str) -> None:
        """The change log of the tenant has gone on."""
        self._wrote[tenant] = None

    def act(
        self, principal: Principal, do: str, on: ContextKey | str, /, **more: object
    ) -> tuple[int, bytes]:
        """As `ports.audits.Auditing.act` says."""
        text = str(on)
        where = (text,) if text else ()
        acted = Acted(
            principal.tenant, principal.subject, principal.client or "", do, "", where, OK, ""
        )
        now = self._clock.now()
        names = list(self._teller.names(acted))
        event = self._teller.event(acted, names, (now, now, 1), **more)
        return now, orjson.dumps(with_names(event, names))

    async def record(self, principal: Principal, do: str, on: str, /, **more: object) -> None:
        """As `ports.audits.Auditing.record` says."""
        acted = Acted(
            principal.tenant, principal.subject, principal.client or "", do, "", (on,), OK, ""
        )
        now = self._clock.now()
        names = list(self._teller.names(acted))
        event = self._teller.event(acted, names, (now, now, 1), **more)
        await self._store.keep_act(principal.tenant, now, orjson.dumps(event))
        self.wrote(principal.tenant)

    # -- sealing -----------------------------------------------------------------------

    async def run(self) -> None:
        """Seal again and again, until it is cancelled."""
        for number in count():
            look = number % limits.AUDIT_LOOK_ROUNDS == 0
            await self._trouble.telling(partial(self._round, look=look))
            await asyncio.sleep(limits.AUDIT_SECONDS * random.uniform(0.8, 1.2))  # noqa: S311

    async def _round(self, *, look: bool) -> None:
        code = UNFORESEEN
        try:
            await (self._look_and_flush() if look else self.flush())
            code = OK
        except BackstoryError as error:
            code = error.code
            raise
        finally:
            self.rounds[code] += 1

    async def _look_and_flush(self) -> None:
        for tenant in await self._store.unsealed(limits.AUDIT_TENANTS):
            self._wrote.setdefault(tenant)
        await self.flush()

    async def flush(self) -> None:
        """Seal what was told and written until now, for so many tenants at a time.

        Raises:
            StoreError: it cannot be written; it waits.
        """
        with self._lock:
            told, self._told = self._told, {}
        by_tenant: dict[str, Told] = defaultdict(dict)
        for acted, times in told.items():
            by_tenant[acted.tenant][acted] = times
        wrote = list(islice(self._wrote, limits.AUDIT_TENANTS))
        for tenant in wrote:
            del self._wrote[tenant]
        todo = list(dict.fromkeys([*by_tenant, *wrote]))
        try:
            while todo:
                await self._seal(todo[-1], by_tenant.get(todo[-1], {}))
                todo.pop()
        finally:
            self._again(todo, by_tenant)

    def _again(self, todo: Sequence[str], by_tenant: dict[str, Told]) -> None:
        """What could not be sealed is tried in the next round."""
        with self._lock:
            for tenant in todo:
                self._wrote.setdefault(tenant)
                for acted, times in by_tenant.get(tenant, {}).items():
                    self._add(acted, times)

    async def seal(self, tenant: str, namespace: str | None = None) -> None:
        """As `ports.audits.Auditing.seal` says."""
        del namespace  # all of it is here
        with self._lock:
            told = {acted: times for acted, times in self._told.items() if acted.tenant == tenant}
            for acted in told:
                del self._told[acted]
        try:
            await self._seal(tenant, told)
        finally:
            self._again([tenant] if told else [], {tenant: told})

    async def _seal(self, tenant: str, told: Told) -> None:
        """All of it, in as many blocks as it takes; `told` is emptied."""
        async with self._turn:
            for attempt in range(limits.AUDIT_ATTEMPTS):
                while (more := await self._seal_some(tenant, told)) == "more":
                    pass
                if more == "done":
                    return
                await asyncio.sleep(random.uniform(0, 0.01 * 2 ** min(attempt, 6)))  # noqa: S311
        raise BusyError("other nodes write the audit trail all the time", limit="AUDIT_ATTEMPTS")

    async def _seal_some(self, tenant: str, told: Told) -> Literal["done", "more", "beaten"]:
        most = limits.AUDIT_BLOCK_EVENTS
        tip = await self._store.audit_tip(tenant)
        stands = tip or Tip()
        written = await self._store.audit_written(tenant, stands.position, most)
        acts = await self._store.audit_acts(tenant, most)
        some = dict(islice(told.items(), most))
        if not (written or acts or some):
            return "done"
        addition = await asyncio.to_thread(self._made, tenant, stands, written, acts, some)
        if not await self._added(tenant, tip, addition):
            return "beaten"
        for acted in some:
            del told[acted]
        today = addition.block.at // _DAY
        self._known |= {(tenant, name.hash, today): None for name in addition.names}
        while len(self._known) > limits.AUDIT_NAMES_KNOWN:
            del self._known[next(iter(self._known))]
        return "more" if max(len(written), len(acts), len(told)) >= most else "done"

    async def _added(self, tenant: str, tip: Tip | None, addition: Addition) -> bool:
        try:
            return await self._store.add_audit(tenant, tip, addition)
        except OutcomeUnknownError:
            found = await self._store.audit_tip(tenant)
            return found is not None and found.hash == addition.tip.hash

    def _made(
        self,
        tenant: str,
        tip: Tip,
        written: Sequence[Written],
        acts: Sequence[tuple[bytes, bytes]],
        told: Told,
    ) -> Addition:
        """The next block, in a thread."""
        events = list(written)
        names: dict[bytes, Name] = {}
        for acted, times in told.items():
            mine = list(self._teller.names(acted))
            events.append(self._teller.event(acted, mine, times))
            names |= {name.hash: name for name in mine}
        for _, raw in acts:
            event, mine = without_names(orjson.loads(raw))
            events.append(event)
            names |= {name.hash: name for name in mine}
        events.sort(key=_at)
        position = written[-1]["position"] if written else tip.position
        block = self._block(tenant, tip, events, position)
        today = block.at // _DAY
        new = [name for hash_, name in names.items() if (tenant, hash_, today) not in self._known]
        return Addition(block, after(tip, block, position), new, [id_ for id_, _ in acts])

    def _block(self, tenant: str, tip: Tip, events: list[dict[str, Any]], position: int) -> Block:
        lines = lines_of(tip.events + 1, events)
        at = self._clock.now()
        head = head_of(tenant, tip, lines, position=position, at=at)
        last = tip.events + len(events)
        return Block(tip.block + 1, last, at, head, self._signer.sign(head), b"\n".join(lines))


def _at(event: dict[str, Any]) -> int:
    at: int = event["at"]
    return at
