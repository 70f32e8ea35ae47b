"""The part of the contract about the past: reading it, going back to it, branching from it."""

from __future__ import annotations

import orjson
import pytest

from backstory.domain.changes import Op
from backstory.domain.commits import Put
from backstory.domain.entries import NewEntry, Shape
from backstory.domain.principals import Author, Trust
from backstory.errors import GoneError, MissingError
from backstory.ports.store import EntryQuery, OutlineQuery, Standing
from backstory.testing.contract_base import Contract
from backstory.testing.scene import ROBOT, Scene, entry, key


class HistoryContract(Contract):
    """Views of the past, pages, restores, forks, and letting go."""

    async def test_every_version_reads_back_as_it_was(self, scene: Scene) -> None:
        await scene.put("chat", {"n": 0, "pad": "x" * 200}, labels=("first",))
        for n in range(1, 40):
            await scene.patch("chat", {"n": n})
            await scene.append("chat", f"text {n}")
        for n in range(1, 40):
            assert (await scene.state("chat", at=2 * n))["n"] == n
            assert len(await scene.texts("chat", at=2 * n + 1)) == n
        head = (await scene.view("chat", at=10)).snapshot.head
        assert (head.version, head.state_version, head.last_seq) == (10, 10, 4)
        assert (head.entry_count, head.labels, head.born) == (4, ("first",), 1)

    async def test_large_states_read_back_too(self, scene: Scene) -> None:
        text = "".join(chr(97 + (n * n) % 26) for n in range(600_000))
        await scene.put("doc", {"text": text, "n": 0})
        await scene.patch("doc", {"n": 1})
        await scene.patch("doc", {"text": text[::-1]})
        await scene.patch("doc", {"text": ""})
        assert await scene.state("doc", at=1) == {"text": text, "n": 0}
        assert await scene.state("doc", at=2) == {"text": text, "n": 1}
        assert await scene.state("doc", at=3) == {"text": text[::-1], "n": 1}

    async def test_a_past_head_tells_who_made_it_and_when(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.append("chat", "one", author=ROBOT)
        moment = scene.clock.now()
        await scene.append("chat", "two")
        head = (await scene.view("chat", at=2)).snapshot.head
        assert (head.author, head.updated_at) == (ROBOT, moment)
        assert head == (await scene.view("chat", at=2)).snapshot.head

    async def test_what_is_copied_is_believed_no_more_than_who_wrote_it(self, scene: Scene) -> None:
        put = Put(key("doc"), "document", b'{"a":1}', (), None)
        await scene.one(put, author=Author("importer", Trust.IMPORT))
        await scene.append("doc", "seen")
        assert (await scene.view("doc")).snapshot.head.author.trust is Trust.USER
        await scene.fork("doc", "copy")
        await scene.fork("copy", "copy-of-copy")
        await scene.patch("doc", {"a": 2})
        await scene.restore("doc", 1)
        for name in ("copy", "copy-of-copy", "doc"):
            assert (await scene.view(name)).snapshot.head.author.trust is Trust.IMPORT

    async def test_a_copy_of_what_nobody_is_known_to_have_written_is_believed_least(
        self, scene: Scene
    ) -> None:
        await scene.put("doc", {"a": 1})
        await scene.append("doc", "one")
        await scene.store.forget(scene.tenant, key("doc"), 2)
        await scene.fork("doc", "copy")
        assert (await scene.view("copy")).snapshot.head.author.trust is Trust.IMPORT

    async def test_a_version_that_never_was_is_gone(self, scene: Scene) -> None:
        await scene.put("chat")
        for version in (0, 2, 99):
            with pytest.raises(GoneError):
                await scene.view("chat", at=version)

    async def test_a_deletion_reads_back_as_one(self, scene: Scene) -> None:
        await scene.put("chat", {"a": 1}, kind="document", labels=("x",))
        await scene.delete("chat")
        await scene.put("chat", {"b": 1}, kind="session")
        assert (await scene.view("chat", at=1)).snapshot.head.kind == "document"
        gone = (await scene.view("chat", at=2)).snapshot
        assert (gone.head.deleted, gone.state, gone.head.labels) == (True, b"{}", ())
        assert (await scene.view("chat")).snapshot.head.kind == "session"

    async def test_pages_go_both_ways_within_bounds(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.append("chat", *(f"text {n}" for n in range(1, 31)))
        chain = (await scene.view("chat")).chain

        async def page(**query: object) -> tuple[list[int], bool]:
            asked = EntryQuery(**query)  # type: ignore[arg-type]
            found = await scene.store.page(scene.tenant, chain, asked)
            return [one.seq for one in found.entries], found.more

        assert await page(limit=3) == ([1, 2, 3], True)
        assert await page(after=28, limit=3) == ([29, 30], False)
        assert await page(after=27, limit=3) == ([28, 29, 30], False)
        assert await page(before=4, limit=9, descending=True) == ([3, 2, 1], False)
        assert await page(limit=2, descending=True) == ([30, 29], True)
        assert await page(after=5, before=7, limit=9) == ([6], False)
        assert await page(after=30) == ([], False)
        assert await page(max_bytes=1) == ([1], True)
        assert await page(max_bytes=20, after=10) == ([11, 12], True)

    async def test_outlines_tell_what_pages_tell_but_the_content(self, scene: Scene) -> None:
        await scene.put("chat")
        asides = ('"', "größer", "\u2028", "plain " * 90, "naïve " * 90, "")
        said = [entry(text, role="assistant", tokens=len(text)) for text in asides]
        parts = NewEntry("user", "message", orjson.dumps([{"type": "text", "text": "a " * 90}]))
        await scene.append("chat", *said, parts, entry("x", type="event"), author=ROBOT)
        await scene.redact("chat", 2)
        chain = (await scene.view("chat")).chain
        page = await scene.store.page(scene.tenant, chain, EntryQuery(descending=True))
        found = await scene.store.outline(scene.tenant, chain, OutlineQuery())
        assert not found.more
        assert [tuple(one)[:5] for one in found.outlines] == [
            (one.seq, one.role, one.type, one.author, one.tokens) for one in page.entries
        ]
        shapes = {one.seq: one.shape for one in found.outlines}
        other, text, plain = Shape.OTHER, Shape.TEXT, Shape.ASCII
        told = [plain, other, text, plain, text, plain, other, plain]
        assert [shapes[seq] for seq in range(1, 9)] == told

    async def test_outlines_come_in_pages_from_the_newest_back(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.append("chat", *(entry("some text", tokens=2) for _ in range(20)))
        await scene.fork("chat", "copy", 2)
        await scene.append("copy", *(entry("some text") for _ in range(5)))

        async def page(name: str, **query: int) -> tuple[list[int], bool]:
            chain, asked = (await scene.view(name)).chain, OutlineQuery(**query)
            found = await scene.store.outline(scene.tenant, chain, asked)
            return [one.seq for one in found.outlines], found.more

        assert await page("chat", limit=3) == ([20, 19, 18], True)
        assert await page("chat", before=3) == ([2, 1], False)
        assert await page("copy", before=23, limit=4) == ([22, 21, 20, 19], True)
        assert await page("copy", before=2, max_tokens=0) == ([1], False)
        seqs, more = await page("chat", max_tokens=7)
        assert seqs[:4] == [20, 19, 18, 17]
        assert more is (len(seqs) < 20)

    async def test_restoring_hides_what_came_after_and_renumbers_nothing(
        self, scene: Scene
    ) -> None:
        await scene.put("chat", {"n": 1}, labels=("old",))
        await scene.append("chat", "one", "two")
        await scene.append("chat", "three")
        await scene.put("chat", {"n": 2})
        restored = await scene.restore("chat", 2)
        assert (restored.version, restored.created) == (5, False)
        assert await scene.state("chat") == {"n": 1}
        assert await scene.texts("chat") == ["one", "two"]
        assert (await scene.view("chat")).snapshot.head.labels == ("old",)
        assert (await scene.append("chat", "four")).seqs == (4,)
        assert await scene.seqs("chat") == [1, 2, 4]
        assert await scene.texts("chat", at=4) == ["one", "two", "three"]
        await scene.restore("chat", 4)
        assert await scene.texts("chat") == ["one", "two", "three"]
        change = (await scene.versions("chat"))[-1]
        assert change.seqs == ((3, 4),)

    async def test_restoring_brings_a_deleted_context_back(self, scene: Scene) -> None:
        await scene.put("chat", {"n": 1})
        await scene.append("chat", "one")
        await scene.delete("chat")
        restored = await scene.restore("chat", 2)
        assert (restored.version, restored.created) == (4, True)
        assert await scene.texts("chat") == ["one"]
        assert [change.op for change in await scene.versions("chat")][-1] is Op.CREATED
        with pytest.raises(MissingError):
            await scene.restore("chat", 3)
        with pytest.raises(GoneError):
            await scene.restore("chat", 9)

    async def test_a_fork_begins_as_its_origin_stands_and_goes_its_own_way(
        self, scene: Scene
    ) -> None:
        await scene.put("a", {"n": 1}, labels=("x",))
        await scene.append("a", "one", "two")
        forked = await scene.fork("a", "b")
        assert (forked.version, forked.created) == (1, True)
        await scene.append("a", "three of a")
        await scene.append("b", "three of b")
        await scene.patch("b", {"n": 2})
        assert await scene.texts("a") == ["one", "two", "three of a"]
        assert await scene.texts("b") == ["one", "two", "three of b"]
        assert (await scene.state("a"), await scene.state("b")) == ({"n": 1}, {"n": 2})
        head = (await scene.view("b")).snapshot.head
        assert (head.kind, head.labels, head.entry_count) == ("conversation", ("x",), 3)
        assert [one.version for one in await scene.entries("b")] == [2, 2, 2]
        assert head.id != (await scene.view("a")).snapshot.head.id

    async def test_an_entry_keeps_its_tokens_wherever_it_is_shown(self, scene: Scene) -> None:
        await scene.put("a")
        await scene.append("a", entry("one", tokens=1), entry("two"), entry("", tokens=0))
        await scene.append("a", entry("four", tokens=2**31))
        await scene.fork("a", "b")
        await scene.restore("a", 2)
        every = [1, None, 0, 2**31]
        assert [one.tokens for one in await scene.entries("a")] == every[:3]
        assert [one.tokens for one in await scene.entries("a", 3)] == every
        assert [one.tokens for one in await scene.entries("b")] == every
        await scene.redact("b", 1)
        assert [one.tokens for one in await scene.entries("b")] == [None, *every[1:]]
        assert [one.tokens for one in await scene.entries("a", 3)] == [None, *every[1:]]

    async def test_a_fork_can_begin_at_an_earlier_version(self, scene: Scene) -> None:
        await scene.put("a", {"n": 1})
        await scene.append("a", "one")
        await scene.append("a", "two")
        await scene.patch("a", {"n": 2})
        await scene.fork("a", "b", at=2)
        assert await scene.texts("b") == ["one"]
        assert await scene.state("b") == {"n": 1}
        assert (await scene.append("b", "other two")).seqs == (2,)
        with pytest.raises(GoneError):
            await scene.fork("a", "c", at=9)

    async def test_forks_of_forks_and_restored_forks_show_what_they_should(
        self, scene: Scene
    ) -> None:
        await scene.put("a")
        await scene.append("a", "a1")
        await scene.fork("a", "b")
        await scene.append("b", "b2")
        await scene.fork("b", "c")
        await scene.append("c", "c3")
        await scene.restore("c", 1)
        await scene.append("c", "c4")
        await scene.append("a", "a2")
        assert await scene.texts("c") == ["a1", "b2", "c4"]
        assert await scene.seqs("c") == [1, 2, 4]
        assert await scene.texts("c", at=2) == ["a1", "b2", "c3"]
        piece = (await scene.view("c")).chain.pieces[0]
        assert await scene.store.origin(scene.tenant, piece.log) == key("a")

    async def test_a_fork_on_a_deleted_name_goes_on_from_there(self, scene: Scene) -> None:
        await scene.put("a")
        await scene.append("a", "one")
        await scene.put("b")
        await scene.append("b", "x", "y", "z")
        await scene.delete("b")
        assert (await scene.fork("a", "b")).version == 4
        assert (await scene.append("b", "two")).seqs == (4,)
        assert await scene.seqs("b") == [1, 4]

    async def test_going_back_to_an_earlier_life_shows_its_entries_and_kind(
        self, scene: Scene
    ) -> None:
        """Both lives have a seq 1, but not the same entry."""
        await scene.put("a", {"n": 1}, kind="document")
        await scene.append("a", "one of a")
        await scene.put("b", kind="session")
        await scene.append("b", "one of b")
        await scene.delete("b")
        await scene.fork("a", "b")
        assert await scene.texts("b") == ["one of a"]
        await scene.restore("b", 2)
        assert await scene.texts("b") == ["one of b"]
        assert (await scene.view("b")).snapshot.head.kind == "session"
        assert (await scene.versions("b"))[-1].seqs == ((1, 1),)
        await scene.restore("b", 4)
        assert await scene.texts("b") == ["one of a"]

    async def test_the_version_of_a_seq_is_found(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.append("chat", "one")
        await scene.append("chat", "two", "three")
        await scene.patch("chat", {"n": 1})
        await scene.append("chat", "four")
        store, chat = scene.store, key("chat")
        found = [await store.version_at(scene.tenant, chat, seq) for seq in range(6)]
        assert found == [1, 2, 2, 4, 5, 5]

    async def test_standings_tell_what_a_view_would_show(self, scene: Scene) -> None:
        names = [key(name) for name in ("chat", "fork", "gone", "purged", "nobody")]

        async def agree() -> list[Standing | None]:
            told = list(await scene.store.standings(scene.tenant, names))
            seen = [await scene.store.snapshot(scene.tenant, name) for name in names]
            heads = [one and one.head for one in seen]
            assert told == [h and Standing(h.tag, h.history_from) for h in heads]
            assert len({one.tag for one in told if one}) == sum(one is not None for one in told)
            return told

        assert await agree() == [None] * 5
        for name in ("chat", "gone", "purged"):
            await scene.put(name)
        await scene.append("chat", "one")
        await scene.fork("chat", "fork")
        await scene.delete("gone")
        first = await agree()
        await scene.purge("purged")
        await scene.store.forget(scene.tenant, names[0], 2)
        await scene.redact("fork", 1)
        second = await agree()
        assert [a != b for a, b in zip(first, second, strict=True)] == [
            True, True, False, True, False,
        ]  # fmt: skip
        await scene.put("purged")
        await scene.put("gone")
        third = await agree()
        assert not {one for one in first[2:4] if one} & {one for one in third if one}
        assert await scene.store.standings("nobody", names) == [None] * 5
        assert list(await scene.store.standings(scene.tenant, [])) == []

    async def test_a_view_comes_with_entries(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.append("chat", "one", "two", "three")
        query = EntryQuery(limit=2, descending=True)
        for again in range(2):
            found = await scene.store.view_and_page(scene.tenant, key("chat"), query)
            assert found is not None
            view, page = found
            assert view == await scene.view("chat")
            assert ([one.seq for one in page.entries], page.more) == ([3 + again, 2 + again], True)
            await scene.append("chat", "four")
        assert await scene.store.view_and_page(scene.tenant, key("nobody"), query) is None

    async def test_forgetting_lets_the_past_go_and_keeps_the_present(self, scene: Scene) -> None:
        await scene.put("chat", {"n": 0})
        for n in range(1, 30):
            await scene.patch("chat", {"n": n})
        await scene.append("chat", "one")
        head = await scene.store.forget(scene.tenant, key("chat"), 20)
        assert (head.version, head.history_from) == (31, 20)
        for version in (1, 19):
            with pytest.raises(GoneError):
                await scene.view("chat", at=version)
        assert [(await scene.state("chat", at=v))["n"] for v in (20, 25, 31)] == [19, 24, 29]
        assert [change.version for change in await scene.versions("chat")] == [*range(20, 32)]
        assert (await scene.store.mark(scene.tenant)).oldest == 19
        with pytest.raises(GoneError):
            await scene.store.forget(scene.tenant, key("chat"), 99)
        with pytest.raises(MissingError):
            await scene.store.forget(scene.tenant, key("nobody"), 1)
        again = await scene.store.forget(scene.tenant, key("chat"), 5)
        assert again.history_from == 20
