"""What a request asked for and was told: gathered while it is served, for `events.Acted`.

The edge says `with Acts(...)` around a request that is audited; whoever decides inside says what
was decided (`decided`), whoever knows what is done says so (`doing`), and whoever answers with an
error says with which (`failed`). Outside of such a request, all of it costs some 50 ns.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Final, Self

from msgspec import Struct

from backstory import limits
from backstory.ports.events import OK

OPERATE: Final = "operate"
"""The verb of what concerns all tenants, which only operators may."""
_ALWAYS: Final = frozenset({"admin", OPERATE})
"""Verbs that are told of though they were allowed."""

_acts: ContextVar[Acts | None] = ContextVar("backstory_acts", default=None)


class Acts(Struct, eq=False, kw_only=True):
    """One request's. With `reads`, what was allowed to be read is gathered, too.

    `done` is what admins and operators were allowed.
    """

    reads: bool
    refused: dict[tuple[str, str, str], None] = {}
    read: dict[str, None] = {}
    done: dict[tuple[str, str], None] = {}
    do: str = ""
    code: str = OK
    status: int = 0
    token: Token[Acts | None] | None = None

    def __enter__(self) -> Self:
        self.token = _acts.set(self)
        return self

    def __exit__(self, *exception: object) -> None:
        assert self.token is not None
        _acts.reset(self.token)


def decided(verb: str, where: object, code: str) -> None:
    """Whether the caller may do that there; `where` is a context or a pattern."""
    acts = _acts.get()
    if acts is None:
        return
    if code != OK:
        if len(acts.refused) < limits.AUDIT_NAMES:
            acts.refused[verb, str(where), code] = None
    elif verb in _ALWAYS and len(acts.done) < limits.AUDIT_NAMES:
        acts.done[verb, str(where)] = None
    elif acts.reads and verb == "read" and len(acts.read) < limits.AUDIT_NAMES:
        acts.read[str(where)] = None


def doing(do: str, code: str = OK) -> None:
    """What the request is for, and what came of it where that is known."""
    acts = _acts.get()
    if acts is not None:
        acts.do, acts.code = do, code


def failed(code: str, status: int) -> None:
    """It is answered with an error."""
    acts = _acts.get()
    if acts is not None:
        acts.code, acts.status = code, status
