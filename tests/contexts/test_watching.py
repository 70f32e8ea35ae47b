"""Waiting for changes: nobody misses one, nobody is woken for another's."""

import asyncio
from contextlib import AsyncExitStack, aclosing

import pytest

from backstory import limits
from backstory.domain.commits import Purge, Put
from backstory.domain.keys import ContextKey, NamespacePattern
from backstory.domain.principals import LOCAL_ADMIN, Principal
from backstory.errors import BusyError, GoneError, InvalidCursorError, StoreUnavailableError
from contexts.conftest import CHAT, create, do, opened, say

WAIT = 20.0
OTHER = ContextKey("users.7", "chat")
NOBODY = Principal("default", "nobody", frozenset())


def changes(contexts, **options):
    return contexts.stream.changes(options.pop("principal", LOCAL_ADMIN), **options)


async def waiting(contexts, count=1):
    """Until so many listen."""
    async with asyncio.timeout(WAIT):
        # A turn of the loop, no time.
        while sum(len(t.listeners) for t in contexts.hub._tails.values()) < count:  # noqa: ASYNC110
            await asyncio.sleep(0)


async def test_a_waiting_caller_hears_of_a_change(contexts):
    task = asyncio.create_task(changes(contexts, wait=WAIT))
    await waiting(contexts)
    await create(contexts)
    page = await task
    assert [(change.key, change.version) for _, change in page.items] == [(CHAT, 1)]


async def test_a_change_before_the_wait_is_answered_at_once(contexts):
    start = (await changes(contexts, after="now")).next
    await create(contexts)
    page = await changes(contexts, after=start, wait=WAIT)
    assert len(page.items) == 1


async def test_a_wait_without_a_change_ends_with_an_empty_page(contexts):
    page = await changes(contexts, after="now", wait=0.001)
    assert page.items == ()
    await create(contexts)
    assert len((await changes(contexts, after=page.next)).items) == 1


async def test_a_change_elsewhere_wakes_nobody_here(contexts):
    here = NamespacePattern.parse("users.42")
    task = asyncio.create_task(changes(contexts, namespace=here, wait=WAIT))
    await waiting(contexts)
    await create(contexts, key=OTHER)
    await create(contexts)
    page = await task
    assert [change.key for _, change in page.items] == [CHAT]


async def test_one_who_may_read_nothing_hears_nothing(contexts):
    await create(contexts)
    page = await changes(contexts, principal=NOBODY, wait=0.001)
    assert page.items == ()


async def test_changes_made_by_another_process_are_heard(contexts, tmp_path):
    async with opened(tmp_path / "store.db") as elsewhere:
        task = asyncio.create_task(changes(contexts, wait=WAIT))
        await waiting(contexts)
        await create(elsewhere)
        assert len((await task).items) == 1


async def test_a_thousand_idle_watchers_hear_of_one_change(contexts):
    tasks = [asyncio.create_task(changes(contexts, wait=WAIT)) for _ in range(1000)]
    await waiting(contexts, 1000)
    await create(contexts)
    pages = await asyncio.gather(*tasks)
    assert {len(page.items) for page in pages} == {1}
    assert contexts.hub._tails == {}


async def test_whom_one_change_wakes_reads_the_log_together(contexts, monkeypatch):
    read, asked = contexts.store.changes, []

    async def changes(tenant, query):
        asked.append(query)
        return await read(tenant, query)

    async with asyncio.timeout(WAIT), AsyncExitStack() as stack:
        streams = [
            await stack.enter_async_context(aclosing(contexts.stream.follow(LOCAL_ADMIN)))
            for _ in range(50)
        ]
        await asyncio.gather(*map(anext, streams))
        monkeypatch.setattr(contexts.store, "changes", changes)
        await create(contexts)
        pages = await asyncio.gather(*map(anext, streams))
    assert {tuple(change.key for _, change in page.items) for page in pages} == {(CHAT,)}
    assert len(asked) < 10  # one by the tail, and one or a few by those whom it woke


async def test_too_many_watchers_are_turned_away(contexts, monkeypatch):
    monkeypatch.setattr(limits, "WATCHERS", 1)
    task = asyncio.create_task(changes(contexts, wait=WAIT))
    await waiting(contexts)
    with pytest.raises(BusyError):
        await changes(contexts, wait=WAIT)
    await create(contexts)
    await task


async def test_draining_lets_all_who_wait_go(contexts):
    task = asyncio.create_task(changes(contexts, wait=WAIT))
    await waiting(contexts)
    contexts.hub.drain()
    assert (await task).items == ()
    assert (await changes(contexts, wait=WAIT)).items == ()


async def test_a_caller_who_leaves_is_forgotten(contexts):
    task = asyncio.create_task(changes(contexts, wait=WAIT))
    await waiting(contexts)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert contexts.hub._tails == {}


