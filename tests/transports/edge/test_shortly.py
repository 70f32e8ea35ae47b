"""What waits and goes a short way is told of, paced and answered as by the applications."""

import json
import logging

import pytest

from backstory import limits
from backstory.errors import DeniedError, StoreUnavailableError, TooLargeError
from backstory.ports import acts
from backstory.ports.events import Ended
from backstory.transports.edge import body as bodies
from backstory.transports.edge.answer import Answer
from backstory.transports.edge.at_once import Known
from backstory.transports.edge.body import ClientGoneError
from backstory.transports.edge.coding.middleware import Coding
from backstory.transports.edge.guard import PRINCIPAL, REQUEST, Guard
from backstory.transports.edge.shortly import Shortly, Whole
from edge_scenes import WHO, Edge

LARGE = b"x" * (limits.INLINE_BYTES + 1)


class Authenticator:
    """Lets in Ana, and says that somebody asked it."""

    def __init__(self):
        self.asked = 0

    async def __call__(self, scope):
        self.asked += 1
        return WHO

    def challenge(self, scope, error):
        return None


class Scene:
    """A request by a way that is given, and what goes out."""

    def __init__(self, later, who=WHO, burst=10, whole=True):
        edge = Edge(burst)
        self.listener, self.later, self.whole = edge.listener, later, whole
        self.wholes, self.messages = [], []
        self.authenticator, coding = Authenticator(), Coding(None)
        guard = Guard(self._applications, self.authenticator, edge.told, edge.pacing, edge.acting)
        self._shortly = Shortly(guard, guard, coding)
        self._pacing, self._who = edge.pacing, who

    async def ask(self, *headers, body=b""):
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "headers": [(b"host", b"localhost"), *headers],
            "client": ("127.0.0.1", 1),
        }
        known = Known(lambda: self._who, self._pacing.gate(scope), (), limits.HEADER_BYTES)
        asked = Whole(self._later, known, body, self._send_whole)
        await self._shortly(asked, scope, None, self._send)
        return self

    async def _later(self, scope, body):
        scope[REQUEST].routed("/somewhere")
        acts.decided("read", scope[PRINCIPAL].subject, "ok")
        return await self.later(body)

    async def _applications(self, scope, receive, send):
        await Answer(200, b"the applications")(scope, receive, send)

    def _send_whole(self, answer):
        if self.whole:
            self.wholes.append(answer)
        return self.whole

    async def _send(self, message):
        self.messages.append(message)

    @property
    def status(self):
        return self.messages[0]["status"]

    @property
    def problem(self):
        return json.loads(self.messages[1]["body"])

    @property
    def ended(self):
        return [each for each in self.listener.heard if isinstance(each, Ended)]


async def answering(body):
    return Answer(200, body or b"{}")


def failing(error):
    async def later(body):
        raise error

    return later


async def test_an_answer_is_told_of_once():
    scene = await Scene(answering).ask(body=b"[1, 2]")
    assert [answer.body for answer in scene.wholes] == [b"[1, 2]"]
    assert scene.messages == []
    acted, ended = scene.listener.heard
    assert (acted.subject, acted.verb, acted.on) == ("ana", "read", ("ana",))
    assert (ended.route, ended.status, ended.sent, ended.principal) == ("/somewhere", 200, 6, WHO)
    assert scene.authenticator.asked == 0


async def test_what_cannot_go_out_whole_goes_by_messages():
    scene = await Scene(answering, whole=False).ask()
    assert [message["type"] for message in scene.messages] == [
        "http.response.start",
        "http.response.body",
    ]
    assert [ended.sent for ended in scene.ended] == [2]


async def test_who_is_not_known_any_more_is_asked_again():
    scene = await Scene(answering, who=None).ask()
    assert scene.messages[1]["body"] == b"the applications"
    assert (scene.authenticator.asked, scene.wholes, len(scene.ended)) == (1, [], 1)


async def test_who_comes_too_often_is_refused():
    scene = await Scene(answering, burst=1).ask()
    assert len(scene.wholes) == 1
    await scene.ask()
    assert (scene.status, scene.problem["code"]) == (429, "rate_limited")
    assert len(scene.wholes) == 1
    assert [ended.status for ended in scene.ended] == [200, 429]


@pytest.mark.parametrize(
    ("error", "status"), [(DeniedError("not you"), 403), (StoreUnavailableError("gone"), 503)]
)
async def test_what_is_refused_is_answered_with_a_problem(error, status):
    scene = await Scene(failing(error)).ask()
    assert (scene.status, scene.problem["code"]) == (status, error.code)
    assert [(ended.status, ended.principal) for ended in scene.ended] == [(status, WHO)]


async def test_what_breaks_is_logged_and_answered_with_nothing_but_its_trace(caplog):
    with caplog.at_level(logging.ERROR):
        scene = await Scene(failing(RuntimeError("a secret"))).ask()
    assert scene.status == 500
    assert "a secret" not in json.dumps(scene.problem)
    (line,) = (record for record in caplog.records if record.exc_info)
    assert line.trace_id == scene.problem["trace_id"]


async def test_a_client_that_has_gone_is_no_error(caplog):
    with caplog.at_level(logging.WARNING):
        scene = await Scene(failing(ClientGoneError())).ask()
    assert (scene.messages, caplog.records, len(scene.ended)) == ([], [], 1)


async def test_nothing_is_done_for_who_takes_no_answer_of_ours():
    begun = []

    async def later(body):
        begun.append(body)

    scene = await Scene(later).ask((b"accept-encoding", b"identity;q=0, *;q=0"))
    assert scene.status == 406
    assert begun == []


@pytest.mark.parametrize("body", [b"y" * 3000, LARGE])
async def test_an_answer_is_coded_however_long_that_takes(body):
    scene = await Scene(answering).ask((b"accept-encoding", b"gzip"), body=body)
    (answer,) = scene.wholes
    assert (b"content-encoding", b"gzip") in list(answer.headers)
    assert len(answer.body) < len(body)
    assert [ended.coding for ended in scene.ended] == ["gzip"]


def test_a_body_has_the_same_bound_as_one_that_comes_in_pieces(monkeypatch):
    monkeypatch.setattr(limits, "BODY_BYTES", 3)
    assert bodies.bounded(b"abc") == b"abc"
    with pytest.raises(TooLargeError):
        bodies.bounded(b"abcd")
