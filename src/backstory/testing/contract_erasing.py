"""The part of the contract about erasing: it reaches everywhere, and no further."""

from __future__ import annotations

import pytest

from backstory.domain.changes import Op, Part
from backstory.domain.commits import Append, Purge, Redact
from backstory.domain.entries import REDACTED
from backstory.errors import GoneError, MissingError
from backstory.ports.store import EntryQuery
from backstory.testing.contract_base import Contract
from backstory.testing.scene import Scene, entry, key


class ErasingContract(Contract):
    """Redaction, purge, and forgetting where forks share entries."""

    async def test_a_redacted_entry_is_a_marker_in_present_and_past(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.append("chat", "one", entry("secret", "s", metadata={"k": 1}), "three")
        result = await scene.redact("chat", 2)
        assert result.version == 3
        for at in (None, 2):
            marker = (await scene.entries("chat", at))[1]
            assert (marker.seq, marker.id, marker.type) == (2, "s", REDACTED)
            assert (marker.content, marker.metadata, marker.role) == (b'""', None, "user")
        head = (await scene.view("chat")).snapshot.head
        assert (head.entry_count, head.last_seq) == (3, 3)
        change = (await scene.changes())[-1]
        assert (change.parts, change.seqs) == (Part.REDACTED, ((2, 2),))

    async def test_redacting_again_changes_nothing(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.append("chat", "one")
        await scene.redact("chat", 1)
        again = await scene.redact("chat", 1)
        assert (again.changed, again.version) == (False, 3)
        for seq in (0, 2):
            with pytest.raises(MissingError):
                await scene.redact("chat", seq)

    async def test_a_redaction_reaches_every_context_that_shows_the_entry(
        self, scene: Scene
    ) -> None:
        await scene.put("a")
        await scene.append("a", "one", "secret")
        for name in ("b", "c", "hiding", "dead"):
            await scene.fork("a", name)
        await scene.fork("b", "bb")
        await scene.fork("a", "early", at=1)
        await scene.append("early", "other one", "other two")
        await scene.put("plain")
        await scene.fork("plain", "hider")
        await scene.delete("dead")
        before = len(await scene.changes())
        await scene.redact("bb", 2)
        changes = (await scene.changes())[before:]
        assert {change.key.name for change in changes if change.key} == {
            *("a", "b", "bb", "c", "hiding")
        }
        assert len({change.commit for change in changes}) == 1
        for name in ("a", "b", "bb", "c", "hiding"):
            assert await scene.texts(name) == ["one", ""]
        assert await scene.texts("early") == ["other one", "other two"]
        assert (await scene.view("a")).snapshot.head.version == 3
        assert (await scene.view("dead")).snapshot.head.version == 2

    async def test_a_hidden_entry_is_not_redacted_where_it_is_hidden(self, scene: Scene) -> None:
        await scene.put("a")
        await scene.append("a", "one")
        await scene.fork("a", "b")
        await scene.restore("a", 1)
        with pytest.raises(MissingError):
            await scene.redact("a", 1)
        await scene.redact("b", 1)
        assert (await scene.view("a")).snapshot.head.version == 3
        assert await scene.texts("a", at=2) == [""]

    async def test_redactions_are_listed_by_version(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.append("chat", "one", "two", "three")
        await scene.redact("chat", 3)
        await scene.redact("chat", 1)
        await scene.append("chat", "four")
        store, chat = scene.store, key("chat")
        assert list(await store.redactions(scene.tenant, chat, 0, 99)) == [1, 3]
        assert list(await store.redactions(scene.tenant, chat, 3, 99)) == [1]
        assert list(await store.redactions(scene.tenant, chat, 0, 3)) == [3]
        assert list(await store.redactions(scene.tenant, chat, 4, 99)) == []

    async def test_one_commit_can_append_and_redact(self, scene: Scene) -> None:
        await scene.put("a", {"kept": 1})
        await scene.append("a", "secret")
        await scene.fork("a", "b")
        await scene.do(Redact(key("a"), 1), Append(key("b"), (entry("two"),)))
        assert await scene.state("a") == await scene.state("b") == {"kept": 1}
        assert await scene.texts("a") == [""]
        assert await scene.texts("b") == ["", "two"]
        assert (await scene.view("b")).snapshot.head.version == 2

    async def test_a_purged_context_is_as_if_it_had_never_been(self, scene: Scene) -> None:
        await scene.put("chat", {"a": 1}, labels=("x",))
        await scene.append("chat", entry("one", "i"))
        context = (await scene.view("chat")).snapshot.head.id
        result = await scene.purge("chat")
        assert result.version == 3
        assert await scene.store.snapshot(scene.tenant, key("chat")) is None
        assert await scene.store.view(scene.tenant, key("chat"), 1) is None
        assert await scene.versions("chat") == []
        with pytest.raises(MissingError):
            await scene.purge("chat")
        changes = await scene.changes()
        assert [change.op for change in changes] == [Op.CREATED, Op.UPDATED, Op.PURGED]
        assert {(change.context_id, change.key, change.kind) for change in changes} == {
            (context, None, None)
        }

    async def test_a_purged_name_goes_on_counting_under_a_new_id(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.append("chat", entry("one", "i"), "two")
        context = (await scene.view("chat")).snapshot.head.id
        await scene.purge("chat")
        created = await scene.put("chat", {"b": 1})
        assert (created.version, created.created) == (4, True)
        assert (await scene.append("chat", entry("three", "i"))).seqs == (3,)
        head = (await scene.view("chat")).snapshot.head
        assert (head.born, head.history_from, head.entry_count) == (4, 4, 1)
        assert head.id != context
        with pytest.raises(GoneError):
            await scene.view("chat", at=2)
        await scene.purge("chat")
        assert (await scene.put("chat")).version == 7

    async def test_what_is_written_and_purged_in_one_commit_was_never_there(
        self, scene: Scene
    ) -> None:
        await scene.put("chat")
        await scene.do(Append(key("chat"), (entry("one", "i"),)), Purge(key("chat")))
        await scene.put("chat")
        assert (await scene.append("chat", entry("two", "i"))).seqs == (2,)
        assert await scene.texts("chat") == ["two"]
        assert await scene.found("one") == set()

    async def test_a_deleted_context_can_be_purged(self, scene: Scene) -> None:
        await scene.put("chat", {"a": 1})
        await scene.delete("chat")
        assert (await scene.purge("chat")).version == 3
        assert (await scene.put("chat")).version == 4

    async def test_a_purge_leaves_forks_whole(self, scene: Scene) -> None:
        await scene.put("a", {"n": 1})
        await scene.append("a", "one", "two")
        await scene.fork("a", "b")
        await scene.append("a", "three")
        await scene.append("b", "other three")
        log = (await scene.view("b")).chain.pieces[0].log
        await scene.purge("a")
        assert await scene.texts("b") == ["one", "two", "other three"]
        assert await scene.state("b", at=1) == {"n": 1}
        assert await scene.store.origin(scene.tenant, log) is None
        await scene.fork("b", "c")
        await scene.purge("b")
        assert await scene.texts("c") == ["one", "two", "other three"]
        await scene.redact("c", 1)
        assert await scene.texts("c") == ["", "two", "other three"]

    async def test_a_page_leaves_out_what_was_erased_meanwhile(self, scene: Scene) -> None:
        await scene.put("a")
        await scene.append("a", "one", "two")
        await scene.fork("a", "b", at=2)
        await scene.append("a", "three")
        chain = (await scene.view("a")).chain
        await scene.purge("a")
        page = await scene.store.page(scene.tenant, chain, EntryQuery())
        assert [one.seq for one in page.entries] == [1, 2]

    async def test_purges_in_one_commit_with_a_fork_between_them(self, scene: Scene) -> None:
        await scene.put("a")
        await scene.append("a", "one")
        await scene.fork("a", "b")
        await scene.fork("b", "c")
        await scene.do(Purge(key("a")), Purge(key("b")))
        assert await scene.texts("c") == ["one"]

    async def test_forgetting_keeps_what_a_fork_still_shows(self, scene: Scene) -> None:
        await scene.put("a")
        await scene.append("a", "one", "two")
        await scene.fork("a", "b")
        await scene.restore("a", 1)
        await scene.append("a", "three")
        await scene.store.forget(scene.tenant, key("a"), 4)
        assert await scene.texts("a") == ["three"]
        assert await scene.texts("b") == ["one", "two"]
        await scene.redact("b", 1)
        assert (await scene.view("a")).snapshot.head.version == 4

    async def test_forgetting_up_to_a_deletion_leaves_nothing(self, scene: Scene) -> None:
        await scene.put("a", {"x": 1})
        await scene.append("a", "one")
        chain = (await scene.view("a")).chain
        await scene.delete("a")
        await scene.store.forget(scene.tenant, key("a"), 3)
        page = await scene.store.page(scene.tenant, chain, EntryQuery())
        assert page.entries == ()
        assert (await scene.put("a")).version == 4
