"""Parts of a recorded request, and steps of processing: how long each took, and what came of it."""

from __future__ import annotations

import time
from contextvars import ContextVar, Token
from types import TracebackType
from typing import TYPE_CHECKING, Final

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


class Step:
    """A step of processing, in whatever thread it is done."""

    __slots__ = ("_begun", "_name", "_told")

    def __init__(self, told: Told, name: str) -> None:
        self._told, self._name = told, name
        self._begun = 0.0

    def __enter__(self) -> None:
        self._begun = time.perf_counter()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del kind, trace
        self._told.tell(Stepped(self._name, _code(error), time.perf_counter() - self._begun))


class RecordedStep(Step):
    """One that belongs to a recorded request."""

    __slots__ = ("_clock", "_of", "_parent", "_request")

    def __init__(self, told: Told, request: Served, of: str, parent: int, name: str) -> None:
        super().__init__(told, name)
        self._request, self._of, self._parent = request, of, parent
        self._clock = 0

    def __enter__(self) -> None:
        self._clock = time.time_ns()
        super().__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        ended = self._clock + int((time.perf_counter() - self._begun) * 1e9)
        code = _code(error)
        part = Part(self._name, self._of, new_span(), self._parent, self._clock, ended, code)
        self._request.add(part)
        super().__exit__(kind, error, trace)


def _code(error: BaseException | None) -> str:
    if error is None:
        return OK
    return error.code if isinstance(error, BackstoryError) else UNFORESEEN
