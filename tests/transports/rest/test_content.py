"""Content over REST: streamed in and out, in ranges, edited, and nothing left where it breaks."""

import asyncio
import base64

import pytest

from backstory import limits
from behind import store_behind
from content_samples import TEXT, edited

BASE = "/v1/contexts/team/handbook"
URL = f"{BASE}/content"
PLAIN = {"content-type": "text/plain; charset=utf-8"}
SAFE = {
    "content-disposition": "attachment",
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox; default-src 'none'",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture
async def doc(http, put):
    await put("team/handbook", "document")
    return http


async def store(http, data=TEXT, **headers):
    answer = await http.put(URL, content=data, headers=PLAIN | headers)
    assert answer.status_code == 200, answer.text
    return answer


async def test_content_comes_back_as_it_was_sent(doc):
    answer = await store(doc)
    head = answer.json()
    assert (head["version"], head["content_version"], head["state_version"]) == (2, 2, 1)
    assert head["content"]["size"] == len(TEXT)
    assert head["content"]["media_type"] == PLAIN["content-type"]
    assert answer.headers["etag"] == '"2"'
    read = await doc.get(URL)
    assert (read.status_code, read.content) == (200, TEXT)
    assert read.headers["content-type"] == PLAIN["content-type"]
    assert read.headers["etag"] == '"2"'
    assert read.headers["accept-ranges"] == "bytes"
    assert read.headers["cache-control"] == "private, no-cache"
    assert SAFE.items() <= dict(read.headers).items()
    assert (await doc.get(BASE)).json()["content"] == head["content"]


async def test_content_creates_nothing(http):
    answer = await http.put(URL, content=b"x")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await http.get(URL)).status_code == 404


async def test_a_context_without_content_has_none_to_read(doc):
    assert (await doc.get(BASE)).json()["content"] is None
    assert (await doc.get(URL)).status_code == 404


async def test_bytes_without_a_type_are_bytes(doc):
    await doc.put(URL, content=bytes(range(256)))
    read = await doc.get(URL)
    assert read.content == bytes(range(256))
    assert read.headers["content-type"] == "application/octet-stream"


@pytest.mark.parametrize("media_type", ["nothing", "a/b; c", "text/\x00plain", "a/" + "b" * 300])
async def test_a_media_type_is_one(doc, media_type):
    answer = await doc.put(URL, content=b"x", headers={"content-type": media_type})
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


async def test_empty_content_is_content(doc):
    await store(doc, b"")
    read = await doc.get(URL)
    assert (read.status_code, read.content, read.headers["content-length"]) == (200, b"", "0")
    assert (await doc.get(URL, headers={"range": "bytes=0-0"})).status_code == 416


async def test_head_tells_of_content_without_it(doc):
    await store(doc)
    answer = await doc.head(URL, headers={"range": "bytes=0-9"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == str(len(TEXT))
    assert answer.headers["etag"] == '"2"'


# -- ranges ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=700000-700099", 700_000, 700_100),
        ("bytes=1499990-", 1_499_990, 1_500_000),
        ("bytes=-10", 1_499_990, 1_500_000),
        ("bytes=-9999999999", 0, 1_500_000),
        ("bytes=1499990-9999999999", 1_499_990, 1_500_000),
        ("Bytes = 5-9, 2000000-", 5, 10),
    ],
)
async def test_a_range_is_answered(doc, asked, start, stop):
    await store(doc)
    answer = await doc.get(URL, headers={"range": asked})
    assert (answer.status_code, answer.content) == (206, TEXT[start:stop])
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/{len(TEXT)}"
    assert answer.headers["content-length"] == str(stop - start)
    assert SAFE.items() <= dict(answer.headers).items()


@pytest.mark.parametrize("asked", ["bytes=1500000-", "bytes=9999999-99999999", "bytes=-0"])
async def test_a_range_outside_of_the_content_is_refused(doc, asked):
    await store(doc)
    answer = await doc.get(URL, headers={"range": asked})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(TEXT)}"