async def test_a_stream_tells_of_each_change_once_and_in_order(contexts):
    await create(contexts)
    seen = []
    async with asyncio.timeout(WAIT), aclosing(contexts.stream.follow(LOCAL_ADMIN)) as pages:
        async for page in pages:
            seen += [change.version for _, change in page.items]
            if len(seen) == 5:
                break
            await say(contexts, "x")
    assert seen == [1, 2, 3, 4, 5]


async def test_a_stream_ends_when_the_process_drains(contexts):
    async with asyncio.timeout(WAIT):
        async for _ in contexts.stream.follow(LOCAL_ADMIN):
            contexts.hub.drain()


@pytest.fixture
def away(contexts, monkeypatch):
    """Once `set`, the change log cannot be read; `asked` counts who was refused."""

    class Away(asyncio.Event):
        asked = asyncio.Semaphore(0)
        error = StoreUnavailableError("the database does not answer")

    event, read = Away(), contexts.store.changes

    async def changes(tenant, query):
        if event.is_set():
            event.asked.release()
            raise event.error
        return await read(tenant, query)

    monkeypatch.setattr(contexts.store, "changes", changes)
    monkeypatch.setattr(limits, "POLL_SECONDS", 0.001)
    return event


@pytest.mark.parametrize(
    "error",
    [
        StoreUnavailableError("the database does not answer"),
        BusyError("too many reads are waiting"),
    ],
    ids=["away", "busy"],
)
async def test_a_stream_goes_on_when_the_store_could_not_be_read(contexts, away, error):
    away.error = error
    await create(contexts)
    async with asyncio.timeout(WAIT), aclosing(contexts.stream.follow(LOCAL_ADMIN)) as pages:
        first = await anext(pages)
        away.set()
        contexts.hub.wake()
        assert (await anext(pages)).items == ()
        away.clear()
        await say(contexts, "x")
        seen = []
        while not seen:
            seen = [change.version for _, change in (await anext(pages)).items]
    assert ([change.version for _, change in first.items], seen) == ([1], [2])


async def test_a_stream_that_cannot_begin_says_so(contexts, away):
    away.set()
    with pytest.raises(StoreUnavailableError):
        await anext(contexts.stream.follow(LOCAL_ADMIN))


async def test_a_waiting_caller_hears_of_a_change_once_the_store_is_back(contexts, away):
    async with asyncio.timeout(WAIT):
        task = asyncio.create_task(changes(contexts, wait=WAIT))
        await waiting(contexts)
        away.set()
        contexts.hub.wake()
        await away.asked.acquire()
        away.clear()
        await create(contexts)
        assert len((await task).items) == 1


async def test_a_wait_that_ends_while_the_store_is_away_tells_of_nothing_and_misses_nothing(
    contexts, away
):
    async with asyncio.timeout(WAIT):
        task = asyncio.create_task(changes(contexts, wait=0.05))
        await waiting(contexts)
        away.set()
        page = await task
        away.clear()
        assert page.items == ()
        await create(contexts)
        assert len((await changes(contexts, after=page.next)).items) == 1


async def test_a_log_that_cannot_be_read_is_told_of_once_and_again_when_it_can(
    contexts, away, caplog
):
    caplog.set_level("INFO", "backstory.contexts.watching")
    async with asyncio.timeout(WAIT), contexts.hub.listen(LOCAL_ADMIN, lambda _: True):
        away.set()
        await create(contexts)
        for _ in range(3):
            await away.asked.acquire()
        away.clear()
        async with contexts.hub.listen(LOCAL_ADMIN, lambda _: True) as listener:
            await listener.wait(None)
    assert [record.getMessage() for record in caplog.records] == [
        "cannot read the change log: the database does not answer (store_unavailable)",
        "can read the change log again",
    ]


async def test_a_page_never_splits_a_commit(contexts):
    await do(
        contexts,
        *(Put(ContextKey("users.42", f"c{i}"), "session", b"{}", (), None) for i in range(5)),
    )
    await create(contexts)
    page = await changes(contexts, limit=2)
    assert len(page.items) == 5
    assert len((await changes(contexts, after=page.next, limit=2)).items) == 1


async def test_a_purged_context_is_told_of_without_its_name(contexts):
    await create(contexts)
    await do(contexts, Purge(CHAT))
    page = await changes(contexts)
    assert [(change.key, change.op.word) for _, change in page.items] == [
        (None, "created"),
        (None, "purged"),
    ]


async def test_a_cursor_of_somebody_else_is_refused(contexts):
    cursor = (await changes(contexts)).next
    other = Principal("default", "somebody", frozenset({"admin"}))
    with pytest.raises(InvalidCursorError):
        await changes(contexts, principal=other, after=cursor)
    with pytest.raises(InvalidCursorError):
        await changes(contexts, after=cursor[:-2] + "xx")


async def test_a_cursor_of_another_store_is_refused(contexts, tmp_path):
    cursor = (await changes(contexts)).next
    async with opened(tmp_path / "another.db") as elsewhere:
        with pytest.raises((InvalidCursorError, GoneError)):
            await changes(elsewhere, after=cursor)
