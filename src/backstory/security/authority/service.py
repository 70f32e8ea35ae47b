"""The authorization server as a whole: what each part of it needs of the others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from backstory import limits
from backstory.clock import Clock
from backstory.domain.sealing import Seal
from backstory.ports.store import Notes
from backstory.security.authority.accounts import Accounts
from backstory.security.authority.browsing import Forms, Sessions
from backstory.security.authority.clients import Clients
from backstory.security.authority.documents import Documents, is_document_url
from backstory.security.authority.fetching import Fetcher
from backstory.security.authority.grants import Grants
from backstory.security.authority.records import Account, Client
from backstory.security.authority.signing import Signing
from backstory.security.authority.turns import Turns
from backstory.security.issuing import Grant, Made


@dataclass(frozen=True, slots=True)
class Naming:
    """How the server is called: its issuer, and the audiences that tokens may be made for."""

    issuer: str
    audiences: Sequence[str]


class Service:
    """Accounts, clients, grants and keys over the notes of a store."""

    def __init__(
        self,
        notes: Notes,
        clock: Clock,
        seal: Seal,
        naming: Naming,
        *,
        near: Collection[str] = (),
    ) -> None:
        """`near` are hosts of client documents that may be on private networks."""
        self.issuer, self.audiences = naming.issuer, tuple(naming.audiences)
        self.signing = Signing(notes, clock)
        self.accounts = Accounts(notes, clock)
        self.clients = Clients(notes, clock)
        self.grants = Grants(notes, clock, self.signing, naming.issuer)
        self.sessions = Sessions(notes, clock, self.accounts)
        self.forms = Forms(seal)
        self.turns = Turns(limits.AUTHORITY_THREADS, limits.AUTHORITY_WAITING)
        self._near = near
        self._fetcher: Fetcher | None = None
        self._documents: Documents | None = None

    def audience_of(self, resource: str) -> str | None:
        """The audience that a resource is, with or without a slash behind its host."""
        wanted = resource.rstrip("/")
        return next((each for each in self.audiences if each.rstrip("/") == wanted), None)

    async def client(self, client_id: str) -> Client | None:
        """The client of that id, where need be by its document; None where there is none.

        Raises:
            InvalidError: its document cannot be had or used.
        """
        if not is_document_url(client_id):
            return await self.clients.find(client_id)
        if self._documents is None:
            self._fetcher = Fetcher(self._near)
            self._documents = Documents(self._fetcher)
        return await self._documents.find(client_id)

    async def account_for(self, name: str, begun_at: int, client: Client) -> Account | None:
        """The account, if what was begun with it then still goes on.

        One that is called like the client is none: its tokens would be those of a machine
        (RFC 9068 section 5).
        """
        account = await self.accounts.find(name)
        if account is None or account.disabled or account.changed_at > begun_at:
            return None
        return None if account.name == client.id else account

    async def issue(self, grant: Grant) -> Made:
        """A token that is made by command, noted so that it ends when its subject is erased.

        Raises:
            StoreError: the store cannot be used.
        """
        made = await self.signing.issue(self.issuer, grant)
        await self.grants.note(made, grant)
        return made

    async def set_password(self, name: str, password: str) -> Account:
        """Another password; browsers are signed out, and tokens are refused from now on.

        Raises:
            InvalidError, MissingError: as `Accounts.set_password`.
        """
        account = await self.accounts.set_password(name, password)
        await self.grants.end_account(name)
        return account

    async def set_disabled(self, name: str, *, disabled: bool) -> Account:
        """Nobody signs in with it any more, or again; what was issued is refused from now on.

        Raises:
            MissingError: there is no such account.
        """
        account = await self.accounts.set_disabled(name, disabled=disabled)
        await self.grants.end_account(name)
        return account

    async def set_roles(
        self, name: str, roles: Sequence[str], groups: Sequence[str] | None = None
    ) -> Account:
        """Other roles, and groups where some are given: clients have to renew their tokens, and get them then.

        Raises:
            InvalidError, MissingError: as `Accounts.set_roles`.
        """
        account = await self.accounts.set_roles(name, roles, groups)
        await self.grants.end_account(name, wholly=False)
        return account

    async def remove_account(self, name: str) -> None:
        """Know an account no more, and refuse what was issued for it from now on.

        Raises:
            MissingError: there is no such account.
        """
        await self.accounts.remove(name)
        await self.grants.end_account(name)
        await self.grants.forget_account(name)

    async def remove_client(self, client_id: str) -> int:
        """Know a client no more, and refuse what it was given; returns how much that was.

        Raises:
            MissingError: there is no such client.
        """
        if not is_document_url(client_id):
            await self.clients.remove(client_id)
        return await self.grants.end_client(client_id)

    async def aclose(self) -> None:
        """Let go of connections."""
        if self._fetcher is not None:
            await self._fetcher.aclose()