@pytest.mark.parametrize(
    "asked",
    [
        *("bytes=5-4", "bytes=a-b", "bytes=", "lines=0-1", "bytes=1", "bytes=0-1;2-3", "0-5"),
        "bytes=" + ",".join(["0-0"] * (limits.CONTENT_RANGES + 1)),
    ],
)
async def test_what_is_no_range_is_ignored(doc, asked):
    await store(doc)
    answer = await doc.get(URL, headers={"range": asked})
    assert (answer.status_code, answer.content) == (200, TEXT)


async def test_several_ranges_come_in_parts(doc):
    await store(doc)
    answer = await doc.get(URL, headers={"range": "bytes=0-3, 700000-700004, -5"})
    assert answer.status_code == 206
    kind, _, boundary = answer.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/byteranges"
    assert answer.headers["content-length"] == str(len(answer.content))
    parts = answer.content.split(b"\r\n--" + boundary.encode())
    assert (parts[0], parts[-1]) == (b"", b"--\r\n")
    spans = [(0, 4), (700_000, 700_005), (len(TEXT) - 5, len(TEXT))]
    for part, (start, stop) in zip(parts[1:-1], spans, strict=True):
        head, _, body = part.partition(b"\r\n\r\n")
        assert body == TEXT[start:stop]
        assert f"Content-Range: bytes {start}-{stop - 1}/{len(TEXT)}".encode() in head


async def test_a_range_goes_with_what_the_caller_has(doc, append):
    await store(doc)
    asked = {"range": "bytes=0-9"}
    for tag, status in (
        ('"2"', 206),
        ('"1"', 200),
        ('W/"2"', 200),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 200),
    ):
        assert (await doc.get(URL, headers=asked | {"if-range": tag})).status_code == status
    await append("team/handbook", "an entry changes no content")
    assert (await doc.get(URL, headers=asked | {"if-range": '"2"'})).status_code == 206
    await store(doc, b"other content than before")
    assert (await doc.get(URL, headers=asked | {"if-range": '"2"'})).status_code == 200


async def test_a_range_touches_few_chunks(doc, running):
    await store(doc)
    whole = await statements(running, doc, {})
    part = await statements(running, doc, {"range": "bytes=700000-700099"})
    assert whole > 50
    assert part == 1


async def statements(running, http, headers):
    """How many chunks a read takes out of the store."""
    from backstory.storage.tables import content_reading

    taken = []
    original = content_reading._chunk

    def counting(*arguments):
        taken.append(arguments[-1])
        return original(*arguments)

    content_reading._chunk = counting
    try:
        assert (await http.get(URL, headers=headers)).status_code in {200, 206}
    finally:
        content_reading._chunk = original
    return len(taken)


# -- conditions, the past, retries -------------------------------------------------------


async def test_reads_are_conditional(doc, append):
    await store(doc)
    answer = await doc.get(URL, headers={"if-none-match": '"2"'})
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", '"2"')
    await append("team/handbook", "an entry changes no content")
    answer = await doc.get(URL, headers={"if-none-match": 'W/"2"'})
    assert (answer.status_code, answer.headers["etag"]) == (304, '"3"')
    assert (await doc.get(URL, headers={"if-none-match": '"1"'})).status_code == 200
    answer = await doc.get(URL, headers={"if-match": '"1"'})
    assert (answer.status_code, answer.json()["current_version"]) == (412, 3)


async def test_writes_are_conditional(doc):
    refused = await doc.put(URL, content=b"x", headers={"if-match": '"7"'})
    assert (refused.status_code, refused.json()["current_version"]) == (412, 1)
    await store(doc, b"one", **{"if-match": '"1"'})
    assert (await doc.put(URL, content=b"x", headers={"if-none-match": "*"})).status_code == 412
    answer = await doc.put(URL, content=b"x", headers={"if-match": "7"})
    assert answer.status_code == 400


async def test_the_past_can_be_read(doc):
    await store(doc, b"one")
    await store(doc, b"second")
    read = await doc.get(f"{URL}?at=2")
    assert (read.content, read.headers["etag"]) == (b"one", '"2"')
    assert (await doc.get(f"{URL}?at=1")).status_code == 404
    assert (await doc.get(f"{URL}?at=9")).status_code == 410
    await doc.post(f"{BASE}/restore", json={"version": 2})
    assert (await doc.get(URL)).content == b"one"
    await doc.post(f"{BASE}/fork", json={"to": "team/copy", "at": 3})
    assert (await doc.get("/v1/contexts/team/copy/content")).content == b"second"


