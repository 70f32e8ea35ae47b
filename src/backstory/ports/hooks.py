"""Hooks: what the server tells of its own work while it does it.

Traces and metrics hang here, so that nothing in the server measures for itself. What is told
are names out of the code (steps, routes, methods, statuses, error codes) and the names of kinds
and forms; never a name, a label or a text of anybody's context, and never who called.

Who listens must not raise, must not wait, and may be told from any thread. What is told to
nobody costs less than a microsecond.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self

RawHeaders = Iterable[tuple[bytes, bytes]]

Measure = Callable[[str], AbstractContextManager[object]]
"""Wraps a step by its name. An exception that leaves the step is its failure, and goes on."""


OK: Final = "ok"
"""Stands for the code of an error where there is none."""


@dataclass(frozen=True, slots=True)
class Called:
    """A request of MCP that is done, as one HTTP request may carry it.

    `tool` is the name of a tool that there is, empty where none was called; `code` is that of
    the error, or `ok`.
    """

    method: str
    tool: str
    code: str
    seconds: float


class Request(Protocol):
    """One request, from its head to the last byte of its answer."""

    @property
    def trace_id(self) -> str:
        """32 lower-case hex digits that name the request in answers, logs and traces."""
        ...

    def routed(self, route: str) -> None:
        """The template of the path, once it is known: `/v1/contexts/{namespace}/{name}`."""
        ...

    def answered(self, status: int) -> None:
        """The answer has begun."""
        ...

    def failed(self, code: str) -> None:
        """The answer is a problem document with this code."""
        ...

    def called(self, call: Called) -> None:
        """It carried a request of MCP, which is done."""
        ...


class Hooks(Protocol):
    """Hears of requests, of the steps that are done for them, and of what they depend on."""

    def request(self, method: str, headers: RawHeaders) -> AbstractContextManager[Request]:
        """Wraps the serving of a request, in the task that serves it.

        Of the headers only the W3C trace context (`traceparent`, `tracestate`) is looked at.
        """
        ...

    def steps(self, of: str) -> Measure:
        """A measure of steps that are done on what is `of`: a kind, or a form such as `json`.

        Belongs to the request that is being served where it is asked for, and may be used on
        any thread and after it; where none is served, to none.
        """
        ...

    def dependency(self, name: str, *, there: bool) -> None:
        """What the server depends on is known to be away, or is there again."""
        ...


_NOTHING: Final = nullcontext()


def unmeasured(_step: str) -> AbstractContextManager[object]:
    """Measures nothing."""
    return _NOTHING


class _Unheard:
    """A request that nobody hears of still has a name."""

    __slots__ = ("trace_id",)

    def __init__(self) -> None:
        self.trace_id = secrets.token_hex(16)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del kind, error, trace

    def routed(self, route: str) -> None:
        del route

    def answered(self, status: int) -> None:
        del status

    def failed(self, code: str) -> None:
        del code

    def called(self, call: Called) -> None:
        del call


class Silence:
    """Nobody listens."""

    def request(self, method: str, headers: RawHeaders) -> AbstractContextManager[Request]:
        del method, headers
        return _Unheard()

    def steps(self, of: str) -> Measure:
        del of
        return unmeasured

    def dependency(self, name: str, *, there: bool) -> None:
        del name, there


SILENCE: Final = Silence()
