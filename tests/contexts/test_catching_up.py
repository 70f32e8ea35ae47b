"""Whoever follows by `since` holds what a full read shows, however the pages fall."""

import contextlib
import tempfile
from pathlib import Path

import jsonpatch
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory import limits
from backstory.clock import SystemClock
from backstory.domain.commits import Append, Delete, Fork, Patch, Put, Redact, Restore
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.patches import MergePatch
from backstory.domain.principals import LOCAL_ADMIN
from backstory.errors import GoneError, MissingError
from backstory.ports.store import EntryQuery
from contexts.conftest import CHAT, create, do, opened, say


async def catch_up(contexts, since, key=CHAT, limit=limits.PAGE_DEFAULT, epoch=None):
    return await contexts.catcher_up.catch_up(LOCAL_ADMIN, key, since, epoch, limit)


class Replica:
    """A client that holds a context and follows it by catching up."""

    def __init__(self):
        self.version, self.state, self.entries, self.labels = 0, {}, {}, ()

    async def follow(self, contexts, limit):
        while True:
            found = await catch_up(contexts, self.version, limit=limit)
            assert found.before == self.version
            self.state = jsonpatch.apply_patch(self.state, found.patch)
            for first, last in found.hidden:
                for seq in range(first, last + 1):
                    del self.entries[seq]
            for entry in found.entries:
                assert entry.seq not in self.entries
                self.entries[entry.seq] = entry.content
            for seq in found.redacted:
                if seq in self.entries:
                    self.entries[seq] = b'""'
            self.version = found.after
            if not found.more:
                return


async def whole(contexts):
    query = EntryQuery(limit=10_000, max_bytes=limits.BODY_BYTES)
    reading = await contexts.reader.read(LOCAL_ADMIN, CHAT, query=query)
    entries = {e.seq: b'""' if e.type == "redacted" else e.content for e in reading.page.entries}
    return reading.head.version, orjson.loads(reading.snapshot.state), entries


TEXTS = st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=4)
STEPS = st.one_of(
    st.tuples(st.just("say"), TEXTS),
    st.tuples(st.just("patch"), st.dictionaries(st.sampled_from("xyz"), st.integers(0, 3))),
    st.tuples(st.just("restore"), st.integers(1, 12)),
    st.tuples(st.just("redact"), st.integers(1, 12)),
    st.tuples(st.just("follow"), st.integers(1, 3)),
)


def operation(step, argument):
    match step:
        case "say":
            return Append(
                CHAT, tuple(NewEntry("user", "message", orjson.dumps(t)) for t in argument)
            )
        case "patch":
            return Patch(CHAT, MergePatch(argument))
        case "restore":
            return Restore(CHAT, argument)
        case "redact":
            return Redact(CHAT, argument)


@settings(max_examples=40, deadline=None)
@given(st.lists(STEPS, max_size=25))
async def test_a_follower_holds_what_a_full_read_shows(steps):
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder) / "store.db", SystemClock()) as contexts:
            replica = Replica()
            await create(contexts)
            for step, argument in [*steps, ("follow", 2)]:
                if step == "follow":
                    await replica.follow(contexts, argument)
                    assert (replica.version, replica.state, replica.entries) == await whole(
                        contexts
                    )
                    continue
                with contextlib.suppress(MissingError, GoneError):  # no such entry, no such version
                    await do(contexts, operation(step, argument))


async def test_nothing_new_is_an_empty_answer(contexts):
    await create(contexts)
    found = await catch_up(contexts, 1)
    assert (found.after, found.more, found.patch, found.entries) == (1, False, [], ())


async def test_pages_end_at_version_boundaries(contexts):
    await create(contexts)
    await say(contexts, *"abc")
    await say(contexts, *"def")
    found = await catch_up(contexts, 1, limit=4)
    assert [entry.seq for entry in found.entries] == [1, 2, 3]
    assert (found.after, found.more) == (2, True)


async def test_one_version_is_never_split(contexts):
    await create(contexts)
    await say(contexts, *"abc")
    found = await catch_up(contexts, 1, limit=1)
    assert len(found.entries) == 3
    assert not found.more


async def test_an_answer_is_bounded_in_bytes(contexts):
    await create(contexts)
    for _ in range(4):
        await say(contexts, "x" * (limits.PAGE_BYTES // 2 - 100))
    found = await catch_up(contexts, 1, limit=1000)
    assert [entry.seq for entry in found.entries] == [1, 2]
    assert found.more


async def test_a_state_that_grew_and_shrank_again_is_no_change(contexts):
    await create(contexts, state=b'{"a":1}')
    await do(contexts, Patch(CHAT, MergePatch({"b": 2})))
    await do(contexts, Patch(CHAT, MergePatch({"b": None})))
    assert (await catch_up(contexts, 1)).patch == []


async def test_true_and_one_are_told_apart(contexts):
    await create(contexts, state=b'{"a":1}')
    await do(contexts, Patch(CHAT, MergePatch({"a": True})))
    found = await catch_up(contexts, 1)
    assert jsonpatch.apply_patch({"a": 1}, found.patch)["a"] is True


async def test_what_was_hidden_is_told(contexts):
    await create(contexts)
    await say(contexts, *"ab")
    await say(contexts, *"cd")
    await do(contexts, Restore(CHAT, 2))
    found = await catch_up(contexts, 3)
    assert (found.hidden, found.entries) == (((3, 4),), ())


@pytest.mark.parametrize("since", [99, 2])
async def test_a_version_that_is_not_is_gone(contexts, since):
    await create(contexts)
    with pytest.raises(GoneError):
        await catch_up(contexts, since)


async def test_another_epoch_is_gone(contexts):
    await create(contexts)
    await catch_up(contexts, 1, epoch=contexts.epoch)
    with pytest.raises(GoneError):
        await catch_up(contexts, 1, epoch="another0")


async def test_a_deletion_between_is_gone(contexts):
    await create(contexts)
    await do(contexts, Delete(CHAT))
    await create(contexts)
    with pytest.raises(GoneError):
        await catch_up(contexts, 1)
    assert (await catch_up(contexts, 3)).after == 3


async def test_what_was_forgotten_is_gone(contexts):
    await create(contexts)
    await say(contexts, "a")
    await say(contexts, "b")
    await contexts.historian.forget(LOCAL_ADMIN, CHAT, 2)
    with pytest.raises(GoneError):
        await catch_up(contexts, 1)
    assert [entry.seq for entry in (await catch_up(contexts, 2)).entries] == [2]


async def test_a_fork_that_shows_more_than_an_answer_may_hold_says_how_to_go_on(contexts):
    await create(contexts)
    for _ in range(2):
        await say(contexts, *("x" for _ in range(limits.COMMIT_ENTRIES)))
    fork = ContextKey("users.42", "fork")
    await do(contexts, Fork(fork, CHAT))
    with pytest.raises(GoneError, match="page by page"):
        await catch_up(contexts, 0, key=fork)
    assert (await catch_up(contexts, 1, key=fork)).entries == ()


async def test_a_change_of_labels_is_told(contexts):
    await create(contexts)
    await do(contexts, Put(CHAT, None, b"{}", ("vip",), None))
    found = await catch_up(contexts, 1)
    assert (found.old.labels, found.new.labels) == ((), ("vip",))
