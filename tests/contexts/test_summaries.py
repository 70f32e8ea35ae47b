"""Summaries: what the next one covers, who wrote it, and what may happen meanwhile."""

import asyncio

import orjson
import pytest

from backstory import limits
from backstory.contexts.summaries.asking import Wish
from backstory.contexts.writing import Retry
from backstory.domain.commits import Append, Conditions, Delete, Patch, Redact, Restore
from backstory.domain.entries import NewEntry
from backstory.domain.patches import MergePatch
from backstory.domain.principals import LOCAL_ADMIN, LOCAL_IMPORT, Principal, Trust
from backstory.errors import (
    DeniedError,
    KeyReusedError,
    MissingError,
    PreconditionError,
    SchemaError,
    SummariserError,
    VersionConflictError,
)
from contexts.conftest import CHAT, create, do, opened, say
from summaries import entries, extractive, scripted, summaries


@pytest.fixture
def summarising():
    return scripted()


@pytest.fixture
def asked(summarising):
    return summarising.summariser.asked


@pytest.fixture
async def contexts(tmp_path, summarising):
    async with opened(tmp_path / "store.db", summarising=summarising) as contexts:
        await create(contexts)
        yield contexts


async def summarise(contexts, principal=LOCAL_ADMIN, retry=None, **wish):
    return await contexts.summaries.summarise(principal, CHAT, Wish(**wish), retry)


def spoken(role, content, kind="message"):
    return NewEntry(role, kind, orjson.dumps(content))


async def test_all_but_the_newest_entries_are_covered(contexts, asked):
    await say(contexts, *(f"text {n}" for n in range(1, 11)))
    done = await summarise(contexts, keep=4, tokens=99)
    assert (done.seq, done.covers, done.more) == (11, (1, 6), False)
    assert asked == [([("user", f"text {n}") for n in range(1, 7)], 99)]
    summary = (await entries(contexts, CHAT))[-1]
    assert (summary.type, summary.role, summary.content) == ("summary", "assistant", b'"in short"')
    assert orjson.loads(summary.metadata) == {"covers": [1, 6], "summariser": "test:scripted"}
    assert (summary.author.subject, summary.author.trust) == ("local", Trust.TOOL)


async def test_the_next_summary_goes_on_from_the_last(contexts, asked):
    await say(contexts, *(f"text {n}" for n in range(1, 7)))
    await summarise(contexts, keep=2)
    await say(contexts, "text 8", "text 9")
    done = await summarise(contexts, keep=1)
    assert done.covers == (1, 8)
    said = [("summary", "in short"), ("user", "text 5"), ("user", "text 6"), ("user", "text 8")]
    assert asked[1][0] == said


async def test_where_nothing_was_said_since_nothing_is_written(contexts, asked):
    assert (await summarise(contexts)).seq is None
    await say(contexts, "one", "two", "  ")
    assert (await summarise(contexts, keep=3)).seq is None
    assert (await summarise(contexts, keep=0)).covers == (1, 3)
    again = await summarise(contexts, keep=0)
    assert (again.seq, again.covers, again.version) == (None, None, 3)
    assert len(asked) == 1


async def test_no_entry_behind_a_seq_is_covered(contexts):
    await say(contexts, *"abcdef")
    assert (await summarise(contexts, through=4)).covers == (1, 4)
    assert (await summarise(contexts, through=5, keep=3)).seq is None
    with pytest.raises(SchemaError) as caught:
        await summarise(contexts, through=8)
    assert caught.value.errors[0].pointer == "/through"


async def test_leading_instructions_are_left_where_they_are(contexts, asked):
    await do(contexts, Append(CHAT, (spoken("system", "be brief"), spoken("developer", "be kind"))))
    await say(contexts, "one", "two")
    assert (await summarise(contexts, keep=0)).covers == (3, 4)
    await say(contexts, "three")
    assert (await summarise(contexts, keep=0)).covers == (3, 6)
    assert "be brief" not in str(asked)


