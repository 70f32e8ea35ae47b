"""Browsers that are signed in, and the forms that they were given."""

from __future__ import annotations

import hmac
from typing import Final

from backstory import limits
from backstory.clock import SECOND, Clock
from backstory.domain.sealing import Seal
from backstory.ports.store import Notes
from backstory.security.authority.accounts import Accounts
from backstory.security.authority.records import Account, Session
from backstory.security.authority.shelf import Shelf
from backstory.security.authority.tickets import digest, fresh

_LIFE: Final = limits.SIGN_IN_SECONDS * SECOND


class Sessions:
    """Each is known by the random text in a browser's cookie, of which its hash is kept."""

    def __init__(self, notes: Notes, clock: Clock, accounts: Accounts) -> None:
        self._shelf = Shelf(notes, "session", Session)
        self._clock = clock
        self._accounts = accounts

    async def begin(self, account: Account) -> str:
        """A new cookie for a browser in which somebody has just signed in."""
        cookie, now = fresh(), self._clock.now()
        await self._shelf.add(digest(cookie), Session(account.name, now), now + _LIFE)
        return cookie

    async def account(self, cookie: str) -> Account | None:
        """Who is signed in, as long as nothing has ended that."""
        session = await self._shelf.get(digest(cookie))
        account = None if session is None else await self._accounts.find(session.account)
        if session is None or account is None or account.disabled:
            return None
        return account if session.begun_at >= account.changed_at else None

    async def end(self, cookie: str) -> None:
        """Sign the browser out."""
        await self._shelf.drop(digest(cookie))


class Forms:
    """Marks forms, so that only the browser they were made for can send them back.

    A mark is a keyed hash of the browser's cookie and of the request that the form is about.
    """

    def __init__(self, seal: Seal) -> None:
        self._seal = seal

    def mark(self, cookie: str, request: bytes) -> str:
        """What stands in a form."""
        return self._seal.hash("form of the sign-in page", cookie.encode(), request).hex()

    def is_ours(self, mark: str, cookie: str, request: bytes) -> bool:
        """Whether the form is one that the browser was given for this request."""
        return hmac.compare_digest(mark.encode(), self.mark(cookie, request).encode())
