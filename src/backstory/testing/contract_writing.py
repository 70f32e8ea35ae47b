"""The part of the contract about writing: what is accepted is applied, whole and in order."""

from __future__ import annotations

import asyncio

import pytest

from backstory.clock import SECOND
from backstory.domain.changes import Op, Part
from backstory.domain.commits import Append, Commit, Conditions, Delete, Patch, Put
from backstory.domain.patches import MergePatch
from backstory.errors import (
    ExistsError,
    KindConflictError,
    MissingError,
    PatchConflictError,
    PreconditionError,
    SchemaError,
    VersionConflictError,
)
from backstory.testing.contract_base import Contract
from backstory.testing.scene import ANNA, ROBOT, Scene, entry, key

WRITERS = 16
EACH = 10


class WritingContract(Contract):
    """Puts, patches, appends, deletions, conditions and commits across contexts."""

    async def test_a_created_context_reads_back_as_it_was_put(self, scene: Scene) -> None:
        result = await scene.put("chat", {"topic": "tea"}, labels={"vip": "yes"})
        snapshot = await scene.store.snapshot(scene.tenant, key("chat"))
        assert snapshot is not None
        head = snapshot.head
        assert result.created
        assert result.head == head
        assert snapshot.state == b'{"topic":"tea"}'
        assert (head.version, head.state_version, head.born, head.history_from) == (1, 1, 1, 1)
        assert head.labels == {"vip": "yes"}
        assert (head.author, head.created_at, head.updated_at) == (ANNA, *[scene.clock.now()] * 2)
        assert not head.deleted

    async def test_an_unknown_name_reads_as_nothing(self, scene: Scene) -> None:
        assert await scene.store.snapshot(scene.tenant, key("nobody")) is None
        assert await scene.store.view(scene.tenant, key("nobody")) is None
        await scene.put("chat")
        assert await scene.store.view(scene.tenant, key("nobody"), 1) is None
        assert await scene.store.snapshot("other-tenant", key("chat")) is None

    async def test_a_patch_changes_the_state_and_its_version(self, scene: Scene) -> None:
        await scene.put("chat", {"a": 1})
        await scene.append("chat", "hello")
        result = await scene.patch("chat", [{"op": "add", "path": "/b", "value": 2}])
        assert await scene.state("chat") == {"a": 1, "b": 2}
        assert result.head is not None
        assert (result.version, result.head.state_version) == (3, 3)

    async def test_a_patch_that_does_not_apply_leaves_everything(self, scene: Scene) -> None:
        await scene.put("chat", {"a": 1})
        with pytest.raises(PatchConflictError) as caught:
            await scene.patch(
                "chat",
                [
                    {"op": "add", "path": "/b", "value": 2},
                    {"op": "test", "path": "/a", "value": 9},
                ],
            )
        assert caught.value.context["operation"] == 1
        assert await scene.state("chat") == {"a": 1}
        assert len(await scene.changes()) == 1

    async def test_appended_entries_keep_order_text_and_author(self, scene: Scene) -> None:
        await scene.put("chat")
        first = await scene.append("chat", "one", entry("two", metadata={"n": 2}, role="tool"))
        second = await scene.append("chat", "three", author=ROBOT)
        assert (first.seqs, first.appended, first.version) == ((1, 2), 2, 2)
        assert (second.seqs, second.version) == ((3,), 3)
        one, two, three = await scene.entries("chat")
        assert (one.seq, one.id, one.content, one.version) == (1, "~1", b'"one"', 2)
        assert (two.role, two.metadata, two.author) == ("tool", b'{"n":2}', ANNA)
        assert (three.author, three.created_at) == (ROBOT, scene.clock.now())
        head = (await scene.view("chat")).snapshot.head
        assert (head.entry_count, head.last_seq, head.state_version) == (3, 3, 1)

    async def test_an_append_leaves_the_state_as_it_is(self, scene: Scene) -> None:
        await scene.put("chat", {"topic": "tea"}, labels=("x",), expires_at=2**52)
        await scene.append("chat", "one")
        head = (await scene.view("chat")).snapshot.head
        assert await scene.state("chat") == {"topic": "tea"}
        assert (head.labels, head.expires_at) == (("x",), 2**52)

    async def test_nothing_is_appended_to_what_is_not_there(self, scene: Scene) -> None:
        with pytest.raises(MissingError):
            await scene.append("chat", "hello")
        assert await scene.changes() == ()

    async def test_a_write_that_changes_nothing_makes_no_version(self, scene: Scene) -> None:
        await scene.put("chat", {"a": 1}, labels=("x",))
        outcome = await scene.do(Patch(key("chat"), MergePatch({"a": 1})))
        again = await scene.put("chat", {"a": 1}, labels=("x",))
        assert (outcome.id, outcome.results[0].changed) == (None, False)
        assert (again.version, again.changed) == (1, False)
        assert len(await scene.changes()) == 1

    async def test_a_deleted_context_is_a_tombstone_that_remembers(self, scene: Scene) -> None:
        await scene.put("chat", {"a": 1})
        await scene.append("chat", "one")
        await scene.delete("chat")
        view = await scene.view("chat")
        assert view.snapshot.head.deleted
        assert view.snapshot.head.version == 3
        assert view.chain.pieces == ()
        assert view.snapshot.state == b"{}"
        for attempt in (scene.append("chat", "two"), scene.delete("chat"), scene.patch("chat", {})):
            with pytest.raises(MissingError):
                await attempt

    async def test_a_name_created_again_goes_on_counting(self, scene: Scene) -> None:
        await scene.put("chat", {"a": 1})
        await scene.append("chat", "one", "two")
        await scene.delete("chat")
        result = await scene.put("chat", {"b": 2}, kind="document")
        assert (result.version, result.created) == (4, True)
        assert (await scene.append("chat", "three")).seqs == (3,)
        assert await scene.texts("chat") == ["three"]
        head = (await scene.view("chat")).snapshot.head
        assert (head.born, head.kind, head.entry_count, head.last_seq) == (4, "document", 1, 3)
        assert await scene.texts("chat", at=2) == ["one", "two"]

    async def test_a_kind_never_changes_while_the_context_lives(self, scene: Scene) -> None:
        await scene.put("chat")
        with pytest.raises(KindConflictError):
            await scene.put("chat", kind="document")
        with pytest.raises(SchemaError):
            await scene.put("other", kind=None)
        assert (await scene.put("chat", {"a": 1}, kind=None)).version == 2

    async def test_conditions_hold_or_nothing_is_done(self, scene: Scene) -> None:
        await scene.put("chat", {"a": 1})
        await scene.append("chat", "one")
        for conditions, error in (
            (Conditions(if_version=1), VersionConflictError),
            (Conditions(if_state_version=2), VersionConflictError),
            (Conditions(match=frozenset({1, 3})), PreconditionError),
            (Conditions(none_match="*"), PreconditionError),
        ):
            with pytest.raises(error) as caught:
                await scene.put("chat", {"a": 2}, conditions=conditions)
            assert caught.value.context["current"] == 2
        held = Conditions(if_version=2, if_state_version=1, match=frozenset({2}))
        assert (await scene.put("chat", {"a": 2}, conditions=held)).version == 3
        created = await scene.put("new", conditions=Conditions(none_match="*", if_version=0))
        assert created.created

    async def test_several_operations_on_one_context_make_one_version(self, scene: Scene) -> None:
        outcome = await scene.do(
            Put(key("chat"), "conversation", b'{"n":0}', (), None),
            Append(key("chat"), (entry("one"),)),
            Patch(key("chat"), MergePatch({"n": 1})),
            Append(key("chat"), (entry("two"),)),
        )
        assert [result.version for result in outcome.results] == [1, 1, 1, 1]
        assert [result.seqs for result in outcome.results] == [(), (1,), (), (2,)]
        assert await scene.texts("chat") == ["one", "two"]
        (change,) = await scene.changes()
        assert (change.op, change.seqs) == (Op.CREATED, ((1, 2),))
        assert change.parts & (Part.STATE | Part.ENTRIES) == Part.STATE | Part.ENTRIES

    async def test_a_commit_across_contexts_happens_as_a_whole(self, scene: Scene) -> None:
        await scene.put("a")
        outcome = await scene.do(
            Append(key("a"), (entry("one"),)),
            Put(key("b"), "session", b'{"step":1}', (), None),
        )
        first, second = await scene.changes(after=1)
        assert first.commit == second.commit == outcome.id
        assert (first.position, second.position, outcome.position) == (2, 3, 3)

    async def test_a_commit_that_fails_in_one_place_does_nothing(self, scene: Scene) -> None:
        await scene.put("a")
        with pytest.raises(MissingError):
            await scene.do(
                Put(key("b"), "session", b"{}", (), None),
                Append(key("a"), (entry("one", "id-1"),)),
                Delete(key("missing")),
            )
        assert await scene.store.snapshot(scene.tenant, key("b")) is None
        assert await scene.texts("a") == []
        assert len(await scene.changes()) == 1
        assert (await scene.append("a", entry("one", "id-1"))).appended == 1

    async def test_commits_sent_together_are_each_applied_or_refused_alone(
        self, scene: Scene
    ) -> None:
        await scene.put("chat")
        wanted = [
            scene.commit(Append(key("chat" if n % 3 else "nowhere"), (entry(str(n)),)))
            for n in range(30)
        ]
        answers = await asyncio.gather(
            *(scene.store.commit(one) for one in wanted), return_exceptions=True
        )
        refused = [n for n, answer in enumerate(answers) if isinstance(answer, MissingError)]
        assert refused == [n for n in range(30) if n % 3 == 0]
        assert sorted(await scene.texts("chat")) == sorted(str(n) for n in range(30) if n % 3)
        assert await scene.seqs("chat") == list(range(1, 21))

    async def test_many_writers_of_one_conversation_lose_nothing(self, scene: Scene) -> None:
        await scene.put("chat")

        async def write(writer: int) -> list[tuple[int, str]]:
            acknowledged = []
            for n in range(EACH):
                text = f"{writer}:{n}"
                acknowledged.append(((await scene.append("chat", text)).seqs[0], text))
            return acknowledged

        told = await asyncio.gather(*map(write, range(WRITERS)))
        stored = [(one.seq, one.content.decode()[1:-1]) for one in await scene.entries("chat")]
        assert stored == sorted(pair for writer in told for pair in writer)
        assert [seq for seq, _ in stored] == list(range(1, WRITERS * EACH + 1))
        versions = [change.version for change in await scene.versions("chat")]
        assert versions == list(range(1, WRITERS * EACH + 2))

    async def test_of_many_conditional_writers_as_many_win_as_are_applied(
        self, scene: Scene
    ) -> None:
        await scene.put("counter", {"n": 0})

        async def count() -> int:
            accepted = 0
            while accepted < EACH:
                snapshot = await scene.store.snapshot(scene.tenant, key("counter"))
                assert snapshot is not None
                held = Conditions(match=frozenset({snapshot.head.version}))
                n = (await scene.state("counter"))["n"] + 1
                try:
                    await scene.put("counter", {"n": n}, conditions=held)
                except PreconditionError:
                    continue
                accepted += 1
            return accepted

        accepted = sum(await asyncio.gather(*(count() for _ in range(8))))
        head = (await scene.view("counter")).snapshot.head
        assert head.version == accepted + 1

    async def test_a_cancelled_caller_leaves_a_commit_whole_or_undone(self, scene: Scene) -> None:
        await scene.put("a")
        await scene.put("b")
        wanted = scene.commit(Append(key("a"), (entry("one"),)), Append(key("b"), (entry("one"),)))
        task = asyncio.create_task(_commit(scene, wanted))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await scene.put("c")  # whatever was under way is over when this is acknowledged
        assert await scene.texts("a") == await scene.texts("b")

    async def test_a_context_past_its_time_expires_before_anything_else_happens(
        self, scene: Scene
    ) -> None:
        await scene.put("chat", {"a": 1}, expires_at=scene.clock.now() + SECOND)
        scene.clock.advance(seconds=2)
        with pytest.raises(MissingError):
            await scene.append("chat", "too late")
        view = await scene.view("chat")
        assert (view.snapshot.head.version, view.snapshot.head.deleted) == (2, True)
        change = (await scene.changes())[-1]
        assert (change.op, change.by.subject) == (Op.EXPIRED, "system")
        assert (await scene.put("chat", {"b": 1})).version == 3

    async def test_sweeping_expires_what_is_due_and_only_that(self, scene: Scene) -> None:
        due = scene.clock.now() + SECOND
        await scene.put("old", {"a": 1}, expires_at=due)
        await scene.put("young", expires_at=due + 10 * SECOND)
        await scene.put("lasting")
        now = scene.clock.advance(seconds=5)
        assert await scene.store.sweep(now) == 1
        assert await scene.store.sweep(now) == 0
        assert (await scene.view("old")).snapshot.head.deleted
        assert not (await scene.view("young")).snapshot.head.deleted
        assert [change.op for change in await scene.versions("old")] == [Op.CREATED, Op.EXPIRED]

    async def test_a_fork_never_replaces_what_is_there(self, scene: Scene) -> None:
        await scene.put("a")
        await scene.put("b")
        with pytest.raises(ExistsError):
            await scene.fork("a", "b")
        with pytest.raises(MissingError):
            await scene.fork("nowhere", "c")


async def _commit(scene: Scene, wanted: Commit) -> None:
    await scene.store.commit(wanted)