async def test_differences_and_catching_up_name_the_content(doc):
    root = (await store(doc, b"one")).json()["content"]["root"]
    since = (await doc.get(f"{BASE}?since=1")).json()
    assert (since["content"], since["head"]["content"]["root"]) == (root, root)
    assert (await doc.get(f"{BASE}?since=2")).json()["content"] is None
    difference = (await doc.get(f"{BASE}/diff?from=1&to=2")).json()
    assert difference["head"] == {
        "content": {"root": root, "media_type": PLAIN["content-type"], "size": 3}
    }
    changes = (await doc.get(f"{BASE}/versions")).json()["items"]
    assert ["content"] in [change["parts"] for change in changes]


async def test_a_retry_is_answered_like_the_first(doc):
    key = {"idempotency-key": "one"}
    first = await store(doc, TEXT, **key)
    await store(doc, b"other")
    again = await store(doc, TEXT, **key)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["version"] == first.json()["version"]
    for data, headers in ((TEXT + b"!", PLAIN), (TEXT, {"content-type": "text/html"})):
        answer = await doc.put(URL, content=data, headers=headers | key)
        assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")


async def test_deleted_content_is_in_the_past(doc):
    await store(doc, b"one")
    answer = await doc.delete(URL)
    assert (answer.status_code, answer.headers["etag"]) == (204, '"3"')
    assert (await doc.get(URL)).status_code == 404
    assert (await doc.get(f"{URL}?at=2")).content == b"one"
    assert (await doc.get(BASE)).json()["content"] is None


# -- bounds and broken bodies ------------------------------------------------------------


async def test_too_much_is_refused_before_it_is_read(doc):
    async def unread():
        raise AssertionError("the body was read")
        yield b""

    length = str(limits.CONTENT_BYTES + 1)
    answer = await doc.put(URL, content=unread(), headers={"content-length": length})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_too_much_is_refused_while_it_comes(doc, running, monkeypatch):
    monkeypatch.setattr(limits, "CONTENT_BYTES", len(TEXT) - 1)

    async def pieces():
        for start in range(0, len(TEXT), 50_000):
            yield TEXT[start : start + 50_000]

    answer = await doc.put(URL, content=pieces())
    assert (answer.status_code, answer.json()["limit"]) == (413, "CONTENT_BYTES")
    assert chunks_kept(running) == 0


async def test_a_body_that_is_shorter_than_announced_leaves_nothing(doc, running):
    announced = {"content-length": str(len(TEXT) + 1)}

    async def pieces():
        yield TEXT

    answer = await doc.put(URL, content=pieces(), headers=announced)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    assert chunks_kept(running) == 0


async def test_coded_content_is_not_taken_for_plain(doc):
    answer = await doc.put(URL, content=b"x", headers={"content-encoding": "compress"})
    assert answer.status_code == 415


def chunks_kept(running):
    """Chunks in the store, whoever holds them."""
    return store_behind(running)._inline.value("SELECT count(*) FROM chunks")


# -- edits -------------------------------------------------------------------------------
EDITS = "application/vnd.backstory.edits+json"


async def patch(http, edits, **headers):
    return await http.patch(URL, json={"edits": edits}, headers={"content-type": EDITS} | headers)


async def test_edits_change_a_few_bytes(doc):
    await store(doc)
    raw = base64.b64encode(b"\x00\xff").decode()
    answer = await patch(
        doc,
        [
            {"offset": 0, "insert": "Größe "},
            {"offset": 700_000, "delete": 10},
            {"offset": 700_010, "delete": 2, "insert_base64": raw},
            {"offset": len(TEXT), "insert": "the end"},
        ],
    )
    assert (answer.status_code, answer.json()["version"]) == (200, 3)
    assert answer.headers["etag"] == '"3"'
    read = await doc.get(URL)
    assert read.content == edited(
        TEXT,
        (0, 0, "Größe ".encode()),
        (700_000, 10, b""),
        (700_010, 2, b"\x00\xff"),
        (len(TEXT), 0, b"the end"),
    )
    assert read.headers["content-type"] == PLAIN["content-type"]


