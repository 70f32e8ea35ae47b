"""What an operator's rules have summarised unasked: bounded, one at a time, and never twice."""

import asyncio
from contextlib import asynccontextmanager

import orjson
import pytest

from backstory import limits
from backstory.domain.commits import Append, Delete, Redact
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Trust
from backstory.errors import StoreUnavailableError
from backstory.summarising.making import read
from contexts.conftest import CHAT, create, do, opened, say
from summaries import entries, scripted, summaries


@pytest.fixture
def summarising():
    return scripted()


@pytest.fixture
async def contexts(tmp_path, summarising):
    async with opened(tmp_path / "store.db", summarising=summarising) as contexts:
        await create(contexts)
        yield contexts


@asynccontextmanager
async def ruled(contexts, *rules):
    background = contexts.background(read({"rules": list(rules)}).rules)
    async with background.running(contexts.writer):
        yield background


async def covered(contexts, key=CHAT):
    return [covers for _, covers, _ in await summaries(contexts, key)]


async def test_a_context_is_summarised_as_soon_as_enough_is_not_covered(contexts, summarising):
    async with ruled(contexts, {"entries": 4, "keep": 2, "length": 77}) as background:
        for n in range(5):
            await say(contexts, f"text {n}")
        await background.idle()
        assert await covered(contexts) == []
        await say(contexts, "the sixth")
        await background.idle()
        assert await covered(contexts) == [[1, 4]]
        assert summarising.summariser.asked[0][1] == 77
        for n in range(4):
            await say(contexts, f"text {n}")
        await background.idle()
        assert await covered(contexts) == [[1, 4], [1, 9]]
    summary = next(each for each in await entries(contexts, CHAT) if each.type == "summary")
    assert (summary.author.subject, summary.author.trust) == ("system", Trust.TOOL)


async def test_a_context_is_due_by_tokens_too(contexts):
    async with ruled(contexts, {"tokens": 100, "keep": 0}) as background:
        await say(contexts, "short")
        await background.idle()
        assert await covered(contexts) == []
        await say(contexts, " ".join(f"word{n}" for n in range(100)))
        await background.idle()
        assert await covered(contexts) == [[1, 2]]


async def test_each_look_at_a_context_waits_for_what_is_missing(contexts, monkeypatch):
    """A hundred small entries below the bound are not a hundred looks."""
    looked = []
    summarise = contexts.summaries.summarise

    async def counted(*given):
        looked.append(given)
        return await summarise(*given)

    monkeypatch.setattr(contexts.summaries, "summarise", counted)
    async with ruled(contexts, {"tokens": 10_000, "entries": 1000}) as background:
        for n in range(100):
            await say(contexts, f"text {n}")
            await background.idle()
    assert len(looked) == 1


async def test_no_rule_speaks_of_other_kinds_and_namespaces(contexts):
    other = ContextKey("team", "chat")
    await create(contexts, other)
    rule = {"namespace": "team.*", "kind": "conversation", "entries": 1, "keep": 0}
    async with ruled(contexts, rule) as background:
        await say(contexts, "one")
        await say(contexts, "one", key=other)
        await background.idle()
    assert (await covered(contexts), await covered(contexts, other)) == ([], [[1, 1]])


async def test_a_summary_written_by_hand_is_no_reason_for_another(contexts):
    async with ruled(contexts, {"entries": 1, "keep": 0}) as background:
        await say(contexts, "one")
        await background.idle()
        about = orjson.dumps({"covers": [1, 2]})
        await do(contexts, Append(CHAT, (NewEntry("assistant", "summary", b'"x"', about),)))
        await background.idle()
    assert await covered(contexts) == [[1, 1], [1, 2]]


async def test_what_is_too_long_for_one_summary_takes_several(contexts, monkeypatch):
    monkeypatch.setattr(limits, "SUMMARY_ENTRIES", 3)
    async with ruled(contexts, {"entries": 3, "keep": 0}) as background:
        await say(contexts, *"abcdefgh")
        await background.idle()
    assert await covered(contexts) == [[1, 3], [1, 6]]


