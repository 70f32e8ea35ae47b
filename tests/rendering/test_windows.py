"""A window: what is in it, in which form, and what the ledger tells."""

import pytest

from backstory.errors import RenderBudgetError, SchemaError, UnknownModelError
from backstory.rendering.requests import STRATEGIES
from mcp_serving import call, create
from windows import (
    FORMS,
    PROVIDERS,
    call_of,
    counted_apart,
    keeps_the_rules,
    rendered,
    result_of,
    said,
    turns,
)

PREFERENCES = "users.42/preferences"


@pytest.mark.parametrize("form", FORMS)
async def test_preferences_come_first_and_the_newest_message_last(contexts, form):
    await create(contexts, PREFERENCES, "preferences", {"tone": "short"})
    await said(contexts, ("system", "Be kind."), ("user", "first"), ("assistant", "second"))
    window = await rendered(contexts, "users.42/chat", PREFERENCES, format=form)
    keeps_the_rules(window)
    text = str(window.input)
    places = [text.index(word) for word in ("Be kind.", "tone", "first", "second")]
    assert places == sorted(places)
    assert window.versions == {"users.42/chat": 2, PREFERENCES: 1}
    assert window.total <= 4000


async def test_a_chat_is_counted_as_the_provider_counts_it(contexts):
    await said(contexts, ("system", "Be kind."), *turns(5))
    window = await rendered(contexts)
    assert window.total == counted_apart(window)
    assert window.exact
    assert window.counter == "o200k_base"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("budget", [40, 64, 100, 256, 1000])
async def test_whatever_the_budget_it_is_kept(contexts, form, budget):
    await said(contexts, *turns(20), call_of(1, q="tea"), result_of(1, "found " * 80))
    window = await rendered(contexts, format=form, budget=budget)
    keeps_the_rules(window)
    assert window.total <= budget
    rows = window.ledger
    assert sum(row.kept + row.dropped for row in rows) == 42


async def test_the_reserve_is_left_for_the_answer(contexts):
    await said(contexts, *turns(50))
    window = await rendered(contexts, budget=2000, reserve=1500)
    assert window.total <= 500


@pytest.mark.parametrize("form", PROVIDERS)
async def test_a_call_is_never_torn_from_its_results(contexts, form):
    for i in range(12):
        await said(
            contexts, ("user", f"search {i}"), call_of(i, q="x" * 40), result_of(i, "y" * 90)
        )
    for budget in range(60, 900, 70):
        keeps_the_rules(await rendered(contexts, format=form, budget=budget))


@pytest.mark.parametrize("form", PROVIDERS)
async def test_results_without_calls_and_calls_without_results_are_no_trouble(contexts, form):
    await said(
        contexts,
        result_of(9, "nobody asked"),
        call_of(1),
        ("user", "never mind"),
        ("tool", "bare text"),
        call_of(2),
        ("user", "and"),
        result_of(2, "late"),
    )
    window = await rendered(contexts, format=form)
    keeps_the_rules(window)
    assert "nobody asked" in str(window.input)
    assert "late" in str(window.input)
    assert [row.seqs for row in window.ledger if "without result" in row.reason] == [[[2, 2]]]


@pytest.mark.parametrize("form", FORMS)
async def test_an_empty_conversation_gives_an_empty_window(contexts, form):
    window = await rendered(contexts, format=form)
    keeps_the_rules(window)
    assert window.ledger == []


async def test_an_entry_longer_than_the_budget_keeps_head_and_tail(contexts):
    await said(contexts, ("user", "HEAD " + "word " * 9000 + "TAIL"))
    window = await rendered(contexts, budget=500)
    text = window.input["messages"][0]["content"]
    assert text.startswith("HEAD ")
    assert text.endswith("TAIL")
    assert "characters cut" in text
    assert window.ledger[0].reason == "cut"
    dropped = await rendered(contexts, budget=500, oversize="drop")
    assert dropped.input["messages"] == []
    assert dropped.ledger[0].reason == "too long"