async def test_a_retried_edit_is_done_once(doc):
    await store(doc, b"text")
    edits = [{"offset": 0, "delete": 4, "insert": "t"}]
    first = await patch(doc, edits, **{"idempotency-key": "k"})
    again = await patch(doc, edits, **{"idempotency-key": "k"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.headers["idempotency-replayed"] == "true"
    assert (await doc.get(URL)).content == b"t"


@pytest.mark.parametrize(
    ("edits", "status", "code"),
    [
        ([{"offset": 5}], 409, "patch_conflict"),
        ([{"offset": 0, "delete": 5}], 409, "patch_conflict"),
        ([{"offset": 2}, {"offset": 1}], 409, "patch_conflict"),
        ([{"offset": -1}], 422, "schema_violation"),
        ([], 422, "schema_violation"),
        ([{"offset": 0, "insert_base64": "?"}], 422, "schema_violation"),
        ([{"offset": 0, "insert": "a", "insert_base64": "YQ=="}], 422, "schema_violation"),
    ],
)
async def test_edits_that_cannot_be(doc, edits, status, code):
    await store(doc, b"text")
    answer = await patch(doc, edits)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await doc.get(URL)).content == b"text"


async def test_edits_have_a_type_of_their_own(doc):
    await store(doc, b"text")
    answer = await doc.patch(URL, json=[])
    assert (answer.status_code, answer.headers["accept-patch"]) == (415, EDITS)
    assert (await patch(doc, [{"offset": 0}], **{"if-match": '"1"'})).status_code == 412


# -- damage ------------------------------------------------------------------------------


async def damage(running, offset):
    """Flip a byte of the chunk that holds an offset, behind the store's back."""
    import apsw

    from backstory.domain.chunking import cut

    place, number, chunks = 0, 1, cut(TEXT)
    while place + chunks[number - 1].ref.size <= offset:
        place += chunks[number - 1].ref.size
        number += 1
    path = store_behind(running)._options.path
    connection = await asyncio.to_thread(apsw.Connection, str(path))
    connection.set_busy_timeout(10_000)  # the store may be moving its log into the file
    connection.execute(
        "UPDATE chunk_bodies SET body = CAST(substr(body, 1, 100) || x'00' || substr(body, 102) "
        "AS BLOB) WHERE id = ?",
        (number,),
    )
    connection.close()
    return chunks[number - 1].ref.hash.hex(), place


async def test_a_damaged_chunk_is_never_passed_on(doc, running):
    await store(doc)
    name, place = await damage(running, 700_000)
    answer = await doc.get(URL, headers={"range": f"bytes={place}-{place}"})
    assert (answer.status_code, answer.json()["code"]) == (503, "content_corrupt")
    assert answer.json()["chunk"] == name
    fine = await doc.get(URL, headers={"range": f"bytes=0-{place - 1}"})
    assert fine.content == TEXT[:place]


async def test_an_answer_that_meets_damage_is_cut_off(doc, running):
    """In process the error comes out; a server closes the connection."""
    from backstory.errors import ContentCorruptError

    await store(doc)
    await damage(running, 1_400_000)
    with pytest.raises(ContentCorruptError):
        await doc.get(URL)


async def test_a_damaged_manifest_is_said_to_be(doc, running):
    import apsw

    await store(doc)
    path = store_behind(running)._options.path
    connection = await asyncio.to_thread(apsw.Connection, str(path))
    connection.set_busy_timeout(10_000)
    connection.execute("UPDATE manifest_pages SET body = substr(body, 1, 36)")
    connection.close()
    for read in (f"{URL}/manifest", URL):
        if read == URL:
            answer = await doc.get(read, headers={"range": "bytes=700000-700001"})
        else:
            answer = await doc.get(read)
        assert (answer.status_code, answer.json()["code"]) == (503, "content_corrupt")
