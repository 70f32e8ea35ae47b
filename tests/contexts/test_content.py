"""Content through the context managers: streamed in, read from anywhere, edited in place."""

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory import limits
from backstory.contexts.contents.editing import Rewriting
from backstory.contexts.contents.storing import Sent
from backstory.contexts.writing import Retry
from backstory.domain.chunking import MAX_BYTES, Chunker, cut
from backstory.domain.commits import ALWAYS, Conditions
from backstory.domain.content import Manifest
from backstory.domain.edits import Edit, check_edits
from backstory.domain.keys import ContextKey
from backstory.errors import (
    KeyReusedError,
    MissingError,
    PatchConflictError,
    PreconditionError,
    TooLargeError,
)
from content_samples import TEXT
from contexts.conftest import LOCAL_ADMIN, create

DOC = ContextKey("team", "handbook")


async def pieces(data, size=64 * 1024):
    for start in range(0, len(data), size):
        yield data[start : start + size]


async def put(contexts, data, **more):
    sent = Sent(pieces(data), "text/plain", **more)
    return await contexts.storer.put(LOCAL_ADMIN, DOC, sent)


async def get(contexts, at=None):
    content = await contexts.fetcher.open(LOCAL_ADMIN, DOC, at)
    return await content.read(0, content.ref.size)


@pytest.fixture
async def doc(contexts):
    await create(contexts, DOC, "document")
    return contexts


def test_how_content_is_fed_makes_no_difference_to_its_chunks():
    whole = [chunk.ref for chunk in cut(TEXT)]
    assert b"".join(chunk.data for chunk in cut(TEXT)) == TEXT
    for size in (1000, 8191, 65_536, 1_000_000):
        chunker = Chunker()
        chunks = []
        for start in range(0, len(TEXT), size):
            chunks += chunker.feed(TEXT[start : start + size])
            assert chunker.pending <= max(MAX_BYTES, size)
        assert [chunk.ref for chunk in chunks + chunker.finish()] == whole


def test_chunks_stay_within_their_bounds():
    for data in (TEXT, bytes(1_000_000), random.Random(3).randbytes(1_000_000)):
        chunks = cut(data)
        assert max(chunk.ref.size for chunk in chunks) <= MAX_BYTES <= limits.CHUNK_BYTES
        assert len(chunks) <= len(data) // 8192 + 1


async def test_a_body_comes_back_as_it_was_sent(doc):
    outcome = await put(doc, TEXT)
    assert outcome.results[0].version == 2
    assert await get(doc) == TEXT


async def test_a_body_is_for_a_context_that_is_there(contexts):
    with pytest.raises(MissingError):
        await put(contexts, TEXT)


async def test_conditions_are_checked_before_the_body_is_read(doc):
    async def unread():
        raise AssertionError("the body was read")
        yield b""

    sent = Sent(unread(), "text/plain", Conditions(match=frozenset({7})))
    with pytest.raises(PreconditionError):
        await doc.storer.put(LOCAL_ADMIN, DOC, sent)


async def held(contexts, data):
    """How many of the chunks the store has for anybody."""
    rows = contexts.store._inline.all("SELECT count(*) FROM chunks")
    return rows[0][0], len(cut(data))


async def test_a_body_that_breaks_off_leaves_nothing(doc):
    async def broken():
        async for piece in pieces(TEXT):
            yield piece
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await doc.storer.put(LOCAL_ADMIN, DOC, Sent(broken(), "text/plain"))
    assert (await held(doc, TEXT))[0] == 0
    with pytest.raises(MissingError):
        await get(doc)


async def test_a_body_whose_sender_is_cancelled_leaves_nothing(doc):
    reached = asyncio.Event()

    async def endless():
        async for piece in pieces(TEXT):
            yield piece
        reached.set()
        await asyncio.Event().wait()

    sending = asyncio.create_task(doc.storer.put(LOCAL_ADMIN, DOC, Sent(endless(), "text/plain")))
    await reached.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert (await held(doc, TEXT))[0] == 0


async def test_a_body_over_the_bound_leaves_nothing(doc, monkeypatch):
    monkeypatch.setattr(limits, "CONTENT_BYTES", len(TEXT) - 1)
    with pytest.raises(TooLargeError):
        await put(doc, TEXT)
    assert (await held(doc, TEXT))[0] == 0


async def test_a_retry_is_answered_like_the_first(doc):
    def retry(digest):
        return Retry("key-1", (b"PUT", digest))

    first = await put(doc, TEXT, retrying=True, retry=retry)
    await put(doc, b"other")
    again = await put(doc, TEXT, retrying=True, retry=retry)
    assert (again.replayed, again.results[0].version) == (True, first.results[0].version)
    assert await get(doc) == b"other"
    with pytest.raises(KeyReusedError):
        await put(doc, TEXT + b"!", retrying=True, retry=retry)


