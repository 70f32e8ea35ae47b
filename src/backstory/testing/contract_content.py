"""The part of the contract about content: what holds a chunk, who may use it, when it goes."""

from __future__ import annotations

import pytest

from backstory import limits
from backstory.domain.changes import Part
from backstory.domain.chunking import Chunk, cut
from backstory.domain.commits import PutContent
from backstory.domain.content import ChunkRef, Hold, Manifest, NewContent
from backstory.errors import (
    ChunksMissingError,
    MissingError,
    UploadsFullError,
    VersionConflictError,
)
from backstory.testing.contract_base import Contract
from backstory.testing.scene import Scene, key, sees

ANNAS, OTHERS = b"anna's hold 16 b", b"another's hold 1"
_WORDS = [f"word{n * 7919 % 1000:03}" for n in range(20_000)]
TEXT = " ".join(_WORDS).encode()
"""About 160 KB, which make about ten chunks."""


class ContentContract(Contract):
    """Chunks, manifests, and what keeps them alive."""

    async def test_content_is_read_back_from_anywhere(self, scene: Scene) -> None:
        await scene.put("doc")
        result = await scene.put_content("doc", TEXT, "text/plain")
        head = (await scene.view("doc")).snapshot.head
        assert (head.version, head.content_version, head.state_version) == (2, 2, 1)
        assert head == result.head
        assert head.content == Manifest.of(c.ref for c in cut(TEXT)).ref("text/plain")
        assert await scene.content("doc") == TEXT
        root = head.content.root
        for start, stop in ((0, 1), (70_000, 70_100), (len(TEXT) - 1, len(TEXT))):
            part = await scene.store.read_content(scene.tenant, root, start, stop)
            assert part == TEXT[start:stop]
        assert (await scene.changes())[-1].parts == Part.CONTENT

    async def test_empty_content_is_content(self, scene: Scene) -> None:
        await scene.put("doc")
        await scene.put_content("doc", b"")
        ref = (await scene.view("doc")).snapshot.head.content
        assert ref is not None
        assert (ref.size, await scene.content("doc")) == (0, b"")

    async def test_the_same_content_again_changes_nothing(self, scene: Scene) -> None:
        await scene.put("doc")
        await scene.put_content("doc", TEXT, "text/plain")
        again = await scene.put_content("doc", TEXT, "text/plain")
        assert (again.changed, again.version) == (False, 2)
        other = await scene.put_content("doc", TEXT, "text/markdown")
        assert (other.changed, other.version) == (True, 3)

    async def test_the_past_keeps_its_content(self, scene: Scene) -> None:
        await scene.put("doc", {"n": 1})
        await scene.put_content("doc", TEXT)
        await scene.put_content("doc", TEXT[:50_000])
        await scene.one(PutContent(key("doc"), None))
        assert await scene.content("doc", at=2) == TEXT
        assert await scene.content("doc", at=3) == TEXT[:50_000]
        assert await scene.content("doc", at=1) is None
        assert await scene.content("doc") is None
        assert (await scene.view("doc")).snapshot.head.content_version == 4
        await scene.restore("doc", 2)
        assert await scene.content("doc") == TEXT
        assert (await scene.view("doc")).snapshot.head.content_version == 5

    async def test_a_fork_shows_the_content_and_keeps_it(self, scene: Scene) -> None:
        await scene.put("doc")
        await scene.put_content("doc", TEXT)
        await scene.fork("doc", "copy")
        await scene.purge("doc")
        head = (await scene.view("copy")).snapshot.head
        assert (head.version, head.content_version) == (1, 1)
        assert await scene.content("copy") == TEXT

    async def test_a_deleted_context_has_no_content_and_its_past_has(self, scene: Scene) -> None:
        await scene.put("doc")
        await scene.put_content("doc", TEXT)
        await scene.delete("doc")
        assert (await scene.view("doc")).snapshot.head.content is None
        assert await scene.content("doc", at=2) == TEXT
        await scene.put("doc")
        head = (await scene.view("doc")).snapshot.head
        assert (head.content, head.content_version) == (None, 0)

    async def test_chunks_are_for_living_contexts(self, scene: Scene) -> None:
        with pytest.raises(MissingError):
            await scene.keep("doc", TEXT)
        await scene.put("doc")
        await scene.delete("doc")
        with pytest.raises(MissingError):
            await scene.keep("doc", TEXT)

    async def test_a_manifest_without_its_chunks_is_refused(self, scene: Scene) -> None:
        await scene.put("doc")
        chunks = await scene.keep("doc", TEXT)
        absent = Chunk.of(b"never sent")
        manifest = Manifest.of([*(c.ref for c in chunks), absent.ref, absent.ref])
        with pytest.raises(ChunksMissingError) as refused:
            await scene.one(PutContent(key("doc"), NewContent(manifest, "a/b", Hold(ANNAS))))
        assert refused.value.context["missing"] == [absent.ref.hash.hex()]
        assert (await scene.view("doc")).snapshot.head.version == 1

    async def test_a_manifest_that_lies_about_a_size_is_refused(self, scene: Scene) -> None:
        await scene.put("doc")
        (chunk,) = await scene.keep("doc", b"five!")
        manifest = Manifest.of([ChunkRef(chunk.ref.hash, 4)])
        with pytest.raises(ChunksMissingError):
            await scene.one(PutContent(key("doc"), NewContent(manifest, "a/b", Hold(ANNAS))))

    async def test_what_is_held_is_what_one_sent_or_may_read(self, scene: Scene) -> None:
        await scene.put("users.1/doc")
        await scene.put_content("users.1/doc", TEXT)
        sent = await scene.keep("users.1/doc", b"sent", ANNAS)
        hashes = [c.ref.hash for c in (*cut(TEXT), *sent, Chunk.of(b"unknown"))]
        store, tenant = scene.store, scene.tenant
        stored = frozenset(c.ref.hash for c in cut(TEXT))
        for hold, found in (
            (Hold(ANNAS, sees("users.1")), frozenset(hashes[:-1])),
            (Hold(ANNAS, sees("users.2")), frozenset(hashes[-2:-1])),
            (Hold(OTHERS, sees("*")), stored),
            (Hold(OTHERS), frozenset()),
        ):
            assert await store.held_chunks(tenant, key("users.1/doc"), hold, hashes) == found
        assert not await store.held_chunks(
            "other", key("users.1/doc"), Hold(ANNAS, sees("*")), hashes
        )

    async def test_a_name_alone_hands_nothing_out(self, scene: Scene) -> None:
        """Neither what others stored where one may not read, nor what they only sent."""
        await scene.put("users.1/doc")
        await scene.put_content("users.1/doc", TEXT)
        await scene.put("users.1.x/doc")
        manifest = Manifest.of(c.ref for c in cut(TEXT))
        for hold in (Hold(OTHERS), Hold(OTHERS, sees("users.1.x"))):
            stolen = NewContent(manifest, "a/b", hold)
            with pytest.raises(ChunksMissingError):
                await scene.one(PutContent(key("users.1.x/doc"), stolen))
        allowed = NewContent(manifest, "a/b", Hold(OTHERS, sees("users.1")))
        await scene.one(PutContent(key("users.1.x/doc"), allowed))
        assert await scene.content("users.1.x/doc") == TEXT

    async def test_subjects_share_chunks_where_no_key_stands_between(self, scene: Scene) -> None:
        for name in ("users.1/doc", "users.2/doc"):
            await scene.put(name)
        await scene.put_content("users.1/doc", TEXT)
        everything = Hold(OTHERS, sees("*"))
        named = NewContent(Manifest.of(c.ref for c in cut(TEXT)), "a/b", everything)
        if self.ENCRYPTED:
            with pytest.raises(ChunksMissingError):
                await scene.one(PutContent(key("users.2/doc"), named))
            await scene.put_content("users.2/doc", TEXT)
        else:
            await scene.one(PutContent(key("users.2/doc"), named))
        assert await scene.content("users.2/doc") == TEXT
        await scene.purge("users.1/doc")
        assert await scene.content("users.2/doc") == TEXT

    async def test_tenants_share_nothing(self, scene: Scene) -> None:
        await scene.put("doc")
        await scene.put_content("doc", TEXT)
        other = Scene(scene.store, scene.clock, "other")
        await other.put("doc")
        ref = (await scene.view("doc")).snapshot.head.content
        assert ref is not None
        for read in (
            scene.store.manifest("other", ref.root),
            scene.store.read_content("other", ref.root, 0, 1),
            scene.store.read_chunk("other", ref.root, cut(TEXT)[0].ref.hash),
        ):
            with pytest.raises(MissingError):
                await read
        manifest = Manifest.of(c.ref for c in cut(TEXT))
        stolen = NewContent(manifest, "a/b", Hold(ANNAS, sees("*")))
        with pytest.raises(ChunksMissingError):
            await other.one(PutContent(key("doc"), stolen))
        await other.put_content("doc", TEXT)
        await scene.purge("doc")
        assert await other.content("doc") == TEXT

    async def test_one_chunk_is_read_by_its_name(self, scene: Scene) -> None:
        await scene.put("doc")
        await scene.put_content("doc", TEXT)
        (sent,) = await scene.keep("doc", b"sent")
        ref = (await scene.view("doc")).snapshot.head.content
        assert ref is not None
        read, chunk = scene.store.read_chunk, cut(TEXT)[3]
        assert await read(scene.tenant, ref.root, chunk.ref.hash) == chunk.data
        assert await read(scene.tenant, ref.root, sent.ref.hash) is None
        assert await read(scene.tenant, ref.root, bytes(32)) is None

    async def test_content_is_replaced_only_where_its_base_stands(self, scene: Scene) -> None:
        await scene.put("doc")
        await scene.put_content("doc", b"one", base=b"")
        root = Manifest.of(c.ref for c in cut(b"one")).root
        for base in (b"", bytes(32)):
            with pytest.raises(VersionConflictError):
                await scene.put_content("doc", b"two", base=base)
        await scene.put_content("doc", b"two", base=root)
        assert await scene.content("doc") == b"two"

    async def test_uploads_that_were_let_go_are_gone(self, scene: Scene) -> None:
        await scene.put("doc")
        await scene.keep("doc", b"both", ANNAS)
        await scene.keep("doc", b"both", OTHERS)
        (mine,) = await scene.keep("doc", b"mine", ANNAS)
        await scene.store.let_go(scene.tenant, ANNAS)
        hashes = [mine.ref.hash, Chunk.of(b"both").ref.hash]
        held = scene.store.held_chunks
        assert not await held(scene.tenant, key("doc"), Hold(ANNAS), hashes)
        assert await held(scene.tenant, key("doc"), Hold(OTHERS), hashes) == {hashes[1]}

    async def test_uploads_that_nobody_finishes_have_a_bound(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "UPLOADS_BYTES", 3000)
        for name in ("doc", "later"):
            await scene.put(name)
        await scene.keep("doc", b"a" * 2000)
        with pytest.raises(UploadsFullError) as refused:
            await scene.keep("doc", b"b" * 2000, OTHERS)
        assert refused.value.context["limit"] == "UPLOADS_BYTES"
        assert not await scene.store.held_chunks(
            scene.tenant, key("doc"), Hold(OTHERS), [Chunk.of(b"b" * 2000).ref.hash]
        )
        # What is there already takes no room, and another tenant has its own.
        await scene.keep("later", b"a" * 2000, OTHERS)
        other = Scene(scene.store, scene.clock, "other")
        await other.put("doc")
        await other.keep("doc", b"b" * 2000)
        # What content names does not count, nor what was let go, nor what was swept.
        await scene.put_content("doc", b"a" * 2000)
        await scene.keep("doc", b"b" * 2000, OTHERS)
        with pytest.raises(UploadsFullError):
            await scene.keep("doc", b"c" * 2000, ANNAS)
        await scene.store.let_go(scene.tenant, OTHERS)
        await scene.keep("doc", b"c" * 2000, ANNAS)
        with pytest.raises(UploadsFullError):
            await scene.keep("doc", b"d" * 2000, ANNAS)
        await scene.store.sweep(scene.clock.advance(seconds=limits.UPLOAD_SECONDS))
        await scene.keep("doc", b"d" * 2000, ANNAS)

    async def test_tiny_uploads_count_for_what_they_cost(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "UPLOADS_BYTES", 10 * limits.CHUNK_COST_BYTES)
        await scene.put("doc")
        for number in range(9):
            await scene.keep("doc", b"%d" % number)
        with pytest.raises(UploadsFullError):
            await scene.keep("doc", b"9")

    async def test_an_upload_lives_for_a_day(self, scene: Scene) -> None:
        await scene.put("doc")
        (chunk,) = await scene.keep("doc", b"sent")
        hold = Hold(ANNAS)
        await scene.store.sweep(scene.clock.advance(seconds=limits.UPLOAD_SECONDS - 1))
        assert await scene.store.held_chunks(scene.tenant, key("doc"), hold, [chunk.ref.hash])
        await scene.store.sweep(scene.clock.advance(seconds=1))
        assert not await scene.store.held_chunks(scene.tenant, key("doc"), hold, [chunk.ref.hash])

    async def test_a_sweep_takes_nothing_that_content_names(self, scene: Scene) -> None:
        await scene.put("doc")
        await scene.put_content("doc", TEXT)
        await scene.keep("doc", TEXT, OTHERS)
        await scene.store.sweep(scene.clock.advance(seconds=2 * limits.UPLOAD_SECONDS))
        assert await scene.content("doc") == TEXT

    async def test_a_purge_takes_what_nobody_else_shows(self, scene: Scene) -> None:
        for name in ("a", "b"):
            await scene.put(name)
        await scene.put_content("a", TEXT)
        await scene.put_content("b", TEXT + b" and more")
        (sent,) = await scene.keep("a", b"sent")
        only_a = cut(TEXT)[-1].ref.hash
        ref = (await scene.view("a")).snapshot.head.content
        assert ref is not None
        await scene.purge("a")
        with pytest.raises(MissingError):
            await scene.store.manifest(scene.tenant, ref.root)
        hold = Hold(ANNAS, sees("*"))
        assert not await scene.store.held_chunks(
            scene.tenant, key("doc"), hold, [only_a, sent.ref.hash]
        )
        assert await scene.content("b") == TEXT + b" and more"

    async def test_forgetting_lets_old_content_go(self, scene: Scene) -> None:
        await scene.put("doc")
        await scene.put_content("doc", TEXT)
        await scene.put_content("doc", TEXT[60_000:])
        await scene.append("doc", "later")
        old = (await scene.view("doc", 2)).snapshot.head.content
        assert old is not None
        await scene.store.forget(scene.tenant, key("doc"), 4)
        with pytest.raises(MissingError):
            await scene.store.manifest(scene.tenant, old.root)
        assert await scene.content("doc") == TEXT[60_000:]
        assert not await scene.store.held_chunks(
            scene.tenant, key("doc"), Hold(ANNAS, sees("*")), [cut(TEXT)[0].ref.hash]
        )
