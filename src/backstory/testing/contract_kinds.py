"""The part of the contract about kinds: what a commit was ruled by, and what it leaves."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from backstory.domain.commits import Operation, Patch, Put
from backstory.domain.contexts import Tag
from backstory.domain.kinds import KIND, NAMESPACE
from backstory.domain.patches import JsonPatch, MergePatch
from backstory.domain.principals import Author, Trust
from backstory.domain.ruling import Foreseen, RuledState, Standing, Unruled
from backstory.errors import StaleRulesError
from backstory.ports.store import HeadQuery
from backstory.testing.contract_base import Contract
from backstory.testing.scene import ALL, ANNA, Scene, key

DEAL = f"{NAMESPACE}/deal"


def put(name: str, version: int, state: bytes = b"{}", kind: str = "deal") -> Put:
    """A state that a version of its kind has ruled."""
    return Put(key(name), kind, state, (), None, rule=Unruled(kind, version))


def patch(name: str, version: int, document: object, kind: str = "deal") -> Patch:
    return Patch(key(name), MergePatch(document), rule=Unruled(kind, version))


class KindsContract(Contract):
    """Rules cannot change between the moment a commit is prepared and the moment it is done."""

    async def schema_version(self, scene: Scene, name: str, at: int | None = None) -> int:
        return (await scene.view(name, at)).snapshot.head.schema_version

    async def tag(self, scene: Scene) -> Tag:
        return (await scene.view(DEAL)).snapshot.head.tag

    async def ruled(self, scene: Scene, tag: Tag | None, *operations: Operation) -> None:
        await scene.store.commit(structs.replace(scene.commit(*operations), kinds=(("deal", tag),)))

    async def test_a_commit_is_done_under_the_kinds_that_it_names(self, scene: Scene) -> None:
        await self.ruled(scene, None, put("a", 0))
        await scene.put(DEAL, {"n": 1}, kind=KIND)
        first = await self.tag(scene)
        await self.ruled(scene, first, put("b", 1))
        await scene.put(DEAL, {"n": 2}, kind=KIND)
        for tag in (None, first):
            with pytest.raises(StaleRulesError):
                await self.ruled(scene, tag, put("c", 1))
        await self.ruled(scene, await self.tag(scene), put("c", 2))
        assert [await self.schema_version(scene, name) for name in "abc"] == [0, 1, 2]

    async def test_another_tenants_kinds_are_its_own(self, scene: Scene) -> None:
        await scene.put(DEAL, {"n": 1}, kind=KIND)
        other = replace(scene, tenant="other")
        await self.ruled(other, None, put("a", 0))

    async def test_the_past_keeps_what_ruled_it(self, scene: Scene) -> None:
        await scene.do(put("a", 1, b'{"n":1}'))
        await scene.append("a", "hi")
        await scene.do(patch("a", 3, {"n": 2}))
        versions = [await self.schema_version(scene, "a", at) for at in (1, 2, 3)]
        assert versions == [1, 1, 3]
        await scene.restore("a", 1)
        assert await self.schema_version(scene, "a") == 1
        await scene.fork("a", "b", 3)
        assert await self.schema_version(scene, "b") == 3
        await scene.delete("a")
        await scene.put("a")
        assert await self.schema_version(scene, "a") == 0

    async def test_a_write_that_changes_nothing_is_ruled_by_nothing(self, scene: Scene) -> None:
        await scene.do(put("a", 1, b'{"n":1}'))
        result = await scene.one(patch("a", 2, {"n": 1}))
        assert (result.changed, await self.schema_version(scene, "a")) == (False, 1)
        result = await scene.one(put("a", 2, b'{"n":1}'))
        assert (result.changed, await self.schema_version(scene, "a")) == (False, 1)

    async def test_a_context_that_became_another_kind_is_told(self, scene: Scene) -> None:
        await scene.do(put("a", 1))
        with pytest.raises(StaleRulesError):
            await scene.do(patch("a", 1, {"n": 1}, kind="lead"))
        with pytest.raises(StaleRulesError):
            await scene.do(Put(key("a"), None, b"{}", (), None, rule=Unruled("lead", 1)))

    async def test_a_large_state_has_to_be_foreseen(self, scene: Scene) -> None:
        large = b'{"n":"%s"}' % (b"x" * 100_000)
        await scene.do(put("a", 1, large))
        with pytest.raises(StaleRulesError):
            await scene.do(patch("a", 1, {"m": 1}))
        change = Patch(key("a"), JsonPatch(()), rule=Unruled("deal", 2))
        stale = Foreseen(Standing(b"{}", 1), RuledState(b'{"n":0}'))
        with pytest.raises(StaleRulesError):
            await scene.do(structs.replace(change, foreseen=stale))
        seen = Foreseen(Standing(large, 1), RuledState(b'{"n":0}', {"redact:email": 1}))
        result = await scene.one(structs.replace(change, foreseen=seen))
        assert result.counts == {"redact:email": 1}
        assert await scene.state("a") == {"n": 0}
        await scene.do(put("b", 1, large))
        await scene.do(structs.replace(patch("b", 2, {"n": 1}), anyway=True))
        assert await self.schema_version(scene, "b") == 2

    async def test_states_of_earlier_versions_can_be_listed(self, scene: Scene) -> None:
        for name, version in (("a", 1), ("b", 2), ("c", 0), ("d", 3)):
            await scene.do(put(name, version))
        query = HeadQuery(ALL, kind="deal", schema_below=2)
        heads = await scene.store.heads(scene.tenant, query)
        assert [head.key.name for head in heads] == ["a", "c"]
        assert [head.schema_version for head in heads] == [1, 0]

    async def test_tenants_are_listed_page_by_page(self, scene: Scene) -> None:
        for tenant in ("b", "a", "c"):
            await replace(scene, tenant=tenant).put("x")
        assert await scene.store.tenants() == ["a", "b", "c"]
        assert await scene.store.tenants("a", 1) == ["b"]
        assert await scene.store.tenants("c") == []

    async def test_a_fork_is_believed_no_more_than_its_source(self, scene: Scene) -> None:
        robot = Author("robot", Trust.IMPORT)
        await scene.do(put("a", 0), author=robot)
        await scene.fork("a", "b")
        assert (await scene.view("b")).snapshot.head.author == Author("anna", Trust.IMPORT)
        assert (await scene.versions("b"))[0].by == Author("anna", Trust.IMPORT)
        await scene.do(patch("b", 0, {"n": 1}))
        assert (await scene.view("b")).snapshot.head.author == ANNA
