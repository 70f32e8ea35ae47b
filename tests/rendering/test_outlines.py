"""What is chosen by outlines is what is chosen by texts, and less of it is read."""

import random

import orjson
import pytest

from backstory.contexts.writing import Intent
from backstory.domain.commits import Redact
from backstory.domain.policy import Verb
from backstory.domain.principals import LOCAL_ADMIN
from backstory.rendering import aside, outlines
from backstory.rendering.assembling import Assembler
from backstory.rendering.counters import Tally
from windows import CHAT, FORMS, call_of, keeps_the_rules, rendered, result_of, said, turns

MODELS = ("gpt-4o", "claude-opus-4-8", "gpt-4")
WORDS = ("tea", "größer", "naïve", "station", "four", "東京", "and", "then", "maybe", "tea\n")


@pytest.fixture
def opened(monkeypatch):
    """The seqs of entries whose content was read for the window."""
    seqs = []

    async def reading(contexts, *args, **more):
        original = contexts.store.page

        async def paged(*asked):
            found = await original(*asked)
            seqs.extend(entry.seq for entry in found.entries)
            return found

        monkeypatch.setattr(contexts.store, "page", paged)
        seqs.clear()
        return await rendered(contexts, *args, **more)

    reading.seqs = seqs
    return reading


def mixed(seed):
    """A conversation of texts, parts, tools and what belongs to nobody, of all lengths."""
    draw = random.Random(seed)
    for i in range(150):
        text = " ".join(draw.choices(WORDS, k=draw.choice((1, 3, 12, 40, 40, 200))))
        dice = draw.random()
        if dice < 0.06:
            yield call_of(i, q=text)
            yield result_of(i, text)
        elif dice < 0.1:
            yield "user", [{"type": "text", "text": text or "x"}, {"type": "text", "text": "too"}]
        elif dice < 0.13:
            yield draw.choice(("system", "developer", "tool", "narrator")), text
        else:
            yield draw.choice(("user", "assistant")), text


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("form", FORMS)
async def test_a_window_is_the_same_as_if_all_had_been_read(contexts, monkeypatch, form, seed):
    await said(contexts, *mixed(seed))
    asked = [(model, budget) for model in MODELS for budget in (90, 700, 2500, 9000)]
    asked += [("gpt-4o", 30_000)]

    async def windows():
        return [
            await rendered(contexts, format=form, model=model, budget=budget)
            for model, budget in asked
        ]

    by_outlines = await windows()
    monkeypatch.setattr(Tally, "reckoned", lambda *_: None)
    by_texts = await windows()
    for one, other in zip(by_outlines, by_texts, strict=True):
        keeps_the_rules(one)
        assert orjson.dumps(one.view()) == orjson.dumps(other.view())


@pytest.mark.parametrize("entries", ["recent", "summary_and_recent"])
@pytest.mark.parametrize("model", ["gpt-4o", "claude-opus-4-8"])
async def test_only_what_is_shown_is_read(contexts, opened, entries, model):
    await said(contexts, *turns(100))
    source = {"context": CHAT, "entries": entries}
    window = await opened(contexts, source, budget=4000, model=model)
    shown = {
        seq for row in window.ledger if row.kept for a, b in row.seqs for seq in range(a, b + 1)
    }
    assert 20 < len(shown) < 150
    assert set(opened.seqs) - {1, 2} == shown


@pytest.fixture
def choices(monkeypatch):
    """One item for each time that a window was chosen."""
    made = []
    choose = Assembler._choose

    def counting(assembler, room):
        made.append(room)
        return choose(assembler, room)

    monkeypatch.setattr(Assembler, "_choose", counting)
    return made


async def test_what_costs_as_its_outlines_told_is_chosen_once(contexts, choices):
    await said(contexts, *turns(100))
    window = await rendered(contexts, budget=4000)
    keeps_the_rules(window)
    assert len(choices) == 1


async def test_what_was_told_wrong_is_chosen_anew(contexts, choices):
    await said(contexts, *turns(100), ("user", " \n "))
    window = await rendered(contexts, budget=4000)
    keeps_the_rules(window)
    assert len(choices) == 2


async def test_a_window_of_16_000_tokens_is_made_without_asking_a_thread(contexts, monkeypatch):
    texts = [(role, f"{role} {'station ' * 30}") for role in ("user", "assistant") * 280]
    for start in range(0, len(texts), 100):
        await said(contexts, *texts[start : start + 100])
    await rendered(contexts)
    await rendered(contexts, model="gpt-4")  # both counters are there
    asked = []
    original = aside.asyncio.to_thread

    async def to_thread(work, *args, **kwargs):
        asked.append(work)
        return await original(work, *args, **kwargs)

    monkeypatch.setattr(aside.asyncio, "to_thread", to_thread)
    window = await rendered(contexts, budget=16_000)
    assert window.total > 8000
    assert asked == []
    await rendered(contexts, budget=16_000, model="gpt-4")  # all of it has to be counted
    assert asked


async def test_a_mark_in_a_text_breaks_no_budget(contexts):
    window = await rendered(contexts, budget=500)
    await said(contexts, ("user", "What?"), ("assistant", "That."))
    (mark,) = {word for word in str(await marked(contexts)).split("`") if len(word) == 8}
    texts = [(role, f"{text} {mark}" * 3) for role, text in turns(40)]
    await said(contexts, *texts)
    for budget in range(200, 4000, 137):
        window = await rendered(contexts, budget=budget)
        assert window.total <= budget
        assert mark not in orjson.dumps(window.input["messages"]).decode()


async def marked(contexts):
    return (await rendered(contexts, format="markdown")).input


async def test_a_text_of_blanks_is_no_message(contexts):
    await said(contexts, *turns(30), ("user", " \n "), ("user", "Well?"))
    window = await rendered(contexts, budget=600)
    keeps_the_rules(window)
    (row,) = [row for row in window.ledger if row.reason == "empty"]
    assert row.seqs == [[61, 61]]
    assert sum(row.kept + row.dropped for row in window.ledger) == 62


async def test_what_is_erased_between_choosing_and_reading_is_not_shown(contexts, monkeypatch):
    await said(contexts, *turns(30), ("user", "my secret"), ("assistant", "kept"))
    read = outlines.read

    async def late(log, reads, units):
        redact = [Redact(log.key, 61)]
        await contexts.writer.write(LOCAL_ADMIN, [Intent(Verb.WRITE, log.key)], lambda: redact)
        monkeypatch.setattr(outlines, "read", read)
        await read(log, reads, units)

    monkeypatch.setattr(outlines, "read", late)
    window = await rendered(contexts, budget=600)
    assert "secret" not in str(window.input)
    assert "kept" in str(window.input)
    (row,) = [row for row in window.ledger if row.reason == "redacted"]
    assert row.seqs == [[61, 61]]


async def test_one_message_longer_than_the_room_is_cut_when_it_was_read(contexts):
    await said(contexts, *turns(10), ("user", "word " * 3000), ("assistant", "Yes."))
    window = await rendered(contexts, budget=1000)
    assert window.total <= 1000
    assert "characters cut" in str(window.input)
    assert [row.seqs for row in window.ledger if row.reason == "cut"] == [[[21, 21]]]