async def test_what_is_pinned_is_kept_or_refused_with_what_is_missing(contexts):
    await create(contexts, "users.42/rules", "session", {"rule": "word " * 300})
    await said(contexts, *turns(30))
    pinned = {"context": "users.42/rules", "entries": "pinned"}
    window = await rendered(contexts, "users.42/chat", pinned, budget=600)
    assert window.ledger[-1].kept == 1
    with pytest.raises(RenderBudgetError) as failure:
        await rendered(contexts, "users.42/chat", pinned, budget=200)
    needed = 200 + failure.value.context["missing"]
    assert (await rendered(contexts, pinned, "users.42/chat", budget=needed)).total == needed


async def test_shares_and_priorities_divide_the_budget(contexts):
    await create(contexts, "users.42/other")
    await said(contexts, *turns(40))
    await said(contexts, *turns(40), name="users.42/other")
    chat = {"context": "users.42/chat", "max_share": 0.25}
    window = await rendered(contexts, chat, "users.42/other", budget=2000)
    assert window.by_source["users.42/chat"] <= 500
    assert window.by_source["users.42/other"] > 700
    other = {"context": "users.42/other", "min_share": 0.5}
    window = await rendered(contexts, "users.42/chat", other, budget=2000)
    assert window.by_source["users.42/other"] > 500
    first = {"context": "users.42/other", "priority": 5}
    window = await rendered(contexts, "users.42/chat", first, budget=1000)
    assert window.by_source["users.42/other"] > window.by_source["users.42/chat"]


async def test_models_nobody_knows_are_refused_unless_an_estimate_will_do(contexts):
    with pytest.raises(UnknownModelError) as failure:
        await rendered(contexts, model="who-7b")
    assert "o200k_base" in failure.value.detail
    window = await rendered(contexts, model="who-7b", fallback=True)
    assert (window.counter, window.exact) == ("any-estimate", False)
    assert (await rendered(contexts, model="who-7b", counter="llama3")).counter == "llama3"


async def test_a_format_follows_from_the_model(contexts):
    await said(contexts, ("user", "hi"))
    window = await rendered(contexts, model="anthropic/claude-sonnet-4-5", format=None)
    assert (window.form, window.counter) == ("anthropic", "claude-older-estimate")
    assert not window.exact


@pytest.mark.parametrize("strategy", ["clever", ""])
async def test_a_strategy_that_is_not_there_is_refused(contexts, strategy):
    with pytest.raises(SchemaError) as failure:
        await rendered(contexts, {"context": "users.42/chat", "entries": strategy})
    assert failure.value.errors[0].pointer == "/sources/0/entries"
    assert all(name in failure.value.detail for name in STRATEGIES)


async def test_parts_in_a_providers_own_form_are_understood(contexts):
    await said(
        contexts,
        ("user", [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}]),
        ("assistant", [{"type": "tool_use", "id": "t", "name": "look", "input": {"x": 1}}]),
        ("user", [{"type": "tool_result", "tool_use_id": "t", "content": "a cat"}]),
        ("assistant", [{"type": "strange", "value": 7}]),
    )
    for form in PROVIDERS:
        window = await rendered(contexts, format=form)
        keeps_the_rules(window)
        assert "a cat" in str(window.input)
        assert not window.exact


async def test_many_entries_cost_no_more_reads_than_few(contexts, monkeypatch):
    await create(contexts, "users.42/long")
    for _ in range(5):
        await said(contexts, *turns(500, 10), name="users.42/long")
    await said(contexts, *turns(100, 10))
    read = []
    page = contexts.store.page

    async def counted(tenant, chain, query):
        found = await page(tenant, chain, query)
        read.append(len(found.entries))
        return found

    monkeypatch.setattr(contexts.store, "page", counted)
    await rendered(contexts, budget=1500)
    few, read[:] = sum(read), []
    await rendered(contexts, "users.42/long", budget=1500)
    assert sum(read) <= few + 64


async def test_what_is_redacted_or_no_message_is_told(contexts):
    await said(contexts, *turns(2))
    entries = [{"role": "user", "content": "clicked", "type": "event"}]
    await call(contexts, "append_entries", context="users.42/chat", entries=entries)
    window = await rendered(contexts)
    assert [(row.reason, row.seqs) for row in window.ledger if row.dropped] == [
        ("no message", [[5, 5]])
    ]
