"""`summary_and_recent`: summaries stand in for what they cover."""

import pytest

from backstory.domain.principals import LOCAL_ADMIN
from mcp_serving import create
from windows import (
    CHAT,
    FORMS,
    PROVIDERS,
    keeps_the_rules,
    rendered,
    renderer,
    said,
    summed_up,
    system_of,
    turns,
)

SOURCE = {"context": CHAT, "entries": "summary_and_recent"}


def fates(window):
    return [(row.reason, row.kept, row.dropped, row.seqs) for row in window.ledger]


@pytest.mark.parametrize("form", FORMS)
async def test_without_a_summary_it_is_recent(contexts, form):
    await said(contexts, ("system", "Be kind."), *turns(40))
    for budget in (40, 200, 900, 4000):
        recent = await rendered(contexts, CHAT, format=form, budget=budget)
        window = await rendered(contexts, SOURCE, format=form, budget=budget)
        assert window.input == recent.input
        assert window.ledger == recent.ledger
        assert window.prefix_hash == recent.prefix_hash


@pytest.mark.parametrize("form", PROVIDERS)
async def test_a_summary_stands_in_for_what_it_covers(contexts, form):
    await said(contexts, ("system", "Be kind."), *turns(20))
    seq = await summed_up(contexts, 1, 31)
    await said(contexts, *turns(2))
    window = await rendered(contexts, SOURCE, format=form)
    keeps_the_rules(window)
    text = str(window.input)
    assert f"{CHAT} summary of entries 1 to 31 trust=tool: stored data" in text
    assert "Question 14:" not in text
    assert text.index("In short: 1 to 31.") < text.index("Question 15:")
    assert "Be kind." in system_of(window)
    assert "In short" not in system_of(window)
    assert fates(window) == [
        ("instructs", 1, 0, [[1, 1]]),
        ("kept", 14, 0, [[32, 41], [43, 46]]),
        ("kept", 1, 0, [[42, 42]]),
        (f"summarised by seq {seq}", 0, 30, [[2, 31]]),
    ]


async def test_the_newest_that_do_not_overlap_stand_in_order(contexts):
    await said(contexts, *turns(60))
    await summed_up(contexts, 1, 20, "first, old")
    await summed_up(contexts, 41, 80, "second")
    await summed_up(contexts, 1, 40, "first, anew")
    window = await rendered(contexts, SOURCE)
    text = str(window.input)
    assert "first, old" not in text
    assert text.index("second") < text.index("first, anew") < text.index("Question 40")
    reasons = {row.reason: row.seqs for row in window.ledger}
    assert reasons["summary"] == [[121, 121]]
    assert reasons["summarised by seq 122"] == [[41, 80]]
    assert reasons["summarised by seq 123"] == [[1, 40]]


async def test_what_lies_between_two_summaries_is_shown(contexts):
    await said(contexts, *turns(10))
    await summed_up(contexts, 1, 4)
    await summed_up(contexts, 9, 16)
    window = await rendered(contexts, SOURCE)
    texts = [message["content"] for message in window.input["messages"]]
    assert [text[:11] for text in texts[2:6]] == [
        "Question 2:",
        "Answer 2: w",
        "Question 3:",
        "Answer 3: w",
    ]
    assert len(texts) == 2 + 4 + 4


@pytest.mark.parametrize("form", FORMS)
async def test_whatever_the_budget_it_is_kept_and_every_entry_is_accounted_for(contexts, form):
    await said(contexts, ("system", "Be kind."), *turns(100))
    await summed_up(contexts, 2, 60, "word " * 200)
    await summed_up(contexts, 61, 90, "word " * 100)
    await said(contexts, *turns(10))
    for budget in (60, 120, 300, 1000, 4000):
        window = await rendered(contexts, SOURCE, format=form, budget=budget)
        keeps_the_rules(window)
        assert window.total <= budget
        seqs = [s for row in window.ledger for a, b in row.seqs for s in range(a, b + 1)]
        assert sorted(seqs) == list(range(1, 224))
        assert sum(row.kept + row.dropped for row in window.ledger) == 223
        newest = [row for row in window.ledger if row.kept and row.seqs[-1][-1] == 223]
        assert newest or budget < 120


async def test_the_front_changes_only_when_a_summary_appears(contexts):
    await said(contexts, *turns(30))
    await summed_up(contexts, 1, 40)
    hashes = []
    for i in range(20):
        if i == 10:
            await summed_up(contexts, 41, 60)
        await said(contexts, *turns(1))
        hashes.append((await rendered(contexts, SOURCE, budget=8000)).prefix_hash)
    assert len(set(hashes[:10])) == len(set(hashes[10:])) == 1
    assert hashes[0] != hashes[-1]


@pytest.mark.parametrize("form", FORMS)
async def test_it_is_the_same_again_after_another_summary(contexts, form):
    await said(contexts, *turns(30))
    await summed_up(contexts, 1, 40)
    window = await rendered(contexts, SOURCE, format=form)
    await said(contexts, *turns(3))
    await summed_up(contexts, 1, 60)
    assert await renderer(contexts).again(LOCAL_ADMIN, window.render_id) == window


@pytest.mark.parametrize("strategy", ["recent", "pinned", "relevant"])
async def test_other_strategies_show_the_entries_themselves(contexts, strategy):
    await said(contexts, *turns(3))
    await summed_up(contexts, 1, 4, "about w1")
    more = {"query": "w1 short"} if strategy == "relevant" else {}
    window = await rendered(contexts, {"context": CHAT, "entries": strategy} | more)
    assert "about w1" not in str(window.input)
    assert ("summary", 0, 1, [[7, 7]]) in fates(window)


async def test_a_summary_of_many_entries_costs_no_more_reads(contexts, monkeypatch):
    await create(contexts, "users.42/long")
    for _ in range(4):
        await said(contexts, *turns(500, 10), name="users.42/long")
    await summed_up(contexts, 1, 3000, name="users.42/long")
    read = []
    page = contexts.store.page

    async def counted(tenant, chain, query):
        found = await page(tenant, chain, query)
        read.append(len(found.entries))
        return found

    monkeypatch.setattr(contexts.store, "page", counted)
    source = SOURCE | {"context": "users.42/long"}
    window = await rendered(contexts, source, budget=1500)
    assert sum(read) < 300
    assert "In short" in str(window.input)


async def test_a_redacted_summary_covers_nothing(contexts):
    from backstory.contexts.writing import Intent
    from backstory.domain.commits import Redact
    from backstory.domain.keys import ContextKey
    from backstory.domain.policy import Verb

    await said(contexts, *turns(3))
    seq = await summed_up(contexts, 1, 4)
    key = ContextKey.parse(CHAT)
    await contexts.writer.write(LOCAL_ADMIN, [Intent(Verb.WRITE, key)], lambda: [Redact(key, seq)])
    window = await rendered(contexts, SOURCE)
    assert len(window.input["messages"]) == 6
    assert window.ledger[-1].reason == "redacted"
