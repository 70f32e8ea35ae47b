"""Revoked tokens are known to whoever looks, until they would have ended."""

import asyncio

import pytest

from backstory import limits
from backstory.clock import SECOND
from backstory.errors import LimitReachedError
from backstory.security.revoking import Revocations, revoke
from backstory.storage.postgres.store import open_store as open_postgres
from backstory.storage.sqlite import open_store as open_sqlite
from backstory.testing import FakeClock


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def node(store, clock):
    """One who looks; `changed` counts how often it learned something."""
    changed = []
    node = Revocations(store, clock, lambda: changed.append(1))
    node.changed = changed
    return node


class Revoking:
    """What holds on any store."""

    async def test_who_looks_learns_what_was_revoked_and_is_told_once(self, store, clock, node):
        await node.look()
        assert (node.names, node.changed) == (frozenset(), [])
        await revoke(store, clock, "one", clock.now() + 60 * SECOND)
        await node.look()
        await node.look()
        assert (node.names, node.changed) == ({"one"}, [1])
        await revoke(store, clock, "two", clock.now() + 90 * SECOND)
        await node.look()
        assert (node.names, len(node.changed)) == ({"one", "two"}, 2)

    async def test_a_token_that_has_ended_is_no_longer_kept(self, store, clock, node):
        await revoke(store, clock, "one", clock.now() + 10 * SECOND)
        clock.advance(seconds=20)
        await revoke(store, clock, "two", clock.now() + 10 * SECOND)
        await node.look()
        assert node.names == {"two"}

    async def test_revoking_at_the_same_time_loses_none(self, store, clock, node):
        end = clock.now() + 60 * SECOND
        await asyncio.gather(*(revoke(store, clock, f"t{number}", end) for number in range(8)))
        await node.look()
        assert node.names == {f"t{number}" for number in range(8)}

    async def test_the_bound_is_named_and_says_what_to_do(self, store, clock, monkeypatch):
        monkeypatch.setattr(limits, "REVOKED_TOKENS", 1)
        end = clock.now() + 60 * SECOND
        await revoke(store, clock, "one", end)
        with pytest.raises(LimitReachedError, match="retire their key"):
            await revoke(store, clock, "two", end)
        await revoke(store, clock, "one", end)

    async def test_what_a_restored_backup_does_not_know_is_revoked_again(self, store, clock, node):
        for name, seconds in (("short", 10), ("long", 60), ("known", 60)):
            await revoke(store, clock, name, clock.now() + seconds * SECOND)
        await store.delete_note("", "tokens/revoked")  # as in a backup of before
        await store.delete_note("", "tokens/revoked-mark")
        clock.advance(seconds=20)
        await revoke(store, clock, "known", clock.now() + 40 * SECOND)
        await node.recall()
        await node.look()
        assert node.names == {"long", "known"}
        assert set(await store.kept_apart()) == {"long", "known"}
        await node.recall()  # nothing is left to do

    async def test_no_tenant_is_made_of_it(self, store, clock):
        await revoke(store, clock, "one", clock.now() + 60 * SECOND)
        assert await store.tenants() in ([], ())


class TestOnSqlite(Revoking):
    @pytest.fixture
    async def store(self, tmp_path, clock):
        store = await open_sqlite(tmp_path / "test.db", clock=clock)
        yield store
        await store.aclose()


class TestOnPostgres(Revoking):
    @pytest.fixture
    async def store(self, postgres_url, clock):
        store = await open_postgres(postgres_url, clock=clock)
        yield store
        await store.aclose()
