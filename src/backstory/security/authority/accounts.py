"""Accounts: who may sign in, with which roles in which tenant."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from backstory import ids, limits
from backstory.clock import Clock
from backstory.errors import ExistsError, InvalidError, MissingError
from backstory.ports.store import Notes
from backstory.security.authority.passwords import Passwords, check_strength
from backstory.security.authority.records import FOREVER, Account
from backstory.security.authority.shelf import Shelf
from backstory.security.authority.tries import Counting

logger = logging.getLogger(__name__)

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]*\Z")
_WORD: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}\Z")


class Accounts:
    """All of them, in the store."""

    def __init__(self, notes: Notes, clock: Clock) -> None:
        self._shelf = Shelf(notes, "account", Account)
        self._clock = clock
        self._passwords = Passwords()
        self._tries = Counting(notes, clock)

    async def add(
        self,
        name: str,
        tenant: str,
        roles: Sequence[str],
        password: str,
        groups: Sequence[str] = (),
    ) -> Account:
        """A new account.

        Raises:
            InvalidError: name, tenant, a role or the password cannot be used.
            ExistsError: there is one of that name.
        """
        check_name(name)
        check_tenant(tenant)
        check_roles(roles)
        check_groups(groups)
        check_strength(password, name)
        now = self._clock.now()
        hashed = await self._passwords.hash(password)
        made = Account(
            ids.text(ids.commit_id()),
            name,
            tenant,
            tuple(dict.fromkeys(roles)),
            hashed,
            now,
            now,
            groups=tuple(dict.fromkeys(groups)),
        )
        if not await self._shelf.add(name, made, FOREVER):
            raise ExistsError(f"there is an account {name} already")
        return made

    async def find(self, name: str) -> Account | None:
        """The account, disabled or not; None where there is none."""
        return await self._shelf.get(name) if _is_name(name) else None

    async def all(self) -> list[Account]:
        """In order of their names."""
        return [account async for _, account in self._shelf.all()]

    async def set_password(self, name: str, password: str) -> Account:
        """Another password; whatever was begun with the last one has ended.

        Raises:
            InvalidError, MissingError: as `add`; there is no such account.
        """
        check_strength(password, name)
        hashed = await self._passwords.hash(password)
        return await self._changed(name, lambda each: replace(each, password=hashed))

    async def set_disabled(self, name: str, *, disabled: bool) -> Account:
        """Let nobody sign in with it any more, or again.

        Raises:
            MissingError: there is no such account.
        """
        return await self._changed(name, lambda each: replace(each, disabled=disabled))

    async def set_roles(
        self, name: str, roles: Sequence[str], groups: Sequence[str] | None = None
    ) -> Account:
        """Other roles, and other groups where some are given, in tokens from now on.

        Raises:
            InvalidError, MissingError: as `add`; there is no such account.
        """
        check_roles(roles)
        check_groups(groups or ())
        kept = tuple(dict.fromkeys(roles))

        def changed(each: Account) -> Account:
            others = each.groups if groups is None else tuple(dict.fromkeys(groups))
            return replace(each, roles=kept, groups=others)

        return await self._changed(name, changed, ends=False)

    async def remove(self, name: str) -> None:
        """Know it no more; whoever gets the name later is somebody else.

        Raises:
            MissingError: there is no such account.
        """
        if await self.find(name) is None:
            raise MissingError(f"there is no account {name}")
        await self._shelf.drop(name)

    async def sign_in(self, typed: str, password: str, address: str) -> Account | None:
        """The account, where the password is its; None otherwise, whatever is wrong.

        Raises:
            RateLimitedError, BusyError: not now, whether the password is right or not.
        """
        name = typed.strip().lower()[: limits.ACCOUNT_BYTES * 2]
        await self._tries.begin(name, address)
        account = await self.find(name)
        usable = account if account and not account.disabled else None
        kept = None if usable is None else usable.password
        right = len(password.encode()) <= limits.PASSWORD_BYTES
        right = await self._passwords.check(kept, password if right else "") and right
        if not right or usable is None:
            logger.warning("a sign-in failed, from %s", address)
            return None
        await self._tries.succeeded(name, address)
        return usable

    async def _changed(
        self, name: str, change: Callable[[Account], Account], *, ends: bool = True
    ) -> Account:
        def changed(before: Account | None) -> Account:
            if before is None:
                raise MissingError(f"there is no account {name}")
            after = change(before)
            return replace(after, changed_at=self._clock.now()) if ends else after

        return await self._shelf.change(name, changed, lambda _: FOREVER)


def _is_name(text: str) -> bool:
    return len(text) <= limits.ACCOUNT_BYTES and _NAME.match(text) is not None


def check_name(name: str) -> None:
    """Raises `InvalidError` for what can be no name of an account."""
    if not _is_name(name):
        raise InvalidError(
            f"the name of an account has 1 to {limits.ACCOUNT_BYTES} of a-z, 0-9 and ._@+-, and "
            "begins with a letter or a digit"
        )


def check_tenant(tenant: str) -> None:
    """Raises `InvalidError` for what can be no tenant."""
    if not (0 < len(tenant.encode()) <= limits.TENANT_BYTES and tenant.isprintable()):
        raise InvalidError(f"a tenant is printable text of 1 to {limits.TENANT_BYTES} bytes")


def check_roles(roles: Sequence[str]) -> None:
    """Raises `InvalidError` for what can be no roles."""
    if not roles or not all(_WORD.match(role) for role in roles):
        raise InvalidError("roles are one or more words such as member, reader, editor or admin")


def check_groups(groups: Sequence[str]) -> None:
    """Raises `InvalidError` for what can be no groups."""
    if not all(each.isprintable() and 0 < len(each) <= limits.ACCOUNT_BYTES for each in groups):
        raise InvalidError(f"a group is printable text of 1 to {limits.ACCOUNT_BYTES} characters")
