"""Manifests and chunks over REST: only what is missing travels, and a hash gives nothing away."""

from dataclasses import replace

import pytest

from backstory import limits
from backstory.domain import policy
from backstory.domain.chunking import Chunk, cut
from backstory.domain.keys import NamespacePattern
from backstory.domain.policy import Permission, Verb
from backstory.domain.principals import LOCAL_ADMIN
from backstory.transports.edge import local_mode
from content_samples import TEXT, edited

BASE = "/v1/contexts/team/handbook"
URL = f"{BASE}/content"
MANIFEST = "application/vnd.backstory.manifest+json"


@pytest.fixture
async def doc(http, put):
    await put("team/handbook", "document")
    return http


def described(chunks):
    return [{"hash": chunk.ref.hash.hex(), "size": chunk.ref.size} for chunk in chunks]


async def missing(http, chunks, url=URL):
    answer = await http.post(f"{url}/missing", json={"hashes": [c.ref.hash.hex() for c in chunks]})
    assert answer.status_code == 200, answer.text
    return answer.json()["missing"]


async def upload(http, chunk, url=URL):
    return await http.put(f"{url}/chunks/{chunk.ref.hash.hex()}", content=chunk.data)


async def commit(http, chunks, url=URL, **headers):
    body = {"chunks": described(chunks), "media_type": "text/plain"}
    return await http.put(url, json=body, headers={"content-type": MANIFEST} | headers)


async def sync(http, data, url=URL):
    """What a client does that has only the new bytes; gives the answer and the bytes sent."""
    chunks = {chunk.ref.hash.hex(): chunk for chunk in cut(data)}
    sent = sum(len(name) + 3 for name in chunks)
    for name in await missing(http, chunks.values(), url):
        answer = await upload(http, chunks[name], url)
        assert answer.status_code == 204, answer.text
        sent += chunks[name].ref.size
    answer = await commit(http, cut(data), url)
    return answer, sent + len(answer.request.content)


async def test_content_can_be_put_together_of_chunks(doc):
    answer, _ = await sync(doc, TEXT)
    assert (answer.status_code, answer.json()["version"]) == (200, 2)
    read = await doc.get(URL)
    assert (read.content, read.headers["content-type"]) == (TEXT, "text/plain")
    assert answer.json()["content"]["size"] == len(TEXT)


async def test_the_server_cuts_like_its_clients(doc):
    streamed = await doc.put(URL, content=TEXT, headers={"content-type": "text/plain"})
    answer, _ = await sync(doc, TEXT)
    assert answer.json()["version"] == streamed.json()["version"]


async def test_an_edit_sends_little(doc):
    await sync(doc, TEXT)
    after = edited(TEXT, (len(TEXT) // 2, 60, b"x" * 60))
    answer, sent = await sync(doc, after)
    assert answer.status_code == 200
    assert (await doc.get(URL)).content == after
    assert sent < 0.06 * len(TEXT)  # of 1.5 MB; see test_what_content_costs for 6 MB


async def test_the_manifest_is_listed_in_pages(doc):
    await doc.put(URL, content=TEXT)
    items, after = [], 0
    while after is not None:
        page = (await doc.get(f"{URL}/manifest?after={after}&limit=20")).json()
        items += page["items"]
        after = page["next"]
    assert items == described(cut(TEXT))
    assert (page["count"], page["size"]) == (len(items), len(TEXT))
    head = (await doc.get(BASE)).json()
    assert page["root"] == head["content"]["root"]


async def test_the_manifest_can_be_asked_for_by_its_type(doc):
    await doc.put(URL, content=TEXT)
    answer = await doc.get(URL, headers={"accept": f"{MANIFEST}, */*;q=0.1"})
    assert answer.headers["content-type"] == MANIFEST
    assert answer.json() == (await doc.get(f"{URL}/manifest")).json()
    assert (await doc.get(URL, headers={"accept": "*/*"})).content == TEXT
    again = await doc.get(f"{URL}/manifest", headers={"if-none-match": answer.headers["etag"]})
    assert again.status_code == 304


async def test_a_chunk_is_served_by_its_hash(doc):
    await doc.put(URL, content=TEXT)
    chunk = cut(TEXT)[4]
    answer = await doc.get(f"{URL}/chunks/{chunk.ref.hash.hex()}")
    assert (answer.status_code, answer.content) == (200, chunk.data)
    assert answer.headers["x-content-type-options"] == "nosniff"
    await doc.put(URL, content=b"other")
    assert (await doc.get(f"{URL}/chunks/{chunk.ref.hash.hex()}")).status_code == 404
    assert (await doc.get(f"{URL}/chunks/{chunk.ref.hash.hex()}?at=2")).content == chunk.data
    for name in ("nonsense", chunk.ref.hash.hex().upper()):
        assert (await doc.get(f"{URL}/chunks/{name}")).status_code == 400


async def test_a_chunk_must_have_its_hash(doc):
    wrong = Chunk(cut(b"expected")[0].ref, b"sent")
    answer = await upload(doc, wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "chunk_mismatch")
    assert await missing(doc, [wrong]) == [wrong.ref.hash.hex()]


async def test_a_chunk_is_bounded(doc):
    answer = await upload(doc, Chunk.of(b"x" * (limits.CHUNK_BYTES + 1)))
    assert (answer.status_code, answer.json()["limit"]) == (413, "CHUNK_BYTES")
    assert (await upload(doc, Chunk.of(b""))).status_code == 422
    assert (await upload(doc, Chunk.of(b"x" * limits.CHUNK_BYTES))).status_code == 204


async def test_a_manifest_names_only_chunks_that_are_there(doc):
    here, absent = Chunk.of(b"here"), Chunk.of(b"absent")
    await upload(doc, here)
    answer = await commit(doc, [here, absent])
    assert (answer.status_code, answer.json()["code"]) == (409, "chunks_missing")
    assert answer.json()["missing"] == [absent.ref.hash.hex()]
    assert (await doc.get(BASE)).json()["version"] == 1
    await upload(doc, absent)
    assert (await commit(doc, [here, absent, here])).status_code == 200
    assert (await doc.get(URL)).content == b"hereabsenthere"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"chunks": [{"hash": "00", "size": 1}]}, 422),
        ({"chunks": [{"hash": "0" * 64, "size": 0}]}, 422),
        ({"chunks": [{"hash": "0" * 64, "size": limits.CHUNK_BYTES + 1}]}, 422),
        ({"chunks": [], "media_type": "no type"}, 400),
        ({"chunks": [{"hash": "0" * 64, "size": 90_000}] * 3000}, 413),
        ({"chunks": [{"hash": "0" * 64, "size": 1}] * (limits.MANIFEST_CHUNKS + 1)}, 413),
    ],
    ids=["nothing", "hash", "empty", "large", "type", "bytes", "many"],
)
async def test_a_manifest_that_is_none(doc, body, status):
    answer = await doc.put(URL, json=body, headers={"content-type": MANIFEST})
    assert answer.status_code == status
    assert (await doc.get(BASE)).json()["version"] == 1


