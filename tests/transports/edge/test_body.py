"""A body is read as a whole and within bounds, or nothing is done."""

import asyncio

import pytest

from backstory import limits
from backstory.errors import (
    MalformedError,
    RequestTimeoutError,
    TooLargeError,
    UnsupportedMediaError,
)
from backstory.transports.edge import body
from backstory.transports.edge.body import ClientGoneError


def scope(**headers):
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "headers": pairs}


class Client:
    """Sends chunks, then whatever ends it, and counts what was taken."""

    def __init__(self, *chunks, gone=False):
        self.messages = [
            {"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks
        ]
        if gone:
            self.messages.append({"type": "http.disconnect"})
        elif self.messages:
            self.messages[-1]["more_body"] = False
        self.taken = 0

    async def __call__(self):
        self.taken += 1
        return self.messages[self.taken - 1]


async def test_chunks_become_one_body():
    assert await body.read(scope(), Client(b"a", b"", b"b")) == b"ab"
    assert await body.read(scope(content_length="2"), Client(b"ab")) == b"ab"
    assert await body.read(scope(content_encoding="identity"), Client(b"")) == b""


async def test_a_declared_length_over_the_bound_is_refused_unread():
    client = Client(b"x")
    with pytest.raises(TooLargeError) as caught:
        await body.read(scope(content_length=str(limits.BODY_BYTES + 1)), client)
    assert caught.value.context["limit"] == "BODY_BYTES"
    assert client.taken == 0


async def test_no_more_than_the_bound_is_ever_held():
    client = Client(*[b"x" * 1000] * 100)
    with pytest.raises(TooLargeError):
        await body.read(scope(), client, most=5000)
    assert client.taken == 6


@pytest.mark.parametrize("declared", ["3", "1"])
async def test_a_body_that_is_not_as_long_as_announced_is_malformed(declared):
    with pytest.raises(MalformedError):
        await body.read(scope(content_length=declared), Client(b"ab"))


@pytest.mark.parametrize("declared", ["", "-1", "1e3", "+5", "9" * 30, "٣"])
async def test_a_length_is_a_number(declared):
    headers = [(b"content-length", declared.encode("utf-8"))]
    with pytest.raises(MalformedError):
        await body.read({"type": "http", "headers": headers}, Client(b""))


async def test_a_client_that_goes_away_in_the_middle_ends_the_request():
    with pytest.raises(ClientGoneError):
        await body.read(scope(), Client(b"half", gone=True))


@pytest.mark.parametrize("coding", ["gzip", "br", "gzip, identity"])
async def test_a_coded_body_is_not_read(coding):
    client = Client(b"x")
    with pytest.raises(UnsupportedMediaError):
        await body.read(scope(content_encoding=coding), client)
    assert client.taken == 0


async def test_a_body_that_never_ends_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(limits, "REQUEST_SECONDS", 0.01)
    never = asyncio.Event()

    async def receive():
        await never.wait()

    with pytest.raises(RequestTimeoutError):
        await body.read(scope(), receive)
