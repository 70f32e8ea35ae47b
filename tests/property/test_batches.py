"""What is written in one transaction is what would be written one after the other."""

import asyncio
import tempfile
import threading
from contextlib import asynccontextmanager
from hashlib import blake2b
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from backstory import ids
from backstory.domain.commits import (
    Append,
    Conditions,
    Delete,
    Fork,
    Idempotency,
    Patch,
    Purge,
    Put,
    Redact,
    Restore,
)
from backstory.domain.patches import MergePatch
from backstory.errors import BackstoryError
from backstory.ports.store import HeadQuery
from backstory.storage.sqlite import open_store
from backstory.testing import FakeClock
from backstory.testing.scene import ALL, Scene, entry, key

NAMES = ["a", "b"]
names = st.sampled_from(NAMES).map(key)
words = st.sampled_from(["apple", "pear", "plum"])
seqs = st.integers(1, 4)
conditions = st.sampled_from([Conditions(), Conditions(), Conditions(if_version=3)])
appends = st.builds(
    lambda name, word, entry_id, held: Append(name, (entry(word, entry_id),), held),
    names,
    words,
    st.none() | st.none() | words,
    conditions,
)
operations = st.one_of(
    appends,
    appends,
    appends,
    st.builds(
        lambda name, word, held: Put(
            name, "session", b'{"t":"%s"}' % word.encode(), (), None, held
        ),
        names,
        words,
        conditions,
    ),
    st.builds(lambda name, word: Patch(name, MergePatch({"u": word})), names, words),
    st.builds(Delete, names),
    st.builds(Purge, names),
    st.builds(Redact, names, seqs),
    st.builds(Restore, names, seqs),
    st.builds(lambda source, at: Fork(key("b"), source, at), names, st.none() | seqs),
)
commits = st.tuples(st.lists(operations, min_size=1, max_size=2), st.none() | words)


@asynccontextmanager
async def scenes():
    with tempfile.TemporaryDirectory() as folder:
        opened = []
        for name in ("apart", "together"):
            clock = FakeClock()
            scene = Scene(await open_store(Path(folder) / name, clock=clock), clock)
            for number, made in enumerate(NAMES):
                put = Put(key(made), "session", b"{}", (), None)
                await scene.store.commit(scene.commit(put, commit_id=b"%010d" % number))
            opened.append(scene)
        yield opened
        for scene in opened:
            await scene.store.aclose()


def commits_of(scene, wanted):
    """They are the same in both, but for what is random."""
    return [
        scene.commit(
            *done,
            commit_id=number.to_bytes(len(ids.commit_id())),
            idempotency=word and Idempotency(hashed(word), hashed(repr(done))),
        )
        for number, (done, word) in enumerate(wanted)
    ]


def hashed(text):
    return blake2b(text.encode(), digest_size=16).digest()


async def answered(store, commit):
    try:
        outcome = await store.commit(commit)
    except BackstoryError as error:
        return type(error), error.detail
    results = [structs.replace(result, head=None) for result in outcome.results]
    return outcome.position, outcome.replayed, results


async def in_one_transaction(store, commits):
    """They wait behind a job that ends when all of them do."""
    over = threading.Event()
    before = asyncio.create_task(store._writer.run(lambda _: over.wait()))
    await asyncio.sleep(0)
    asked = [asyncio.create_task(answered(store, commit)) for commit in commits]
    await asyncio.sleep(0)
    over.set()
    await before
    return await asyncio.gather(*asked)


async def seen(scene):
    """All that is kept of the contexts, without what is random."""
    found = []
    for name in NAMES:
        view = await scene.store.view(scene.tenant, key(name), None)
        if view is None:
            found.append(None)
            continue
        head = structs.replace(view.snapshot.head, id=b"")
        found.append((head, view.snapshot.state, await scene.entries(name)))
        found.append(await scene.versions(name))
    listed = [head.key for head in await scene.store.heads(scene.tenant, HeadQuery(ALL))]
    return found, listed, await scene.found("apple"), await scene.store.usage(scene.tenant)


@given(st.lists(commits, min_size=2, max_size=12))
@settings(max_examples=150, deadline=None)
def test_commits_sent_at_once_come_to_what_they_would_one_by_one(wanted):
    async def both():
        async with scenes() as (apart, together):
            one_by_one = [await answered(apart.store, one) for one in commits_of(apart, wanted)]
            at_once = await in_one_transaction(together.store, commits_of(together, wanted))
            assert at_once == one_by_one
            assert await seen(together) == await seen(apart)

    asyncio.run(both())