async def test_a_question_is_bounded(doc):
    hashes = ["0" * 64] * (limits.CHUNKS_ASKED + 1)
    answer = await doc.post(f"{URL}/missing", json={"hashes": hashes})
    assert (answer.status_code, answer.json()["limit"]) == (413, "CHUNKS_ASKED")


async def test_manifests_are_conditional_and_retried(doc):
    chunk = Chunk.of(b"text")
    await upload(doc, chunk)
    assert (await commit(doc, [chunk], **{"if-match": '"9"'})).status_code == 412
    first = await commit(doc, [chunk], **{"idempotency-key": "k"})
    again = await commit(doc, [chunk], **{"idempotency-key": "k"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["idempotency-replayed"] == "true"


async def test_a_hash_gives_nothing_away(doc, put, as_reader_of):
    """One who may not read where a chunk is can neither learn that it is there, nor have it."""
    await put("team2/own", "document")
    await doc.put(URL, content=TEXT)
    chunks = cut(TEXT)
    own = "/v1/contexts/team2/own/content"
    as_reader_of("team2")
    assert await missing(doc, chunks, own) == [chunk.ref.hash.hex() for chunk in chunks]
    stolen = await commit(doc, chunks, own)
    assert (stolen.status_code, stolen.json()["code"]) == (409, "chunks_missing")
    assert stolen.json()["count"] == len(chunks)
    assert (await doc.get(f"{own}/chunks/{chunks[0].ref.hash.hex()}")).status_code == 404
    for path in ("missing", f"chunks/{chunks[0].ref.hash.hex()}", "manifest"):
        method = "POST" if path == "missing" else "GET"
        refused = await doc.request(method, f"{URL}/{path}", json={"hashes": []})
        assert refused.status_code == 404
    # What it sends itself it may use, and it is kept once.
    assert (await upload(doc, chunks[0], own)).status_code == 204
    assert (await commit(doc, chunks[:1], own)).status_code == 200


async def test_chunks_of_another_tenant_are_not_there(doc, monkeypatch):
    """The same bytes in two tenants are two chunks, and neither tells of the other."""
    await doc.put(URL, content=TEXT)
    chunks = cut(TEXT)
    elsewhere = replace(LOCAL_ADMIN, tenant="other")
    monkeypatch.setattr(local_mode, "_LOCAL", elsewhere)
    created = await doc.put(BASE, json={"kind": "document"})
    assert created.status_code == 201  # a context of that name is in no one's way
    assert await missing(doc, chunks) == [chunk.ref.hash.hex() for chunk in chunks]
    stolen = await commit(doc, chunks)
    assert (stolen.status_code, stolen.json()["code"]) == (409, "chunks_missing")
    assert (await doc.get(f"{URL}/chunks/{chunks[0].ref.hash.hex()}")).status_code == 404
    assert (await doc.get(URL)).status_code == 404


@pytest.fixture
def as_reader_of(monkeypatch):
    """From here on the caller may read and write in one namespace only."""

    def narrow(namespace):
        pattern = NamespacePattern.parse(namespace)
        rights = (Permission(Verb.READ, pattern), Permission(Verb.WRITE, pattern))
        monkeypatch.setitem(policy._ROLES, "narrow", rights)
        narrowed = replace(LOCAL_ADMIN, roles=frozenset({"narrow"}))
        monkeypatch.setattr(local_mode, "_LOCAL", narrowed)

    return narrow


async def test_uploads_over_their_bound_are_refused_with_what_to_do(doc, monkeypatch):
    monkeypatch.setattr(limits, "UPLOADS_BYTES", 3000)
    first, second = Chunk.of(b"a" * 2000), Chunk.of(b"b" * 2000)
    assert (await upload(doc, first)).status_code == 204
    refused = await upload(doc, second)
    assert (refused.status_code, refused.json()["code"]) == (409, "uploads_full")
    assert "manifest" in refused.json()["detail"]
    whole = await doc.put(URL, content=b"c" * 4000, headers={"content-type": "text/plain"})
    assert (whole.status_code, whole.json()["code"]) == (409, "uploads_full")
    assert (await commit(doc, [first])).status_code == 200
    assert (await upload(doc, second)).status_code == 204
