"""What goes wrong goes wrong clearly, whatever the strategy."""

from itertools import product

import pytest

from backstory.domain.principals import Principal
from backstory.errors import MissingError, RenderBudgetError, UnknownModelError
from backstory.rendering.strategies import TABLE
from mcp_serving import call, create
from windows import CHAT, FORMS, keeps_the_rules, rendered, result_of, said, summed_up, turns

LONG = "users.42/long"


def source(strategy, context=CHAT):
    more = {"query": "w1 tea long found"} if TABLE[strategy].searches else {}
    return {"context": context, "entries": strategy} | more


@pytest.fixture(params=sorted(TABLE))
def strategy(request):
    return request.param


async def test_an_empty_conversation_gives_an_empty_window(contexts, strategy):
    for form in FORMS:
        window = await rendered(contexts, source(strategy), format=form)
        keeps_the_rules(window)
        assert window.ledger == []


@pytest.mark.parametrize("strategy", sorted(set(TABLE) - {"none"}))
async def test_a_budget_below_what_must_be_there_says_by_how_much(contexts, strategy):
    await said(contexts, ("system", "rule " * 100), *turns(3))
    with pytest.raises(RenderBudgetError) as failure:
        await rendered(contexts, source(strategy), budget=50)
    missing = failure.value.context["missing"]
    assert missing == failure.value.context["needed"] - 50
    assert f"{missing} more than" in failure.value.detail
    fitting = await rendered(contexts, source(strategy), budget=50 + missing)
    assert fitting.total <= 50 + missing


async def test_a_model_nobody_knows_names_the_counters_there_are(contexts, strategy):
    with pytest.raises(UnknownModelError) as failure:
        await rendered(contexts, source(strategy), model="who-7b")
    assert "o200k_base" in failure.value.context["counters"]


async def test_a_source_that_may_not_be_read_is_as_if_it_were_not_there(contexts, strategy):
    await said(contexts, *turns(2))
    stranger = Principal("default", "eve", frozenset())
    with pytest.raises(MissingError) as there:
        await rendered(contexts, source(strategy), principal=stranger)
    with pytest.raises(MissingError) as not_there:
        await rendered(contexts, source(strategy, "users.42/none"), principal=stranger)
    assert there.value.detail.replace(CHAT, "") == not_there.value.detail.replace(
        "users.42/none", ""
    )


async def test_an_entry_larger_than_the_budget(contexts, strategy):
    await said(contexts, ("user", "HEAD " + "long " * 5000 + "TAIL"))
    for form, oversize in product(FORMS, ("cut", "drop")):
        asked = {"format": form, "budget": 500, "oversize": oversize}
        if strategy == "pinned":
            with pytest.raises(RenderBudgetError) as failure:
                await rendered(contexts, source(strategy), **asked)
            assert failure.value.context["missing"] > 4000
            continue
        window = await rendered(contexts, source(strategy), **asked)
        keeps_the_rules(window)
        assert window.total <= 500
        shown = strategy != "none" and oversize == "cut"
        assert ("HEAD " in str(window.input)) is shown
        assert ("TAIL" in str(window.input)) is shown
        assert sum(row.kept + row.dropped for row in window.ledger) == 1


async def test_tool_results_without_calls(contexts, strategy):
    await said(contexts, result_of(9, "found nothing asked for"), *turns(2))
    await said(contexts, ("tool", "found, bare"), result_of(8, "found late"))
    for form in FORMS:
        window = await rendered(contexts, source(strategy), format=form)
        keeps_the_rules(window)
        assert ("found late" in str(window.input)) is (strategy != "none")


async def test_a_hundred_thousand_entries_cost_what_a_few_hundred_cost(contexts, monkeypatch):
    await create(contexts, LONG)
    spoken = [{"role": "user", "content": f"w{i % 97} and more"} for i in range(1000)]
    for _ in range(100):
        await call(contexts, "append_entries", context=LONG, entries=spoken)
    await summed_up(contexts, 1, 90_000, name=LONG)
    await said(contexts, *turns(100, 10))
    read = []
    page = contexts.store.page

    async def counted(tenant, chain, query):
        found = await page(tenant, chain, query)
        read.append(len(found.entries))
        return found

    monkeypatch.setattr(contexts.store, "page", counted)
    for strategy in sorted(set(TABLE) - {"pinned"}):
        read.clear()
        await rendered(contexts, source(strategy), budget=1500)
        few = sum(read)
        read.clear()
        window = await rendered(contexts, source(strategy, LONG), budget=1500)
        assert sum(read) <= 2 * few + 300, strategy
        assert sum(row.kept + row.dropped for row in window.ledger) == 100_001
    read.clear()
    with pytest.raises(RenderBudgetError) as failure:
        await rendered(contexts, source("pinned", LONG), budget=1500)
    assert failure.value.context["missing"] > 0
    assert sum(read) <= 20_000
