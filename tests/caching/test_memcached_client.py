"""Whatever a server says, the client gives a value, nothing, or its one error."""

import asyncio
import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.caching.memcached_client import Client, Found, ProtocolError

WORDS = [b"VALUE", b"n", b"END", b"STORED", b"ERROR", b"SERVER_ERROR", b"0", b"1", b"-1", b"9" * 30]
SIGNS = [b" ", b"\r\n", b"\n", b"\0", b"\xff", b"x" * 100]
said = st.binary(max_size=60) | st.lists(st.sampled_from(WORDS + SIGNS), max_size=14).map(b"".join)


class Says(asyncio.Protocol):
    """A server that says the same to everything, and ends."""

    def __init__(self, said):
        self._said = said

    def connection_made(self, transport):
        self._transport = transport

    def data_received(self, data):
        self._transport.write(self._said)
        self._transport.write_eof()
        self.data_received = lambda _: None

    def eof_received(self):
        self._transport.abort()

    def connection_lost(self, error):
        self._transport.abort()


async def answered(said, ask):
    """What `ask` makes of a server that says this."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Says(said), "127.0.0.1", 0)
    async with server, asyncio.timeout(30):
        client = Client(*server.sockets[0].getsockname())
        try:
            return await ask(client)
        finally:
            await client.aclose()


@settings(max_examples=150, deadline=None)
@given(said)
def test_any_answer_to_gets_is_a_value_or_nothing_or_an_error(said):
    async def ask(client):
        with contextlib.suppress(ProtocolError, ConnectionError):
            return await client.gets("n")

    found = asyncio.run(answered(said, ask))
    assert found is None or isinstance(found, Found)


@settings(max_examples=50, deadline=None)
@given(said)
def test_any_answer_to_the_others_is_a_word_or_an_error(said):
    async def ask(client):
        with contextlib.suppress(ProtocolError, ConnectionError):
            return await client.replace("n", b"body", 1, 60)

    assert asyncio.run(answered(said, ask)) in {None, True, False}


@pytest.mark.parametrize(
    "said",
    [
        b"VALUE other 0 4 1\r\nbody\r\nEND\r\n",
        b"VALUE n 0 3 1\r\nbody\r\nEND\r\n",
        b"VALUE n 0 4\r\nbody\r\nEND\r\n",
        b"VALUE n 0 -2 1\r\nEND\r\n",
        b"VALUE n 0 4 1\r\nbody\r\nVALUE n 0 4 1\r\nbody\r\nEND\r\n",
        b"SERVER_ERROR out of memory\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"x" * 3_000_000,
        b"",
    ],
    ids=lambda said: said[:20],
)
async def test_what_is_not_the_answer_is_an_error(said):
    with pytest.raises((ProtocolError, ConnectionError)):
        await answered(said, lambda client: client.gets("n"))
