"""What large content costs, in bytes and chunks: how often is counted here, how fast in benchmarks."""

import random
from itertools import pairwise

import apsw
import pytest

from backstory.clock import SystemClock
from backstory.contexts.contents.storing import Sent
from backstory.domain.chunking import cut
from backstory.domain.content import Manifest
from backstory.domain.keys import ContextKey
from backstory.storage.tables import content_reading
from content_samples import edited
from contexts.conftest import LOCAL_ADMIN, create, opened

SIZE = 6_000_000
DOC, OTHER = ContextKey("team", "handbook"), ContextKey("team", "copy")


@pytest.fixture(scope="module")
def text():
    source = random.Random(11)
    words = ["".join(source.choices("etaoinshrdlu", k=source.randint(2, 9))) for _ in range(5000)]
    return " ".join(source.choices(words, k=1_200_000)).encode()[:SIZE]


async def put(contexts, key, data):
    async def body():
        for start in range(0, len(data), 65_536):
            yield data[start : start + 65_536]

    await contexts.storer.put(LOCAL_ADMIN, key, Sent(body(), "text/plain"))


def stored(path):
    """Bytes of the file in use once the log has been moved into it."""
    connection = apsw.Connection(str(path))
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    used = connection.execute(
        "SELECT (page_count - freelist_count) * page_size "
        "FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
    ).get
    connection.close()
    return used


async def test_content_is_stored_small_and_its_changes_smaller(tmp_path, text):
    path = tmp_path / "store.db"
    async with opened(path, SystemClock()) as contexts:
        await create(contexts, DOC, "document")
        await create(contexts, OTHER, "document")
        sizes = [stored(path)]
        middle = SIZE // 2
        for key, data in (
            (DOC, text),
            (DOC, edited(text, (middle, 60, b"x" * 60))),
            (OTHER, text),
        ):
            await put(contexts, key, data)
            sizes.append(stored(path))
    whole, edit, again = (after - before for before, after in pairwise(sizes))
    assert whole <= 0.7 * SIZE
    assert edit < 0.01 * SIZE
    assert again < 0.005 * SIZE


def test_an_edit_sends_little_by_manifest(text):
    """The question with all hashes, the chunks that are new, and the manifest."""
    old = {chunk.ref for chunk in cut(text)}
    after = edited(text, (SIZE // 2, 60, b"x" * 60))
    chunks = cut(after)
    new = sum(chunk.ref.size for chunk in chunks if chunk.ref not in old)
    described = sum(len(f'{{"hash":"{64 * "0"}","size":{c.ref.size}}},') for c in chunks)
    assert new + described + 67 * len(chunks) < 0.02 * SIZE


async def test_a_little_from_the_middle_costs_little(tmp_path, text, monkeypatch):
    touched = []

    def counting_chunk(*arguments, original=content_reading._chunk):
        found = original(*arguments)
        touched.append(len(found))
        return found

    class CountedManifest(Manifest):
        """A page that was read."""

        def __init__(self, packed):
            touched.append(len(packed))
            super().__init__(packed)

    monkeypatch.setattr(content_reading, "_chunk", counting_chunk)
    monkeypatch.setattr(content_reading, "Manifest", CountedManifest)
    async with opened(tmp_path / "store.db", SystemClock()) as contexts:
        await create(contexts, DOC, "document")
        await put(contexts, DOC, text)
        content = await contexts.fetcher.open(LOCAL_ADMIN, DOC)
        touched.clear()
        assert await content.read(0, SIZE) == text
        whole = sum(touched)
        touched.clear()
        assert await content.read(3_000_000, 3_000_100) == text[3_000_000:3_000_100]
        assert 0 < sum(touched) < 0.02 * whole


def test_a_manifest_is_small_beside_its_content(text):
    assert len(Manifest.of(chunk.ref for chunk in cut(text)).packed) < 0.003 * SIZE