async def test_a_tools_results_stay_with_their_call(contexts):
    call = [{"type": "tool_call", "id": "1", "name": "find", "arguments": {"q": "tea"}}]
    result = [{"type": "tool_result", "tool_call_id": "1", "content": "green"}]
    said = [spoken("user", "which?"), spoken("assistant", call), spoken("tool", result)]
    await do(contexts, Append(CHAT, (*said, spoken("assistant", "green"))))
    assert (await summarise(contexts, keep=2)).covers == (1, 1)
    assert (await summarise(contexts, keep=1)).covers == (1, 3)


async def test_calls_and_results_are_told(contexts, asked):
    call = [{"type": "tool_call", "id": "1", "name": "find", "arguments": {"q": "tea"}}]
    result = [{"type": "tool_result", "tool_call_id": "1", "content": {"found": 2}}]
    own = [{"type": "tool_use", "name": "of a provider", "input": {"x": "words"}}]
    parts = [call, result, own]
    await do(contexts, Append(CHAT, tuple(spoken("assistant", each) for each in parts)))
    await summarise(contexts, keep=0)
    told = [text for _, text in asked[0][0]]
    assert told[0] == '(tool call find) {"q":"tea"}'
    assert told[1] == '(result of a tool) {"found":2}'
    assert told[2] == "of a provider\nwords"


async def test_a_summary_is_believed_no_more_than_what_it_covers(contexts):
    await say(contexts, "one")
    await do(contexts, Append(CHAT, (spoken("user", "two"),)), principal=LOCAL_IMPORT)
    await say(contexts, "three")
    await summarise(contexts, through=1)
    await summarise(contexts, keep=0)
    await say(contexts, "four")
    await summarise(contexts, keep=0)
    found = [each for each in await entries(contexts, CHAT) if each.type == "summary"]
    assert [each.author.trust for each in found] == [Trust.TOOL, Trust.IMPORT, Trust.IMPORT]


async def test_summaries_of_others_are_gone_on_from_or_passed_over(contexts, asked):
    """One that reaches to the front stands for it, one in the middle says nothing of the rest."""

    def foreign(text, first, last):
        about = orjson.dumps({"covers": [first, last]})
        return NewEntry("assistant", "summary", orjson.dumps(text), about)

    await say(contexts, *"abcdef")
    summarised = (foreign("a to b", 1, 2), foreign("c to d", 3, 4), foreign("only f", 6, 6))
    await do(contexts, Append(CHAT, summarised))
    assert (await summarise(contexts, keep=0)).covers == (1, 9)
    turns = [("summary", "a to b"), ("summary", "c to d"), ("user", "e"), ("user", "f")]
    assert asked[0][0] == turns


async def test_a_redacted_summary_is_made_again_without_the_words(contexts, asked):
    await say(contexts, "secret", "two", "three")
    await summarise(contexts, keep=1)
    await do(contexts, Redact(CHAT, 1))
    assert await summaries(contexts, CHAT) == []
    assert (await summarise(contexts, keep=0)).covers == (1, 4)
    assert asked[1][0] == [("user", "two"), ("user", "three")]


async def test_what_is_too_long_is_cut(contexts, summarising, asked):
    summarising.summariser.text = "word " * 4000
    await say(contexts, "x" * (limits.SUMMARY_ENTRY_CHARS + 5))
    await summarise(contexts, keep=0, tokens=50)
    assert len(asked[0][0][0][1]) == limits.SUMMARY_ENTRY_CHARS
    ((_, _, text),) = await summaries(contexts, CHAT)
    assert summarising.count(text) <= 50
    assert text.endswith("word …")


async def test_a_long_range_takes_several_summaries(contexts, monkeypatch):
    monkeypatch.setattr(limits, "SUMMARY_ENTRIES", 4)
    await say(contexts, *"abcdefghij")
    found = [await summarise(contexts, keep=1) for _ in range(4)]
    assert [(done.covers, done.more) for done in found] == [
        ((1, 4), True),
        ((1, 8), True),
        ((1, 9), False),
        (None, False),
    ]


async def test_a_summary_without_text_is_none(contexts, summarising):
    summarising.summariser.text = " \n"
    await say(contexts, "one")
    with pytest.raises(SummariserError) as caught:
        await summarise(contexts, keep=0)
    assert caught.value.reason == "empty"
    assert await summaries(contexts, CHAT) == []


