"""Sessions of older clients, that any node can read.

A session id is a sealed token: bound to tenant and subject, with the time it was made and the
protocol version that was agreed on. What has to be remembered of a session stands in the
store's notes, until the session would be over anyway: that it was ended, the resources it
subscribed to, and which of its streams is the one that tells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import orjson

from backstory import ids, limits
from backstory.clock import SECOND
from backstory.contexts.service import Contexts
from backstory.domain.principals import Principal
from backstory.errors import InvalidCursorError, MissingError
from backstory.transports.mcp.asks import Ability

PURPOSE: Final = "MCP session 2"  # 1 did not know what the client can be asked
SESSION: Final = "backstory.mcp_session"
"""Where the scope of a request holds its session."""


@dataclass(frozen=True, slots=True)
class Session:
    """One session; `id` is random, `version` the protocol's, `expires_at` in microseconds.

    `abilities` are what the client can be asked (`asking.abilities`).
    """

    principal: Principal
    id: str
    version: str
    expires_at: int
    abilities: frozenset[Ability] = field(default_factory=frozenset)


class Sessions:
    """Hands out sessions, knows them again, and keeps what belongs to them."""

    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts
        self._store = contexts.store
        self._wakers: dict[str, set[Callable[[], None]]] = {}

    def begin(self, principal: Principal, version: str, abilities: Iterable[Ability] = ()) -> str:
        """The token of a new session."""
        now = self._contexts.clock.now()
        payload = (ids.text(ids.commit_id()), version, now, sorted(abilities))
        return self._contexts.seal.close(PURPOSE, principal.tenant, principal.subject, payload)

    async def find(self, principal: Principal, token: str) -> Session:
        """The session that a token stands for.

        Raises:
            MissingError: it is unknown, somebody else's, over or ended.
        """
        seal = self._contexts.seal
        try:
            id_, version, begun, abilities = seal.open_members(
                PURPOSE, principal.tenant, principal.subject, token, 4
            )
        except InvalidCursorError as error:
            raise _over() from error
        end = begun + limits.SESSION_SECONDS * SECOND
        session = Session(principal, id_, version, end, frozenset(abilities))
        if self._contexts.clock.now() >= session.expires_at or await self.ended(session):
            raise _over()
        return session

    async def ended(self, session: Session) -> bool:
        """Whether the client has ended it, on whichever node."""
        return await self._get(session, "ended") is not None

    async def end(self, session: Session) -> None:
        """End it, everywhere from now on."""
        await self._put(session, "ended", b"1")
        self.wake(session)

    async def uris(self, session: Session) -> list[str]:
        """The resources it subscribed to."""
        note = await self._get(session, "uris")
        return [] if note is None else list(orjson.loads(note))

    async def subscribe(self, session: Session, uris: Iterable[str]) -> None:
        """Add resources to those that it subscribed to."""
        await self._change(session, lambda held: list(dict.fromkeys([*held, *uris])))

    async def unsubscribe(self, session: Session, uri: str) -> None:
        """Take one away; nothing where it is not there."""
        await self._change(session, lambda held: [each for each in held if each != uri])

    async def take_stream(self, session: Session) -> str:
        """Make a new stream the one that tells, and name it."""
        name = ids.text(ids.commit_id())
        await self._put(session, "stream", name.encode())
        self.wake(session)
        return name

    async def holds_stream(self, session: Session, name: str) -> bool:
        """Whether the stream is still the newest of its session."""
        return await self._get(session, "stream") == name.encode()

    def on_change(self, session: Session, wake: Callable[[], None]) -> Callable[[], None]:
        """Call `wake` when something changes here; returns how to stop that."""
        wakers = self._wakers.setdefault(session.id, set())
        wakers.add(wake)

        def stop() -> None:
            wakers.discard(wake)
            if not wakers and self._wakers.get(session.id) is wakers:
                del self._wakers[session.id]

        return stop

    def wake(self, session: Session) -> None:
        """Tell those in this process who wait for something of the session."""
        for wake in tuple(self._wakers.get(session.id, ())):
            wake()

    async def _change(self, session: Session, change: Callable[[list[str]], list[str]]) -> None:
        swapped = False
        while not swapped:  # another node may change it at the same time
            before = await self._get(session, "uris")
            held = [] if before is None else orjson.loads(before)
            swapped = await self._store.swap_note(
                session.principal.tenant,
                _note(session, "uris"),
                before,
                orjson.dumps(change(held)),
                session.expires_at,
            )

    async def _get(self, session: Session, what: str) -> bytes | None:
        return await self._store.get_note(session.principal.tenant, _note(session, what))

    async def _put(self, session: Session, what: str, value: bytes) -> None:
        tenant = session.principal.tenant
        await self._store.put_note(tenant, _note(session, what), value, session.expires_at)


def _note(session: Session, what: str) -> str:
    return f"mcp/{session.id}/{what}"


def _over() -> MissingError:
    return MissingError("this session is unknown or over; begin another with initialize")
