"""What the authorization server keeps of a subject, so that it goes when the subject is erased.

Of a user that is the account with all that came from it: consents and their tokens, codes,
browsers that are signed in. Of a client it is a machine of the tenant, with its tokens.
Applications in which people sign in are of no tenant, and stay. An account that was made after
the erasure began is somebody else's.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

from msgspec.structs import replace as changed

from backstory.clock import Clock
from backstory.domain.principals import name_of, segment_of
from backstory.domain.subjects import USERS
from backstory.ports.store import Held, Notes
from backstory.security.authority.records import (
    FOREVER,
    Account,
    Client,
    Code,
    Family,
    Issued,
    Session,
)
from backstory.security.authority.shelf import Shelf
from backstory.security.revoking import revoke


class AuthorityHolder:
    """`ports.store.Holder` over the notes of a store."""

    def __init__(self, notes: Notes, clock: Clock) -> None:
        self._notes, self._clock = notes, clock
        self._accounts = Shelf(notes, "account", Account)
        self._clients = Shelf(notes, "client", Client)
        self._machines = Shelf(notes, "machine", Issued)
        self._made = Shelf(notes, "made", Issued)
        self._families = Shelf(notes, "family", Family)
        self._codes = Shelf(notes, "code", Code)
        self._sessions = Shelf(notes, "session", Session)

    async def holds(self, tenant: str, subject: str, until: int) -> bool:
        async for account in self._accounts_of(tenant, subject):
            if account.created_at <= until:
                return True
        machine = await self._machine(tenant, subject)
        if machine is not None and machine.created_at <= until:
            return True
        # Tokens that were made by command end by themselves, and are refused meanwhile.
        made = [each async for each in self._made.all(_made_by(tenant, subject))]
        return any(issued.begun_at <= until for _, issued in made)

    async def forget(self, tenant: str, subject: str, until: int) -> Held:
        held = Held(grants=await self._end(self._made, _made_by(tenant, subject), until))
        async for account in self._accounts_of(tenant, subject):
            if account.created_at <= until:
                held = _add(held, 1, await self._forget_account(account))
        machine = await self._machine(tenant, subject)
        if machine is not None and machine.created_at <= until:
            held = _add(held, 1, await self._end(self._machines, f"{machine.id}/", FOREVER))
            await self._clients.drop(machine.id)
        return held

    # -- whose it is -------------------------------------------------------------------

    async def _accounts_of(self, tenant: str, subject: str) -> AsyncIterator[Account]:
        family, _, segment = subject.partition(".")
        if family != USERS:
            return
        name = name_of(segment)
        if name is not None:
            found = [await self._accounts.get(name)]
        else:  # the segment is a hash, which tells no name
            found = [each async for _, each in self._accounts.all()]
        for account in found:
            if account is None or account.tenant != tenant:
                continue
            if segment_of(account.name) == segment:
                yield account

    async def _machine(self, tenant: str, subject: str) -> Client | None:
        family, _, segment = subject.partition(".")
        name = None if family == USERS else name_of(segment)
        if name is None:
            return await self._hashed_machine(tenant, segment) if family != USERS else None
        return _of(tenant, await self._clients.get(name))

    async def _hashed_machine(self, tenant: str, segment: str) -> Client | None:
        async for _, client in self._clients.all():
            if segment_of(client.id) == segment:
                return _of(tenant, client)
        return None

    # -- taking it away ----------------------------------------------------------------

    async def _forget_account(self, account: Account) -> int:
        """How much came from it. It goes last, so that whoever is interrupted finds it again."""
        now = self._clock.now()

        def disabled(before: Account | None) -> Account:
            return changed(before or account, disabled=True, changed_at=now)

        await self._accounts.change(account.name, disabled, lambda _: FOREVER)
        count = 0
        async for place, family in self._families.all(f"{account.name}/"):
            await self._revoke(family.issued)
            await self._families.drop(place)
            count += 1
        async for place, code in self._codes.all():
            if code.account == account.name:
                await self._codes.drop(place)
                count += 1
        async for place, session in self._sessions.all():
            if session.account == account.name:
                await self._sessions.drop(place)
                count += 1
        await self._accounts.drop(account.name)
        return count

    async def _end(self, shelf: Shelf[Issued], below: str, until: int) -> int:
        """Refuse tokens that were noted there until then, and note them no longer."""
        count = 0
        async for place, issued in shelf.all(below):
            if issued.begun_at <= until:
                await self._revoke([issued])
                await shelf.drop(place)
                count += 1
        return count

    async def _revoke(self, tokens: Sequence[Issued]) -> None:
        now = self._clock.now()
        for each in tokens:
            if each.until > now:
                await revoke(self._notes, self._clock, each.name, each.until)


def made_place(tenant: str, subject: str, token: str) -> str:
    """Where it is noted that a token was made for a subject by command."""
    return f"{_made_by(tenant, subject)}{token}"


def _made_by(tenant: str, subject: str) -> str:
    return f"{subject}/{segment_of(tenant)}/"


def _of(tenant: str, client: Client | None) -> Client | None:
    return client if client is not None and client.machine and client.tenant == tenant else None


def _add(held: Held, accounts: int, grants: int) -> Held:
    return replace(held, accounts=held.accounts + accounts, grants=held.grants + grants)
