"""Whole answers as bytes, which go out where a request came in, without messages."""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from backstory.cli.serving.lines import Header, lines
from backstory.transports.edge.answer import Answer
from backstory.transports.edge.at_once import AtOnce, Known, Way
from backstory.transports.edge.shortly import Shortly

_KEPT_BYTES: Final = 16_384
"""Of a body that is kept behind its head, for the next who gets the same answer."""


class Direct:
    """Asks `edge.at_once` or `edge.shortly`, and puts together what goes out."""

    def __init__(self, at_once: AtOnce, shortly: Shortly) -> None:
        self._at_once, self.shortly = at_once, shortly
        self.way, self.known = at_once.way, at_once.known
        self._added = lines(at_once.added)
        self._said: Any = None
        self._begun: dict[int, bytes] = {}

    def answer(
        self, way: Way, known: Known, scope: Any, body: bytes, said: list[Header]
    ) -> bytes | None:
        """As `wire`, of the answer to a request; None where it has to wait for something."""
        answer = None if way.now is None else self._at_once(way.now, known, scope, body)
        return None if answer is None else self.wire(answer, said)

    def wire(self, answer: Answer, said: list[Header]) -> bytes:
        """All of an answer, with what is `said` in each.

        `said` is another list whenever there is something else in it.
        """
        if said is not self._said:
            self._said, self._begun = said, {}
        begun = self._begun.get(answer.status)
        if begun is None:
            begun = self._begun[answer.status] = STATUS_LINE[answer.status] + lines(said)
        return begun + (answer.wire or self._rest(answer))

    def _rest(self, answer: Answer) -> bytes:
        made = b"%b%b\r\n%b" % (lines(answer.headers), self._added, answer.body)
        if len(answer.body) <= _KEPT_BYTES:
            answer.wire = made
        return made
