"""Applications: those that an operator registered, and those that a document describes."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from backstory import limits
from backstory.clock import Clock
from backstory.errors import ExistsError, InvalidError, MissingError
from backstory.ports.store import Notes
from backstory.security.authority import redirects
from backstory.security.authority.accounts import check_groups, check_roles, check_tenant
from backstory.security.authority.records import FOREVER, Client
from backstory.security.authority.shelf import Shelf
from backstory.security.authority.tickets import digest, fresh

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,99}\Z")
CODE: Final = "authorization_code"
REFRESH: Final = "refresh_token"
MACHINE: Final = "client_credentials"


class Clients:
    """Those that were registered, in the store."""

    def __init__(self, notes: Notes, clock: Clock) -> None:
        self._shelf = Shelf(notes, "client", Client)
        self._clock = clock

    async def add_machine(
        self,
        client_id: str,
        name: str,
        tenant: str,
        roles: Sequence[str],
        groups: Sequence[str] = (),
    ) -> tuple[Client, str]:
        """A machine and its secret, which is not kept.

        Raises:
            InvalidError: something cannot be used.
            ExistsError: there is a client of that id.
        """
        check_tenant(tenant)
        check_roles(roles)
        check_groups(groups)
        secret = fresh()
        made = Client(
            client_id,
            name or client_id,
            grants=(MACHINE,),
            secret=digest(secret),
            tenant=tenant,
            roles=tuple(dict.fromkeys(roles)),
            groups=tuple(dict.fromkeys(groups)),
        )
        return await self._add(made), secret

    async def add_application(
        self, client_id: str, name: str, uris: Sequence[str], *, secret: bool
    ) -> tuple[Client, str | None]:
        """An application in which people sign in, and its secret where it shall have one.

        Raises:
            InvalidError, ExistsError: as `add_machine`.
        """
        if not 0 < len(uris) <= limits.CLIENT_REDIRECTS:
            raise InvalidError(f"a client has 1 to {limits.CLIENT_REDIRECTS} redirect URIs")
        checked = tuple(dict.fromkeys(redirects.check(uri) for uri in uris))
        made = fresh() if secret else None
        kept = None if made is None else digest(made)
        added = Client(client_id, name or client_id, checked, (CODE, REFRESH), kept)
        return await self._add(added), made

    async def find(self, client_id: str) -> Client | None:
        """The client; None where there is none."""
        return await self._shelf.get(client_id) if _ID.match(client_id) else None

    async def all(self) -> list[Client]:
        """In order of their ids."""
        return [client async for _, client in self._shelf.all()]

    async def rotate(self, client_id: str) -> str:
        """Another secret; the last one is good no more.

        Raises:
            MissingError: there is no such client.
            InvalidError: it has no secret.
        """
        secret = fresh()

        def rotated(before: Client | None) -> Client:
            if before is None:
                raise MissingError(f"there is no client {client_id}")
            if before.secret is None:
                raise InvalidError(f"the client {client_id} has no secret")
            return replace(before, secret=digest(secret))

        await self._shelf.change(client_id, rotated, lambda _: FOREVER)
        return secret

    async def remove(self, client_id: str) -> None:
        """Know it no more.

        Raises:
            MissingError: there is no such client.
        """
        if await self.find(client_id) is None:
            raise MissingError(f"there is no client {client_id}")
        await self._shelf.drop(client_id)

    async def _add(self, client: Client) -> Client:
        if not _ID.match(client.id):
            raise InvalidError(
                "the id of a client has 1 to 100 of A-Z, a-z, 0-9 and ._~-, and begins with a "
                "letter or a digit"
            )
        if not client.name.isprintable() or len(client.name) > limits.CLIENT_NAME_CHARS:
            raise InvalidError(
                f"the name of a client is printable, of at most {limits.CLIENT_NAME_CHARS} characters"
            )
        made = replace(client, created_at=self._clock.now())
        if not await self._shelf.add(client.id, made, FOREVER):
            raise ExistsError(f"there is a client {client.id} already")
        return made


def shows_secret(client: Client, secret: str) -> bool:
    """Whether it is the client's."""
    return client.secret is not None and hmac.compare_digest(client.secret, digest(secret))
