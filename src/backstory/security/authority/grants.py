"""What was agreed to, and what was issued for it: codes, refresh tokens, access tokens.

All that comes from one consent is a family. A code is good once and a refresh token until it
is changed into the next one; whoever shows one a second time ends the family, for nobody can
tell which of the two had a right to it (RFC 9700 section 4.14.2). Of a family that has ended,
access tokens are refused within a second, on every node.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from backstory import ids, limits
from backstory.clock import SECOND, Clock
from backstory.domain.principals import segment_of
from backstory.domain.subjects import USERS
from backstory.errors import RateLimitedError
from backstory.ports.store import Notes
from backstory.security.authority.erasing import made_place
from backstory.security.authority.records import Account, Client, Code, Family, Issued
from backstory.security.authority.shelf import Shelf
from backstory.security.authority.signing import Signing
from backstory.security.authority.tickets import digest, fresh
from backstory.security.claims import token_name
from backstory.security.issuing import Grant, Made
from backstory.security.revoking import revoke

logger = logging.getLogger(__name__)

_CODE: Final = limits.CODE_SECONDS * SECOND
_REFRESH: Final = limits.REFRESH_SECONDS * SECOND
_ACCESS: Final = (limits.ACCESS_TOKEN_SECONDS + limits.TOKEN_LEEWAY_SECONDS) * SECOND


class NotGoodError(Exception):
    """A code or a refresh token that is good no more, or never was."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client is given."""

    access: Made
    refresh: str | None
    scope: str | None


@dataclass(frozen=True, slots=True)
class Shown:
    """A refresh token that is known: where its family is, and the family as it stands."""

    place: str
    secret: str
    family: Family


