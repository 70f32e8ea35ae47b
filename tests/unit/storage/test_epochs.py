"""A store that was restored begins another epoch, by a step of its operator."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from backstory.cli import main
from backstory.errors import StoreUnavailableError
from backstory.storage.postgres.migrating import begin_epoch as begin_on_server
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.store import open_store as open_server
from backstory.storage.sqlite import open_store


def migrate(store, *more):
    return CliRunner().invoke(main, ["migrate", "--store", store, *more], catch_exceptions=False)


async def life_of(path):
    store = await open_store(path)
    try:
        return store.epoch, store.first_epoch
    finally:
        await store.aclose()


async def test_only_who_asks_for_another_epoch_begins_one(tmp_path):
    path = tmp_path / "a.db"
    first = await life_of(path)
    assert first[1] is True
    done = await asyncio.to_thread(migrate, f"sqlite:///{path}")
    assert "epoch" not in done.output
    assert await life_of(path) == first
    done = await asyncio.to_thread(migrate, f"sqlite:///{path}", "--new-epoch")
    epoch, is_first = await life_of(path)
    assert f"epoch {first[0]} has ended, {epoch} has begun" in done.output
    assert epoch != first[0]
    assert is_first is False
    done = await asyncio.to_thread(migrate, f"sqlite:///{path}", "--new-epoch", "--json")
    said = json.loads(done.output)["epoch"]
    assert said == {"before": epoch, "after": (await life_of(path))[0]}


async def test_a_process_of_the_life_before_finds_out(tmp_path):
    path = tmp_path / "a.db"
    store = await open_store(path)
    await store.check()
    await asyncio.to_thread(migrate, f"sqlite:///{path}", "--new-epoch")
    with pytest.raises(StoreUnavailableError, match="another epoch"):
        await store.check()
    await store.aclose()


async def test_a_node_of_the_life_before_reads_and_writes_no_more(postgres_url):
    store = await open_server(postgres_url)
    assert await store.get_note("acme", "x") is None
    epochs = await begin_on_server(PostgresOptions(postgres_url))
    assert epochs.before == store.epoch != epochs.after
    for _ in range(2):
        with pytest.raises(StoreUnavailableError):
            await store.get_note("acme", "x")
        with pytest.raises(StoreUnavailableError):
            await store.put_note("acme", "x", b"", 1)
    with pytest.raises(StoreUnavailableError, match="another epoch"):
        await store.check()
    await store.aclose()
    again = await open_server(postgres_url)
    assert (again.epoch, again.first_epoch) == (epochs.after, False)
    await again.aclose()
