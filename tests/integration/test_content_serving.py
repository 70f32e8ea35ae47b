"""Content over real connections: bodies and answers that break off, and a loop that stays free."""

import asyncio
import random
import socket
from pathlib import Path

import apsw
import httpx
import pytest

from content_samples import TEXT
from serving import SECONDS, until

URL = "/v1/contexts/team/handbook/content"


@pytest.fixture
def doc(own):
    with own.client() as http:
        assert http.put("/v1/contexts/team/handbook", json={"kind": "document"}).status_code == 201
        yield http


def chunks_kept(server):
    connection = apsw.Connection(str(server.store), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return connection.execute("SELECT count(*) FROM chunks").get
    finally:
        connection.close()


def test_a_body_that_is_cut_off_leaves_nothing(own, doc):
    data = random.Random(1).randbytes(3_000_000)
    head = f"PUT {URL} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data) + 1}\r\n\r\n"
    with socket.create_connection(own.address, SECONDS) as half:
        half.sendall(head.encode() + data)
        until(lambda: chunks_kept(own) > 0, "keeping a chunk")
    until(lambda: chunks_kept(own) == 0, "taking them back")
    assert doc.get(URL).status_code == 404
    assert doc.get("/v1/contexts/team/handbook").json()["version"] == 1


def test_a_server_that_is_killed_leaves_no_half_content(own, doc, tmp_path):
    data = random.Random(2).randbytes(3_000_000)
    head = f"PUT {URL} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data) + 1}\r\n\r\n"
    with socket.create_connection(own.address, SECONDS) as half:
        half.sendall(head.encode() + data)
        until(lambda: chunks_kept(own) > 0, "keeping a chunk")
        own.kill()
    from serving import serving

    (tmp_path / "again").mkdir()
    with serving(tmp_path / "again", store=Path(own.store)) as again, again.client() as http:
        assert http.get(URL).status_code == 404
        assert http.put(URL, content=data).status_code == 200
        assert http.get(URL).content == data


def test_an_answer_that_meets_damage_is_cut_off(own, doc):
    assert doc.put(URL, content=TEXT).status_code == 200
    connection = apsw.Connection(str(own.store))
    connection.set_busy_timeout(10_000)  # the index of words follows a moment later
    last = connection.execute("SELECT max(id) FROM chunk_bodies").get
    connection.execute(
        "UPDATE chunk_bodies SET body = zeroblob(length(body)) WHERE id = ?", (last,)
    )
    connection.close()
    received = []
    with pytest.raises(httpx.RemoteProtocolError):
        receive(doc, received)
    whole = b"".join(received)
    assert whole == TEXT[: len(whole)] != TEXT


def receive(http, pieces):
    with http.stream("GET", URL) as answer:
        assert answer.status_code == 200
        for piece in answer.iter_raw():
            pieces.append(piece)


def test_a_large_body_goes_in_and_out(doc):
    data = random.Random(3).randbytes(20_000_000)
    assert doc.put(URL, content=data).status_code == 200
    assert doc.get(URL).content == data
    part = doc.get(URL, headers={"range": "bytes=10000000-10000099"})
    assert (part.status_code, part.content) == (206, data[10_000_000:10_000_100])


async def test_cutting_hashing_and_compressing_leave_the_loop(monkeypatch, running_contexts):
    """The calls that take long run in threads, where no event loop is."""
    from backstory.contexts.contents import storing
    from backstory.domain import chunking
    from backstory.storage import chunks

    seen = []

    def watched(module, name):
        original = getattr(module, name)

        def call(*arguments):
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()
            seen.append(name)
            return original(*arguments)

        monkeypatch.setattr(module, name, call)

    watched(chunks, "encode")
    watched(chunks, "decode")
    watched(chunking.Chunker, "feed")
    content = await running_contexts(storing, TEXT)
    assert await content.read(0, len(TEXT)) == TEXT
    assert set(seen) == {"encode", "decode", "feed"}


@pytest.fixture
async def running_contexts(tmp_path):
    from backstory.domain.keys import ContextKey
    from contexts.conftest import LOCAL_ADMIN, create, opened

    async with opened(tmp_path / "s.db") as contexts:
        doc = ContextKey("team", "handbook")

        async def put(storing, data):
            async def body():
                yield data

            await create(contexts, doc, "document")
            await contexts.storer.put(LOCAL_ADMIN, doc, storing.Sent(body(), "text/plain"))
            return await contexts.fetcher.open(LOCAL_ADMIN, doc)

        yield put
