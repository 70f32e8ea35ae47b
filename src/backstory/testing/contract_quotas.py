"""The part of the contract about what a tenant keeps, and may keep."""

from __future__ import annotations

import pytest
from msgspec import structs

from backstory import ids
from backstory.domain.commits import Append, Commit, Delete, Operation, Put
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.principals import SYSTEM
from backstory.domain.quotas import Quota, Usage
from backstory.errors import QuotaBytesError, QuotaContextsError
from backstory.testing.contract_base import Contract
from backstory.testing.scene import Scene, entry, key

LONG = "tea " * 2000


class QuotaContract(Contract):
    """What is kept is counted exactly, and what is over a quota is refused."""

    async def commit(self, scene: Scene, *operations: Operation, quota: Quota) -> None:
        at = scene.clock.advance(seconds=1)
        commit = Commit(scene.tenant, ids.commit_id(), SYSTEM, at, operations)
        await scene.store.commit(structs.replace(commit, quota=quota))

    async def counted(self, scene: Scene) -> Usage:
        """What was counted, which is what counting anew comes to."""
        usage = await scene.store.usage(scene.tenant)
        assert await scene.store.recount(scene.tenant) == usage
        assert await scene.store.usage(scene.tenant) == usage
        return usage

    async def test_what_is_kept_is_counted_as_it_changes(self, scene: Scene) -> None:
        assert await self.counted(scene) == Usage()
        await scene.put("a", {"text": LONG})
        first = await self.counted(scene)
        assert first.contexts == 1
        assert first.bytes >= len(LONG)
        await scene.append("a", *(entry(f"{n} {LONG}", str(n)) for n in range(5)))
        second = await self.counted(scene)
        assert second.bytes > first.bytes
        await scene.put("a", {"text": LONG + "more"})
        await scene.put("a", {})
        await scene.fork("a", "b")
        await scene.put_content("b", LONG.encode() * 200)
        third = await self.counted(scene)
        assert third.contexts == 2
        await scene.redact("a", 2)
        assert (await self.counted(scene)).bytes < third.bytes
        await scene.delete("a")
        assert (await self.counted(scene)).contexts == 1
        await scene.restore("a", 2)
        assert (await self.counted(scene)).contexts == 2
        await scene.store.forget(scene.tenant, key("a"), 4)
        await self.counted(scene)
        await scene.purge("a")
        assert (await self.counted(scene)).contexts == 1
        await scene.purge("b")
        assert await self.counted(scene) == Usage()
        other = await scene.store.usage("other")
        assert other == Usage()

    async def test_a_context_too_many_is_refused(self, scene: Scene) -> None:
        quota = Quota(contexts=2)
        for name in ("a", "b"):
            await self.commit(scene, Put(key(name), "session", b"{}", (), None), quota=quota)
        new = Put(key("c"), "session", b"{}", (), None)
        with pytest.raises(QuotaContextsError) as refused:
            await self.commit(scene, new, quota=quota)
        assert refused.value.context["used"] == 2
        await self.commit(scene, Put(key("a"), "session", b'{"a":1}', (), None), quota=quota)
        await self.commit(scene, Delete(key("a")), new, quota=quota)
        reserved = Put(ContextKey("_system.notes", "n"), "session", b"{}", (), None)
        await self.commit(scene, reserved, quota=quota)
        assert (await self.counted(scene)).contexts == 2
        await self.commit(scene, Delete(key("b")), quota=Quota(contexts=0))

    async def test_bytes_too_many_are_refused(self, scene: Scene) -> None:
        quota = Quota(bytes=10_000)
        await self.commit(scene, Put(key("a"), "session", b"{}", (), None), quota=quota)
        says = Append(key("a"), (NewEntry("user", "message", b'"' + b"x" * 6000 + b'"'),))
        large = Append(key("a"), (NewEntry("user", "message", b'"' + b"x" * 10_000 + b'"'),))
        with pytest.raises(QuotaBytesError) as refused:
            await self.commit(scene, large, quota=quota)
        assert refused.value.context["quota"] == 10_000
        await self.commit(scene, says, quota=quota)
        assert 0 < (await self.counted(scene)).bytes < 7000
        over = Quota(bytes=1)
        with pytest.raises(QuotaBytesError):
            await self.commit(scene, says, quota=over)
        with pytest.raises(QuotaBytesError):
            await self.commit(scene, Put(key("b"), "session", b'{"a":1}', (), None), quota=over)
        await self.commit(scene, Delete(key("a")), quota=over)
        assert (await self.counted(scene)).contexts == 0