async def test_a_retry_is_known_when_the_context_is_gone(doc):
    def retry(digest):
        return Retry("key-1", (b"PUT", digest))

    await put(doc, TEXT, retrying=True, retry=retry)
    await doc.store.commit(_delete())
    assert (await put(doc, TEXT, retrying=True, retry=retry)).replayed
    with pytest.raises(MissingError):
        await put(doc, TEXT, retrying=True, retry=lambda digest: Retry("key-2", (digest,)))


def _delete():
    from backstory import ids
    from backstory.clock import SystemClock
    from backstory.domain.commits import Commit, Delete

    now = SystemClock().now()
    return Commit("default", ids.commit_id(), LOCAL_ADMIN.author, now, (Delete(DOC),))


async def test_unfinished_uploads_do_not_add_up(doc):
    await put(doc, TEXT)
    await put(doc, TEXT)
    assert doc.store._inline.all("SELECT count(*) FROM uploads")[0][0] == 0
    assert len(set(await held(doc, TEXT))) == 1


# -- edits -------------------------------------------------------------------------------
def edited(data, edits):
    """What the edits make of the bytes, done in memory."""
    whole, place = [], 0
    for edit in edits:
        whole += [data[place : edit.offset], edit.insert]
        place = edit.end
    return b"".join([*whole, data[place:]])


class InMemory:
    """Stands for an upload."""

    def __init__(self):
        self.chunks = {}

    async def keep(self, chunks):
        self.chunks |= {chunk.ref: chunk.data for chunk in chunks}


def rewritten(data, edits):
    """The edited bytes by the rewriting, its manifest, and what it read and kept."""
    read, upload = [], InMemory()

    async def reads(start, stop):
        read.append(stop - start)
        return data[start:stop]

    old = cut(data)
    manifest = asyncio.run(
        Rewriting(Manifest.of(c.ref for c in old), reads, upload).run(check_edits(edits, len(data)))
    )
    known = {chunk.ref: chunk.data for chunk in old} | upload.chunks
    return b"".join(known[ref] for ref in manifest), manifest, sum(read), upload.chunks


@st.composite
def bodies_and_edits(draw):
    size = draw(st.sampled_from([0, 1, 5000, 40_000, 300_000]))
    start = draw(st.integers(0, 100_000))
    data = TEXT[start : start + size]
    bounds = sorted(draw(st.lists(st.integers(0, size), max_size=8)))
    starts = [0, *(sum(c.ref.size for c in cut(data)[:n]) for n in (1, 2))]
    if draw(st.booleans()):
        bounds = sorted([*bounds, *(s for s in starts if s <= size)])
    inserts = st.sampled_from([b"", b"x", b"some words", TEXT[7000:8000], TEXT[:90_000]])
    pairs = zip(bounds[::2], bounds[1::2], strict=False)
    return data, [Edit(first, last - first, draw(inserts)) for first, last in pairs]


@settings(max_examples=150, deadline=None)
@given(bodies_and_edits())
def test_edits_do_what_they_do_to_bytes_in_memory(case):
    """And give the very chunks that the whole edited body would."""
    data, edits = case
    whole, manifest, _, _ = rewritten(data, edits)
    assert whole == edited(data, edits)
    assert list(manifest) == [chunk.ref for chunk in cut(whole)]


def test_an_edit_reads_and_keeps_only_what_is_around_it():
    edit = Edit(len(TEXT) // 2, 30, b"z" * 60)
    _, _, read, kept = rewritten(TEXT, [edit])
    assert read < 6 * MAX_BYTES
    assert len(kept) <= 3


async def test_an_edit_makes_a_version(doc):
    await put(doc, TEXT)
    edits = [Edit(10, 5, b"edited"), Edit(len(TEXT), 0, b" the end")]
    outcome = await doc.editor.patch(LOCAL_ADMIN, DOC, edits, ALWAYS)
    assert outcome.results[0].version == 3
    assert await get(doc) == edited(TEXT, edits)
    assert await get(doc, at=2) == TEXT


async def test_edits_that_meet_go_on_top_of_each_other(doc):
    await put(doc, b"-" * 100)
    edits = [[Edit(0, 0, b"%d" % n)] for n in range(6)]
    await asyncio.gather(*(doc.editor.patch(LOCAL_ADMIN, DOC, one, ALWAYS) for one in edits))
    assert sorted((await get(doc))[:6]) == list(b"012345")


async def test_an_edit_must_fit(doc):
    await put(doc, b"0123456789")
    for edits in ([Edit(11, 0, b"x")], [Edit(5, 6, b"")], [Edit(3, 2, b""), Edit(4, 0, b"x")]):
        with pytest.raises(PatchConflictError) as refused:
            await doc.editor.patch(LOCAL_ADMIN, DOC, edits, ALWAYS)
        assert refused.value.context["operation"] == len(edits) - 1


async def test_there_is_nothing_to_edit_in_no_content(doc):
    with pytest.raises(MissingError):
        await doc.editor.patch(LOCAL_ADMIN, DOC, [Edit(0, 0, b"x")], ALWAYS)
