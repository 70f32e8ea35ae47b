"""Tells the audit trail what requests did and were refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.types import Scope

from backstory.domain.principals import ANONYMOUS, Principal
from backstory.ports.acts import Acts
from backstory.ports.events import Acted
from backstory.ports.hooks import Request

Tell = Callable[[Acted], None]

_REFUSALS: Final = frozenset({401, 403, 421, 429})
"""Statuses of errors that are worth an event where nothing was decided yet."""


class Acting:
    """Goes around each request. `address` tells from where it comes."""

    def __init__(self, tell: Tell, address: Callable[[Scope], str], *, reads: bool) -> None:
        self._tell, self._address, self._reads = tell, address, reads

    def heard(self, scope: Scope, request: Request) -> Acts:
        """Gathers what happens inside, then tells of it."""
        return _Heard(acting=self, scope=scope, request=request, reads=self._reads)

    def told(self, acts: Acts, scope: Scope, request: Request) -> None:
        """Tell what was gathered."""
        who: Principal = request.principal or ANONYMOUS
        caller = (who.tenant, who.subject, who.client or "")
        do = acts.do or f"{scope['method']} {request.route}"
        if acts.refused:
            address = self._address(scope)
            for verb, where, code in acts.refused:
                self._tell(Acted(*caller, do, verb, (where,), code, address))
        elif acts.status in _REFUSALS:
            self._tell(Acted(*caller, do, "", (), acts.code, self._address(scope)))
        else:
            for verb, where in acts.done:
                self._tell(Acted(*caller, do, verb, (where,), acts.code, self._address(scope)))
            if acts.read:
                self._tell(Acted(*caller, do, "read", tuple(acts.read), acts.code, ""))


class _Heard(Acts, eq=False, kw_only=True):
    acting: Acting
    scope: Scope
    request: Request

    def __exit__(self, *exception: object) -> None:
        super().__exit__()
        if self.request.dropped:
            return
        if self.refused or self.read or self.done or self.status in _REFUSALS:
            self.acting.told(self, self.scope, self.request)
