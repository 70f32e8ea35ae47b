"""Parts of a recorded request, and steps of processing: how long each took, and what came of it."""

from __future__ import annotations

import time
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from backstory.errors import BackstoryError
from backstory.ports.events import OK, UNFORESEEN, Part, Stepped
from backstory.ports.hooks import new_span

if TYPE_CHECKING:
    from backstory.observability.served import Served
    from backstory.observability.telling import Told

PLACE: Final[ContextVar[int]] = ContextVar("backstory_place", default=0)
"""The part that is under way, below which others hang; 0: none but the request itself."""


class Timed:
    """A part of a recorded request; others that begin inside hang on it."""

    __slots__ = ("_begun", "_clock", "_name", "_of", "_request", "_token", "id")

    def __init__(self, request: Served, name: str, of: str) -> None:
        self._request, self._name, self._of = request, name, of
        self.id = new_span()
        self._token: Token[int] | None = None
        self._clock, self._begun = 0, 0.0

    def __enter__(self) -> None:
        self._token = PLACE.set(self.id)
        self._clock, self._begun = time.time_ns(), time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del kind, trace
        assert self._token is not None
        taken = time.perf_counter() - self._begun
        PLACE.reset(self._token)
        parent = PLACE.get() or self._request.id
        ended = self._clock + int(taken * 1e9)
        self._request.add(
            Part(self._name, self._of, self.id, parent, self._clock, ended, _code(error))
        )


class Step(Struct, eq=False):
    """A step of processing, in whatever thread it is done."""

    told: Told
    name: str
    begun: float = 0.0

    def __enter__(self) -> None:
        self.begun = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del kind, trace
        code = OK if error is None else _code(error)
        self.told.tell(Stepped(self.name, code, time.perf_counter() - self.begun))


class RecordedStep(Step, eq=False, kw_only=True):
    """One of a recorded request, which hangs on the part `parent`."""

    request: Served
    of: str
    parent: int
    clock: int = 0

    def __enter__(self) -> None:
        self.clock = time.time_ns()
        super().__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        ended = self.clock + int((time.perf_counter() - self.begun) * 1e9)
        part = Part(self.name, self.of, new_span(), self.parent, self.clock, ended, _code(error))
        self.request.add(part)
        super().__exit__(kind, error, trace)


def _code(error: BaseException | None) -> str:
    if error is None:
        return OK
    return error.code if isinstance(error, BackstoryError) else UNFORESEEN
