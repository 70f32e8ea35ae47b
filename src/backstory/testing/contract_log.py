"""The part of the contract about the change log: one order, no gaps, no stranger's news."""

from __future__ import annotations

from backstory.domain.changes import Op, Part
from backstory.domain.commits import Append, Put
from backstory.ports.store import ChangeQuery
from backstory.testing.contract_base import Contract
from backstory.testing.scene import ALL, ANNA, Scene, entry, key, sees


class LogContract(Contract):
    """Positions, pages of changes, versions and the mark."""

    async def test_positions_run_from_one_without_gaps(self, scene: Scene) -> None:
        await scene.put("a")
        await scene.put("b")
        await scene.append("a", "one")
        changes = await scene.changes()
        assert [change.position for change in changes] == [1, 2, 3]
        mark = await scene.store.mark(scene.tenant)
        assert (mark.epoch, mark.oldest, mark.newest) == (scene.store.epoch, 0, 3)

    async def test_a_tenant_without_changes_stands_at_zero(self, scene: Scene) -> None:
        mark = await scene.store.mark("nobody")
        assert (mark.oldest, mark.newest) == (0, 0)
        page = await scene.store.changes("nobody", ChangeQuery(ALL, 0))
        assert (page.changes, page.position, page.more) == ((), 0, False)

    async def test_a_change_says_who_did_what_and_when(self, scene: Scene) -> None:
        result = await scene.put("chat", {"a": 1})
        await scene.append("chat", "one", "two")
        created, appended = await scene.changes()
        assert result.head is not None
        assert (created.op, created.kind, created.version) == (Op.CREATED, "conversation", 1)
        assert (created.context_id, created.key) == (result.head.id, key("chat"))
        assert (appended.op, appended.parts) == (Op.UPDATED, Part.ENTRIES)
        assert (appended.seqs, appended.last_seq, appended.by) == (((1, 2),), 2, ANNA)
        assert appended.at == scene.clock.now()

    async def test_a_page_of_changes_never_splits_a_commit(self, scene: Scene) -> None:
        await scene.put("a")
        puts = [Put(key(name), "session", b"{}", (), None) for name in ("b", "c", "d")]
        await scene.do(*puts)
        await scene.put("e")
        page = await scene.store.changes(scene.tenant, ChangeQuery(ALL, 0, limit=2))
        assert [change.position for change in page.changes] == [1, 2, 3, 4]
        assert (page.position, page.more) == (4, True)
        rest = await scene.store.changes(scene.tenant, ChangeQuery(ALL, page.position, limit=2))
        assert [change.position for change in rest.changes] == [5]
        assert (rest.position, rest.more) == (5, False)

    async def test_only_visible_changes_are_shown_but_the_position_moves_on(
        self, scene: Scene
    ) -> None:
        for name in ("users.1/a", "users.2/b", "users.10/c", "users.1.deep/d"):
            await scene.put(name)
        seen = await scene.changes(visible=sees("users.1.*"))
        assert [str(change.key) for change in seen] == ["users.1/a", "users.1.deep/d"]
        query = ChangeQuery(sees("teams.*"), 0)
        page = await scene.store.changes(scene.tenant, query)
        assert (page.changes, page.position, page.more) == ((), 4, False)

    async def test_changes_of_purged_contexts_show_to_those_who_see_all(self, scene: Scene) -> None:
        await scene.put("a")
        await scene.purge("a")
        assert len(await scene.changes()) == 2
        assert await scene.changes(visible=sees("users.1")) == ()

    async def test_tenants_have_logs_of_their_own(self, scene: Scene) -> None:
        other = Scene(scene.store, scene.clock, "other")
        await scene.put("chat", {"who": "acme"})
        await other.put("chat", {"who": "other"})
        await other.append("chat", "one")
        assert len(await scene.changes()) == 1
        assert [change.position for change in await other.changes()] == [1, 2]
        assert await scene.state("chat") == {"who": "acme"}
        assert await scene.texts("chat") == []

    async def test_versions_of_a_context_go_both_ways(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.put("other")
        for n in range(5):
            await scene.append("chat", str(n))

        async def versions(after: int, before: int, limit: int, *, newest: bool) -> list[int]:
            found = await scene.store.versions(
                scene.tenant,
                key("chat"),
                after=after,
                before=before,
                limit=limit,
                newest_first=newest,
            )
            return [change.version for change in found]

        assert await versions(0, 99, 99, newest=False) == [1, 2, 3, 4, 5, 6]
        assert await versions(0, 99, 2, newest=True) == [6, 5]
        assert await versions(2, 5, 99, newest=True) == [4, 3]

    async def test_an_outcome_tells_the_position_after_it(self, scene: Scene) -> None:
        first = await scene.do(Put(key("a"), "session", b"{}", (), None))
        nothing = await scene.do(Put(key("a"), "session", b"{}", (), None))
        second = await scene.do(Append(key("a"), (entry("one"),)))
        assert [one.position for one in (first, nothing, second)] == [1, 1, 2]

    async def test_seqs_of_any_shape_come_back(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.append("chat", "1", "2")
        await scene.restore("chat", 1)
        await scene.append("chat", "3")
        await scene.restore("chat", 2)
        seqs = [change.seqs for change in await scene.versions("chat")]
        assert seqs == [(), ((1, 2),), ((1, 2),), ((3, 3),), ((1, 3),)]
