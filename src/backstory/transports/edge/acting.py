"""Tells the audit trail what requests did and were refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from starlette.types import Scope

from backstory.domain.principals import ANONYMOUS, Principal
from backstory.ports.acts import Acted, Acts

Tell = Callable[[Acted], None]

_REFUSALS: Final = frozenset({401, 403, 421, 429})
"""Statuses of errors that are worth an event where nothing was decided yet."""


class Acting:
    """Goes around each request. `address` tells from where it comes."""

    def __init__(self, tell: Tell, address: Callable[[Scope], str], *, reads: bool) -> None:
        self._tell, self._address, self._reads = tell, address, reads

    @contextmanager
    def heard(self, scope: Scope, principal: str) -> Iterator[None]:
        """Gather what happens inside, then tell of it; `principal` is where the scope has it."""
        with Acts(reads=self._reads) as acts:
            try:
                yield
            finally:
                if acts.refused or acts.read or acts.status in _REFUSALS:
                    self._told(acts, scope, scope.get(principal, ANONYMOUS))

    def _told(self, acts: Acts, scope: Scope, who: Principal) -> None:
        caller = (who.tenant, who.subject, who.client or "")
        do, address = acts.do or scope["method"], self._address(scope)
        for verb, where, code in acts.refused:
            self._tell(Acted(*caller, do, verb, (where,), code, address))
        if acts.refused:
            return
        if acts.status in _REFUSALS:
            self._tell(Acted(*caller, do, "", (), acts.code, address))
        elif acts.read:
            self._tell(Acted(*caller, do, "read", tuple(acts.read), acts.code, ""))
