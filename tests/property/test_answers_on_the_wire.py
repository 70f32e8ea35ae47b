"""An answer goes out in the bytes that uvicorn would send, whatever an application sends."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from backstory.cli.serving.cycle import Cycle

NAMES = st.sampled_from(
    [
        b"content-type",
        b"Content-Type",
        b"etag",
        b"x-one",
        b"vary",
        b"connection",
        b"bad name",
        b"x:y",
    ]
)
VALUES = st.sampled_from([b"", b"a", b"text/plain", b"close", b"keep-alive", b"a\r\nb: c", b"\xff"])
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=4)
BODIES = st.lists(st.sampled_from([b"", b"x", b"y" * 300, b"z" * 70_000]), min_size=1, max_size=3)


class Wire:
    """A transport that keeps what is written."""

    def __init__(self):
        self.written, self.closed = bytearray(), False

    def write(self, data):
        self.written += data

    def close(self):
        self.closed = True

    def is_closing(self):
        return self.closed


class Flow:
    write_paused = False


def cycle_of(kind, wire, method, keep_alive, ended):
    return kind(
        scope={"method": method, "http_version": "1.1", "client": None},
        transport=wire,
        flow=Flow(),
        logger=None,
        access_logger=None,
        access_log=False,
        default_headers=[(b"date", b"today")],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=keep_alive,
        on_response=lambda: ended.append(True),
    )


async def sent(kind, method, keep_alive, messages):
    """What is on the wire, whether it is closed and ended, or that a rule was broken."""
    wire, ended = Wire(), []
    cycle = cycle_of(kind, wire, method, keep_alive, ended)
    try:
        for message in messages:
            await cycle.send(dict(message))
    except RuntimeError:
        return "refused"
    return bytes(wire.written), wire.closed, ended


@st.composite
def answers(draw):
    """Messages of an answer, whose length is named rightly, wrongly or not at all."""
    headers, bodies = draw(HEADERS), draw(BODIES)
    length = draw(st.sampled_from([None, 0, -1, 1]))
    if length is not None:
        whole = max(0, sum(map(len, bodies)) + length)
        headers = [*headers, (b"content-length", b"%d" % whole)]
    status = draw(st.sampled_from([200, 201, 204, 304, 404, 503]))
    return [
        {"type": "http.response.start", "status": status, "headers": headers},
        *(
            {"type": "http.response.body", "body": body, "more_body": n < len(bodies)}
            for n, body in enumerate(bodies, 1)
        ),
    ]


@given(st.sampled_from(["GET", "HEAD", "POST"]), answers(), st.booleans())
def test_answers_are_those_of_uvicorn(method, messages, keep_alive):
    async def both():
        return [
            await sent(kind, method, keep_alive, messages) for kind in (Cycle, RequestResponseCycle)
        ]

    ours, theirs = asyncio.run(both())
    assert ours == theirs


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "http.response.body", "body": b"early"}],
        [{"type": "http.response.start", "status": 204}] * 2,
        [
            {"type": "http.response.start", "status": 204},
            {"type": "http.response.body"},
            {"type": "http.response.body"},
        ],
    ],
    ids=["a body first", "two heads", "a body after the end"],
)
async def test_messages_out_of_turn_are_refused(messages):
    assert await sent(Cycle, "GET", True, messages) == "refused"


async def test_nothing_of_an_answer_is_sent_before_its_body_has_begun():
    """So that an application which fails between the two is not taken for one that answered."""
    wire = Wire()
    cycle = cycle_of(Cycle, wire, "GET", True, [])
    head = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]}
    await cycle.send(head)
    assert not wire.written
    await cycle.send({"type": "http.response.body", "body": b"ok"})
    assert wire.written.endswith(b"\r\n\r\nok")


async def test_a_stream_is_begun_at_once():
    wire = Wire()
    cycle = cycle_of(Cycle, wire, "GET", True, [])
    await cycle.send({"type": "http.response.start", "status": 200, "headers": []})
    assert wire.written.endswith(b"transfer-encoding: chunked\r\n\r\n")
