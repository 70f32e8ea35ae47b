"""Whole answers as bytes, made where a request comes in: without a task, and without messages."""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from backstory.cli.serving.lines import Header, lines
from backstory.transports.edge.answer import Answer
from backstory.transports.edge.at_once import AtOnce, Known, Work

_KEPT_BYTES: Final = 16_384
"""Of a body that is kept behind its head, for the next who gets the same answer."""


class Direct:
    """Asks `edge.at_once`, and puts together what goes out."""

    def __init__(self, at_once: AtOnce) -> None:
        self._at_once = at_once
        self.work, self.known = at_once.work, at_once.known
        self._added = lines(at_once.added)
        self._said: Any = None
        self._begun: dict[int, bytes] = {}

    def answer(
        self, work: Work, known: Known, scope: Any, body: bytes, said: list[Header]
    ) -> bytes | None:
        """All of the answer, with what is `said` in each; None where a task has to be made.

        `said` is another list whenever there is something else in it.
        """
        answer = self._at_once(work, known, scope, body)
        if answer is None:
            return None
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