async def test_hidden_characters_are_taken_out_of_what_a_model_says(contexts, summarising):
    summarising.summariser.text = "in\U000e0041 short\u202e"
    await say(contexts, "one")
    await summarise(contexts, keep=0)
    assert (await summaries(contexts, CHAT))[0][2] == "in short"


# -- who may -----------------------------------------------------------------------------


async def test_only_who_may_write_may_summarise(contexts, asked):
    await say(contexts, "one")
    reader = Principal("default", "eve", frozenset({"reader"}))
    stranger = Principal("default", "mallory", frozenset())
    with pytest.raises(DeniedError):
        await summarise(contexts, principal=reader, keep=0)
    with pytest.raises(MissingError):
        await summarise(contexts, principal=stranger, keep=0)
    assert asked == []


async def test_a_context_of_instructions_needs_the_right_to_instruct(contexts):
    await do(contexts, Delete(CHAT))
    await create(contexts, kind="prompt")
    await say(contexts, "one")
    with pytest.raises(DeniedError):
        await summarise(contexts, Principal("default", "ed", frozenset({"editor"})), keep=0)


# -- others write meanwhile ----------------------------------------------------------------


async def meanwhile(contexts, summarising, *operations):
    """While the first summary is made, these are committed, each by itself."""

    async def write():
        summarising.summariser.meanwhile = None
        for operation in operations:
            await do(contexts, operation)

    summarising.summariser.meanwhile = write


async def test_appends_and_patches_do_not_disturb_a_summary(contexts, summarising, asked):
    await say(contexts, "one", "two")
    later = [Append(CHAT, (spoken("user", f"later {n}"),)) for n in range(3)]
    await meanwhile(contexts, summarising, *later, Patch(CHAT, MergePatch({"a": 1})))
    done = await summarise(contexts, keep=0)
    assert (done.seq, done.covers, len(asked)) == (6, (1, 2), 1)


@pytest.mark.parametrize(
    ("operation", "turns"),
    [(Redact(CHAT, 1), [("user", "two")]), (Restore(CHAT, 2), [("user", "secret")])],
    ids=["redacted", "hidden"],
)
async def test_what_is_redacted_or_hidden_meanwhile_is_in_no_summary(
    contexts, summarising, asked, operation, turns
):
    await say(contexts, "secret")
    await say(contexts, "two")
    await meanwhile(contexts, summarising, operation)
    await summarise(contexts, keep=0)
    assert [turns for turns, _ in asked] == [[("user", "secret"), ("user", "two")], turns]
    assert len(await summaries(contexts, CHAT)) == 1


async def test_what_is_deleted_meanwhile_is_missing(contexts, summarising):
    await say(contexts, "one")
    await meanwhile(contexts, summarising, Delete(CHAT))
    with pytest.raises(MissingError):
        await summarise(contexts, keep=0)


async def test_two_nodes_do_not_both_summarise(tmp_path):
    path = tmp_path / "shared.db"
    both = asyncio.Barrier(2)
    one, other = scripted(meanwhile=both.wait), scripted(meanwhile=both.wait)
    async with opened(path, summarising=one) as first, opened(path, summarising=other) as second:
        await create(first)
        await say(first, *"abcdef")
        found = await asyncio.gather(summarise(first, keep=2), summarise(second, keep=2))
        assert sorted(done.seq is None for done in found) == [False, True]
        assert await summaries(first, CHAT) == [(7, [1, 4], "in short")]


async def test_entries_that_change_all_the_time_end_in_a_conflict(contexts, summarising):
    await say(contexts, *(f"text {n}" for n in range(limits.SUMMARY_STARTS + 1)))
    seqs = iter(range(1, 100))

    async def redact():
        await do(contexts, Redact(CHAT, next(seqs)))

    summarising.summariser.meanwhile = redact
    with pytest.raises(VersionConflictError):
        await summarise(contexts, keep=0)
    assert await summaries(contexts, CHAT) == []