async def test_one_at_a_time_for_each_context_and_nothing_is_missed(contexts, summarising):
    at_work, times, enough = asyncio.Semaphore(1), [], asyncio.Event()

    async def alone():
        assert not at_work.locked()
        async with at_work:
            times.append(len(times))
            if len(times) < 5:
                await say(contexts, "said meanwhile")
            else:
                enough.set()

    summarising.summariser.meanwhile = alone
    async with ruled(contexts, {"entries": 1, "keep": 0}) as background:
        await say(contexts, "one")
        await enough.wait()
        await background.idle()
    assert len(times) == 5
    assert (await entries(contexts, CHAT))[-1].type == "summary"
    assert (await covered(contexts))[-1] == [1, 9]


async def test_more_than_may_wait_come_with_their_next_entry(
    tmp_path, summarising, monkeypatch, caplog
):
    monkeypatch.setattr(limits, "SUMMARY_QUEUE", 1)
    monkeypatch.setattr(limits, "SUMMARY_WORKERS", 1)
    going = asyncio.Event()
    summarising.summariser.meanwhile = going.wait
    keys = [ContextKey("users.1", name) for name in "abc"]
    async with (
        opened(tmp_path / "s.db", summarising=summarising) as contexts,
        ruled(contexts, {"entries": 1, "keep": 0}) as background,
    ):
        for key in keys:
            await create(contexts, key)
            await say(contexts, "one", key=key)
            await asyncio.sleep(0)
        going.set()
        await background.idle()
        assert [await covered(contexts, key) for key in keys] == [[[1, 1]], [[1, 1]], []]
        assert "too many contexts wait" in caplog.text
        await say(contexts, "two", key=keys[2])
        await background.idle()
        assert await covered(contexts, keys[2]) == [[1, 2]]


async def test_a_failure_is_told_and_waits_for_more(contexts, monkeypatch, caplog):
    tried = []

    async def failing(*given):
        tried.append(given)
        raise StoreUnavailableError("secret words")

    monkeypatch.setattr(contexts.summaries, "summarise", failing)
    async with ruled(contexts, {"entries": 3, "keep": 0}) as background:
        for n in range(8):
            await say(contexts, f"text {n}")
            await background.idle()
    assert len(tried) == 2
    assert "store_unavailable" in caplog.text
    assert "secret words" not in caplog.text


async def test_a_bug_ends_no_worker(contexts, summarising, caplog):
    async def broken():
        summarising.summariser.meanwhile = None
        raise RuntimeError("secret words")

    summarising.summariser.meanwhile = broken
    async with ruled(contexts, {"entries": 1, "keep": 0}) as background:
        await say(contexts, "one")
        await background.idle()
        await say(contexts, "two")
        await background.idle()
    assert await covered(contexts) == [[1, 2]]
    assert "RuntimeError" in caplog.text
    assert "secret words" not in caplog.text


async def test_a_context_that_goes_meanwhile_is_left_alone(contexts, summarising, caplog):
    async def delete():
        await do(contexts, Delete(CHAT))

    summarising.summariser.meanwhile = delete
    async with ruled(contexts, {"entries": 1, "keep": 0}) as background:
        await say(contexts, "one")
        await background.idle()
    assert caplog.text == ""


async def test_a_process_that_ends_loses_the_work_and_nothing_else(tmp_path, summarising):
    begun = asyncio.Event()

    async def never():
        begun.set()
        await asyncio.Event().wait()

    path, rule = tmp_path / "s.db", {"entries": 1, "keep": 0}
    summarising.summariser.meanwhile = never
    async with opened(path, summarising=summarising) as contexts, ruled(contexts, rule):
        await create(contexts)
        await say(contexts, "one")
        await begun.wait()
    summarising.summariser.meanwhile = None
    async with opened(path, summarising=summarising) as contexts:
        assert await summaries(contexts, CHAT) == []
        async with ruled(contexts, rule) as background:
            await say(contexts, "two")
            await background.idle()
        assert await covered(contexts) == [[1, 2]]


async def test_after_a_redaction_the_next_summary_is_made_anew(contexts):
    async with ruled(contexts, {"entries": 2, "keep": 0}) as background:
        await say(contexts, "secret", "two")
        await background.idle()
        await do(contexts, Redact(CHAT, 1))
        await say(contexts, "four", "five")
        await background.idle()
    assert await covered(contexts) == [[1, 5]]


async def test_imports_and_other_processes_are_not_heard(contexts, tmp_path):
    """Whoever took the append looks, and nobody else."""
    async with ruled(contexts, {"entries": 1, "keep": 0}) as background:
        async with opened(tmp_path / "store.db") as other:
            await say(other, "one")
        await background.idle()
        assert await covered(contexts) == []