class Grants:
    """Hands out and takes back."""

    def __init__(self, notes: Notes, clock: Clock, signing: Signing, issuer: str) -> None:
        self._notes, self._clock = notes, clock
        self._signing, self._issuer = signing, issuer
        self._codes = Shelf(notes, "code", Code)
        self._families = Shelf(notes, "family", Family)
        self._machines = Shelf(notes, "machine", Issued)
        self._made = Shelf(notes, "made", Issued)

    # -- codes -------------------------------------------------------------------------

    async def keep_code(self, text: str, code: Code) -> None:
        """Hand out a code; it is known for longer than it is good, to be known again."""
        await self._codes.add(digest(text), code, code.until + _ACCESS)

    def code_for(
        self,
        client: Client,
        account: Account,
        *,
        redirect: str,
        scope: str,
        audience: str,
        challenge: str,
    ) -> Code:
        """What a code stands for, if it is handed out now."""
        now = self._clock.now()
        return Code(client, account.name, redirect, scope, audience, challenge, now, now + _CODE)

    async def code(self, text: str) -> Code | None:
        """The code, if it is still good. One that was used ends what came from it."""
        found = await self._codes.get(digest(text))
        if found is None:
            return None
        if found.family is not None:
            await self._reused(found)
            return None
        return found if found.until > self._clock.now() else None

    async def take(self, text: str) -> Code:
        """Use up a code; of all who try at the same time one succeeds.

        Raises:
            NotGoodError: it was used before, which ends what came from it.
        """
        family = ids.text(ids.commit_id())

        def taken(before: Code | None) -> Code:
            if before is None:
                raise NotGoodError("there is no such code")
            return before if before.family is not None else replace(before, family=family)

        code = await self._codes.change(digest(text), taken, lambda each: each.until + _ACCESS)
        if code.family != family:
            await self._reused(code)
            raise NotGoodError("the code was used before")
        return code

    async def begin(self, code: Code, account: Account) -> Tokens:
        """The first tokens for a code that was taken.

        Raises:
            NotGoodError: somebody used the code again meanwhile.
        """
        refreshing = "refresh_token" in code.client.grants
        secret = fresh() if refreshing else None
        made = await self._sign(code.client, account, code.scope, code.audience)
        family = Family(
            code.client,
            account.name,
            code.scope,
            code.audience,
            code.asked_at,
            None if secret is None else digest(secret),
            (self._issued(made),),
        )
        place = _place(code)
        if not await self._families.add(place, family, self._end(family)):
            raise NotGoodError("the code was used twice")
        return Tokens(made, _ticket(place, secret), code.scope)

    async def _reused(self, code: Code) -> None:
        logger.warning("a code of the client %s was used twice", code.client.id)
        await self.end(_place(code), code)

    # -- refresh tokens ----------------------------------------------------------------

    async def shown(self, text: str) -> Shown | None:
        """The family of a refresh token. One that was changed before ends the family."""
        place, _, secret = text.rpartition("~")
        place = place.replace("~", "/")
        family = await self._families.get(place) if place else None
        if family is None or family.ended or family.refresh is None:
            return None
        if family.refresh != digest(secret):
            await self._stale(place, family)
            return None
        return Shown(place, secret, family)

    async def renew(self, shown: Shown, account: Account, scope: str) -> Tokens:
        """The next tokens; the refresh token that was shown is good no more.

        Raises:
            NotGoodError: somebody else has changed it meanwhile, which ends the family.
            RateLimitedError: too many access tokens of the family have not ended.
        """
        family, secret = shown.family, fresh()
        made = await self._sign(family.client, account, scope, family.audience)
        now = self._clock.now()

        def renewed(before: Family | None) -> Family:
            if before is None or before.ended:
                raise NotGoodError("what it came from has ended")
            if before.refresh != digest(shown.secret):
                raise _ReusedError
            live = tuple(each for each in before.issued if each.until > now)
            if len(live) >= limits.ACCESS_TOKENS_LIVE:
                raise RateLimitedError(
                    f"{limits.ACCESS_TOKENS_LIVE} access tokens of this sign-in hold already",
                    retry_after=limits.ACCESS_TOKEN_SECONDS,
                )
            return replace(before, refresh=digest(secret), issued=(*live, self._issued(made)))

        try:
            await self._families.change(shown.place, renewed, self._end)
        except _ReusedError:
            await self._stale(shown.place, family)
            raise NotGoodError("it was used before") from None
        return Tokens(made, _ticket(shown.place, secret), scope)

    async def _stale(self, place: str, family: Family) -> None:
        logger.warning("a refresh token of the client %s was used twice", family.client.id)
        await self.end(place)

    # -- machines ----------------------------------------------------------------------

    async def for_machine(self, client: Client, scope: str | None, audience: str) -> Tokens:
        """A token for a client that asks for itself."""
        made = await self._sign(client, None, scope, audience)
        issued = self._issued(made)
        await self._machines.add(f"{client.id}/{made.id}", issued, issued.until)
        return Tokens(made, None, scope)

    async def note(self, made: Made, grant: Grant) -> None:
        """Note a token that was made by command."""
        issued = replace(self._issued(made), begun_at=self._clock.now())
        of = "clients" if grant.subject == grant.client else USERS
        subject = f"{of}.{segment_of(grant.subject)}"
        await self._made.add(made_place(grant.tenant, subject, made.id), issued, issued.until)

    # -- taking back -------------------------------------------------------------------

    async def end(self, place: str, code: Code | None = None) -> None:
        """Nothing of the family is good any more, or ever will be."""

        def ended(before: Family | None) -> Family:
            if before is not None:
                return replace(before, ended=True, refresh=None)
            if code is None:
                raise NotGoodError("there is no such family")
            return Family(
                code.client, code.account, code.scope, code.audience, code.asked_at, ended=True
            )

        family = await self._families.change(place, ended, self._end)
        await self._revoke(family.issued)

    async def end_token(self, name: str, until: int) -> None:
        """Refuse one access token from now on."""
        await self._revoke([Issued(name, until)])

    async def end_account(self, name: str, *, wholly: bool = True) -> int:
        """End what an account agreed to, or else only the access tokens; returns how many."""
        count = 0
        async for place, family in self._families.all(f"{name}/"):
            if not family.ended:
                count += 1
                await (self.end(place) if wholly else self._revoke(family.issued))
        return count

    async def forget_account(self, name: str) -> None:
        """Keep nothing of families that have ended with their account."""
        async for place, _ in self._families.all(f"{name}/"):
            await self._families.drop(place)

    async def end_client(self, client_id: str) -> int:
        """End all that was issued to a client; returns how many families and tokens that were."""
        count = 0
        async for place, family in self._families.all():
            if family.client.id == client_id and not family.ended:
                count += 1
                await self.end(place)
        async for _, issued in self._machines.all(f"{client_id}/"):
            count += 1
            await self._revoke([issued])
        return count

    async def _revoke(self, issued: Sequence[Issued]) -> None:
        now = self._clock.now()
        for each in issued:
            if each.until > now:
                await revoke(self._notes, self._clock, each.name, each.until)

    # -- how ---------------------------------------------------------------------------

    async def _sign(
        self, client: Client, account: Account | None, scope: str | None, audience: str
    ) -> Made:
        return await self._signing.issue(
            self._issuer,
            Grant(
                client.tenant if account is None else account.tenant,
                client.id if account is None else account.name,
                client.id,
                audience,
                client.roles if account is None else account.roles,
                scope,
                limits.ACCESS_TOKEN_SECONDS,
                client.groups if account is None else account.groups,
            ),
        )

    def _issued(self, made: Made) -> Issued:
        until = (made.expires_at + limits.TOKEN_LEEWAY_SECONDS) * SECOND
        return Issued(token_name(self._issuer, made.id), until)

    def _end(self, family: Family) -> int:
        return self._clock.now() + (_ACCESS if family.refresh is None else _REFRESH)


class _ReusedError(Exception):
    pass


def _place(code: Code) -> str:
    assert code.family is not None
    return f"{code.account}/{code.family}"


def _ticket(place: str, secret: str | None) -> str | None:
    """A refresh token: where its family is, and the secret that changes each time."""
    return None if secret is None else f"{place.replace('/', '~')}~{secret}"
