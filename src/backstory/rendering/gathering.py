"""Reading what a window may need of its sources, and no more.

Entries are read as the source's strategy says; a conversation of 100,000 entries costs what
one of 200 costs. Rights are asked by the reader.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from backstory.domain import policy
from backstory.domain.intake import wrong
from backstory.domain.keys import ContextKey
from backstory.domain.kinds import CONVERSATION, PROMPT
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal, Trust
from backstory.ports.store import View
from backstory.rendering import aside
from backstory.rendering.contents import content_fact
from backstory.rendering.facts import Fact
from backstory.rendering.ledger import ARGUMENTS, STATE
from backstory.rendering.logs import Log, Reads
from backstory.rendering.messages import FOREIGN, Message
from backstory.rendering.requests import ContentRange, Source
from backstory.rendering.states import (
    prompt_message,
    state_message,
    values_message,
    values_of,
)
from backstory.rendering.strategies import TABLE, Strategy
from backstory.rendering.units import Unit


class Views(Protocol):
    """Reading a context for those who may: `contexts.reading.Reader`."""

    async def view(self, principal: Principal, key: ContextKey, at: int | None = None) -> View:
        """Head, state and chain; MissingError, GoneError."""
        ...


@dataclass(slots=True, kw_only=True)
class Gathered(Log):
    """What was read of one source: its log, and what it has beside.

    `inside` tells whether a prompt's values stand in their places (None: not yet decided).
    """

    source: Source
    facts: list[Fact] = field(default_factory=list)
    inside: bool | None = None

    @property
    def strategy(self) -> Strategy:
        """What becomes of the entries."""
        if self.source.entries is not None:
            return TABLE[self.source.entries]
        return TABLE["recent" if self.view.snapshot.head.kind == CONVERSATION else "none"]

    @property
    def shows_state(self) -> bool:
        if self.source.state is not None:
            return self.source.state
        has_state = self.view.snapshot.state != b"{}"
        return has_state and self.view.snapshot.head.kind != CONVERSATION

    @property
    def pinned(self) -> bool:
        return self.strategy.pinned


async def gather(found: Gathered, reads: Reads, room: int) -> None:
    """Fill in facts, instructions and turns, of which `room` tokens may be shown."""
    kind = found.view.snapshot.head.kind
    if found.source.arguments is not None and kind != PROMPT:
        raise wrong(f"{found.place}/arguments", f"are for prompts; {found.name} is a {kind}")
    if found.shows_state:
        await _state(found, reads)
    if found.source.content is not False:
        await _content(found, reads, room)
    if found.entry_count or found.strategy.searches:
        await found.strategy.gather(found, reads, room)


async def _state(found: Gathered, reads: Reads) -> None:
    snapshot, reader = found.view.snapshot, found.reader
    trust = await _trust(found, reads, snapshot.head.state_version)
    if snapshot.head.kind == PROMPT and await _prompt(found, reads, trust):
        return
    message = state_message(snapshot, trust, reader)
    found.facts.append(Fact(STATE, await _unit(found, message, reads), trust))


async def _prompt(found: Gathered, reads: Reads, trust: Trust) -> bool:
    """A prompt and what fills it in; whether its state has become instructions."""
    snapshot, reader, who = found.view.snapshot, found.reader, reads.principal
    values = values_of(snapshot, found.source.arguments, found.place)
    message = None
    if trust not in FOREIGN:
        if found.inside is None:
            found.inside = _may_instruct(who, found.key)
        message = prompt_message(snapshot, trust, reader, values, inside=found.inside)
    if message is not None:
        found.instructions.append(await _unit(found, message, reads))
    if any(values.values()) and (message is None or not found.inside):
        data = await _unit(found, values_message(found.name, values, who.trust, reader), reads)
        found.facts.append(Fact(ARGUMENTS, data, who.trust, held=message is not None))
    return message is not None


def _may_instruct(principal: Principal, key: ContextKey) -> bool:
    """Whether the caller might have written the prompt, values included."""
    allowed = policy.allows(principal, Verb.INSTRUCT, key.namespace)
    return allowed and principal.trust not in FOREIGN


async def _content(found: Gathered, reads: Reads, room: int) -> None:
    asked = found.source.content
    wanted = asked if isinstance(asked, ContentRange) else ContentRange()
    trust = await _trust(found, reads, found.view.snapshot.head.content_version)
    fact = await content_fact(found, reads, wanted, trust, room, pinned=found.pinned)
    found.facts.append(fact)


async def _trust(found: Gathered, reads: Reads, version: int) -> Trust:
    """The trust of who made a version; the least where its history was let go."""
    changes = await reads.store.versions(
        reads.tenant, found.key, after=version - 1, before=version + 1, limit=1, newest_first=False
    )
    return changes[0].by.trust if changes else Trust.IMPORT


async def _unit(found: Gathered, message: Message, reads: Reads) -> Unit:
    heavy = len(found.view.snapshot.state)
    found.weight += heavy
    return Unit([message], await aside.run(heavy, reads.cost, [message]))