# -- retries ---------------------------------------------------------------------------------


async def test_a_retry_is_answered_like_the_first_and_makes_nothing(contexts, asked):
    await say(contexts, "one", "two")
    retry = Retry("k", (b"POST",))
    first = await summarise(contexts, retry=retry, keep=0)
    await say(contexts, "three")
    again = await summarise(contexts, retry=retry, keep=0)
    assert (again.seq, again.covers, again.summariser, again.version) == (
        *(first.seq, first.covers, first.summariser, first.version),
    )
    assert again.replayed
    assert len(asked) == 1
    with pytest.raises(KeyReusedError):
        await summarise(contexts, retry=Retry("k", (b"other",)), keep=0)


async def test_a_retry_after_the_summary_was_redacted_tells_where_it_was(contexts):
    await say(contexts, "one")
    retry = Retry("k", (b"POST",))
    await summarise(contexts, retry=retry, keep=0)
    await do(contexts, Redact(CHAT, 1))
    again = await summarise(contexts, retry=retry, keep=0)
    assert (again.seq, again.covers, again.summariser) == (2, None, None)


async def test_the_same_request_on_two_nodes_is_done_once(tmp_path):
    path, retry = tmp_path / "shared.db", Retry("k", (b"POST",))
    both = asyncio.Barrier(2)
    one, other = scripted(meanwhile=both.wait), scripted(meanwhile=both.wait)
    async with opened(path, summarising=one) as first, opened(path, summarising=other) as second:
        await create(first)
        await say(first, *"abcdef")
        found = await asyncio.gather(
            summarise(first, retry=retry, keep=2), summarise(second, retry=retry, keep=2)
        )
        assert sorted(done.replayed for done in found) == [False, True]
        assert {(done.seq, done.covers, done.version) for done in found} == {(7, (1, 4), 3)}


async def test_a_retry_after_the_context_went_tells_where_the_summary_was(contexts):
    await say(contexts, "one")
    retry = Retry("k", (b"POST",))
    await summarise(contexts, retry=retry, keep=0)
    await do(contexts, Delete(CHAT))
    again = await summarise(contexts, retry=retry, keep=0)
    assert (again.seq, again.covers, again.version) == (2, None, 3)


async def test_the_fallback_is_told_in_the_entry(contexts, summarising):
    summarising.summariser.fallback = "timeout"
    await say(contexts, "one")
    assert (await summarise(contexts, keep=0)).fallback == "timeout"
    metadata = orjson.loads((await entries(contexts, CHAT))[-1].metadata)
    assert metadata == {"covers": [1, 1], "summariser": "test:scripted", "fallback": "timeout"}


async def test_a_process_without_a_summariser_says_so(tmp_path):
    async with opened(tmp_path / "store.db") as contexts:
        await create(contexts)
        await say(contexts, "one")
        with pytest.raises(SummariserError) as caught:
            await summarise(contexts, keep=0)
        assert caught.value.context == {"reason": "none"}


async def test_the_extractive_summariser_needs_nothing(tmp_path):
    async with opened(tmp_path / "store.db", summarising=extractive()) as contexts:
        await create(contexts)
        await say(contexts, "The order number is 4711.", "Hm.", "It ships to Berlin.")
        done = await summarise(contexts, keep=0)
        assert (done.summariser, done.fallback) == ("extractive", None)
        assert "4711" in (await summaries(contexts, CHAT))[0][2]


async def test_a_condition_holds_at_the_beginning_and_at_the_end(contexts, summarising, asked):
    await say(contexts, "one")
    with pytest.raises(PreconditionError):
        await summarise_if(contexts, 7)
    assert asked == []
    await meanwhile(contexts, summarising, Append(CHAT, (spoken("user", "two"),)))
    with pytest.raises(PreconditionError):
        await summarise_if(contexts, 2)
    assert len(asked) == 1
    assert (await summarise_if(contexts, 3)).covers == (1, 2)


async def summarise_if(contexts, version):
    held = Conditions(match=frozenset({version}))
    return await contexts.summaries.summarise(LOCAL_ADMIN, CHAT, Wish(keep=0), None, held)
