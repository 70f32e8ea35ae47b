"""Telling the audit trail who signed in, what they decided, and who was given tokens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.types import Scope

from backstory.ports.events import OK, Acted
from backstory.ports.hooks import Hooks
from backstory.security.authority.records import Account

HOOKS: Final = "backstory.hooks"
REFUSED: Final = "unauthenticated"


class Telling:
    """`address` tells whence a request comes."""

    def __init__(self, address: Callable[[Scope], str]) -> None:
        self.address = address

    def by(
        self, scope: Scope, do: str, account: Account | None, client: str, out: str = OK
    ) -> None:
        """Somebody did that in a browser; without an account, nobody that is known."""
        who = ("", "") if account is None else (account.tenant, account.name)
        self.of(scope, do, (*who, client), out)

    def of(self, scope: Scope, do: str, who: tuple[str, str, str], out: str = OK) -> None:
        """Tenant, subject and client did that."""
        hooks: Hooks = scope[HOOKS]
        if hooks.hears(Acted):
            hooks.tell(Acted(*who, do, "", (), out, self.address(scope)))
