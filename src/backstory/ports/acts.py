"""What a request asked for and was told: gathered while it is served, for `events.Acted`.

The edge says `with Acts(...)` around a request that is audited; whoever decides inside says what
was decided (`decided`), whoever knows what is done says so (`doing`), and whoever answers with an
error says with which (`failed`). Outside of such a request, all of it costs some 50 ns.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Final, Self

from backstory import limits
from backstory.ports.events import OK

OPERATE: Final = "operate"
"""The verb of what concerns all tenants, which only operators may."""
_ALWAYS: Final = frozenset({"admin", OPERATE})
"""Verbs that are told of though they were allowed."""

_acts: ContextVar[Acts | None] = ContextVar("backstory_acts", default=None)


class Acts:
    """One request's. With `reads`, what was allowed to be read is gathered, too.

    `done` is what admins and operators were allowed.
    """

    __slots__ = ("_token", "code", "do", "done", "read", "reads", "refused", "status")

    def __init__(self, *, reads: bool) -> None:
        self.reads = reads
        self.refused: dict[tuple[str, str, str], None] = {}
        self.read: dict[str, None] = {}
        self.done: dict[tuple[str, str], None] = {}
        self.do, self.code, self.status = "", OK, 0
        self._token: Token[Acts | None] | None = None

    def __enter__(self) -> Self:
        self._token = _acts.set(self)
        return self

    def __exit__(self, *exception: object) -> None:
        assert self._token is not None
        _acts.reset(self._token)


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
