"""`relevant`: what a search finds, with what stands around it."""

from itertools import product

import pytest

from backstory.clock import SystemClock
from backstory.contexts.service import Contexts
from backstory.domain.principals import LOCAL_ADMIN, Principal
from backstory.errors import MissingError, SchemaError, SearchDisabledError, TooLargeError
from backstory.messaging.local import LocalBus
from backstory.processing.ruling import PipelineRules
from backstory.storage.sqlite import SqliteOptions, open_store
from mcp_serving import create
from windows import (
    CHAT,
    FORMS,
    call_of,
    keeps_the_rules,
    rendered,
    renderer,
    result_of,
    said,
    system_of,
    turns,
)


def asking(query, **more):
    return {"context": CHAT, "entries": "relevant", "query": query} | more


def shown(window):
    """The texts of the messages, without notes of the renderer's own."""
    return [m["content"] for m in window.input["messages"]]


def kept(window):
    return [seq for row in window.ledger if row.kept for seq in _seqs(row)]


def _seqs(row):
    return [seq for first, last in row.seqs or () for seq in range(first, last + 1)]


async def test_a_hit_stands_with_its_neighbours_and_gaps_are_told(contexts):
    spoken = list(turns(40))
    spoken[10] = ("user", "Where did I leave the teapot?")
    spoken[60] = ("user", "A teapot again.")
    await said(contexts, *spoken)
    window = await rendered(contexts, asking("teapot"))
    texts = shown(window)
    assert texts[1:4] == [spoken[9][1], spoken[10][1], spoken[11][1]]
    assert "entries 13 to 59 are not shown" in texts[4]
    assert texts[5:] == [spoken[59][1], spoken[60][1], spoken[61][1]]
    assert kept(window) == [10, 11, 12, 60, 61, 62]
    alone = await rendered(contexts, asking("teapot", neighbours=0))
    assert kept(alone) == [11, 61]


@pytest.mark.parametrize("form", FORMS)
async def test_whatever_the_budget_it_is_kept_and_every_entry_is_accounted_for(contexts, form):
    await said(contexts, ("system", "Be kind."), *turns(30))
    await said(contexts, ("user", "find tea"), call_of(1, q="tea"), result_of(1, "tea " * 30))
    await said(contexts, *turns(30), ("user", "tea"))
    for budget, neighbours in product((60, 150, 500, 3000), (0, 1, 5)):
        source = asking("tea", neighbours=neighbours)
        window = await rendered(contexts, source, format=form, budget=budget)
        keeps_the_rules(window)
        assert window.total <= budget
        assert sum(row.kept + row.dropped for row in window.ledger) == 125
        seqs = [seq for row in window.ledger for seq in _seqs(row)]
        assert sorted(seqs) == list(range(1, 126))
        assert window.ledger[0].reason == "instructs"


@pytest.mark.parametrize("form", FORMS)
async def test_a_call_and_its_result_are_shown_together_whichever_is_found(contexts, form):
    await said(contexts, *turns(5), call_of(7, q="kettle"), result_of(7, "boiling"), *turns(5))
    for query in ("kettle", "boiling"):
        window = await rendered(contexts, asking(query, neighbours=0), format=form)
        keeps_the_rules(window)
        assert kept(window) == [11, 12]


async def test_the_best_hits_are_taken_first_until_the_room_is_used(contexts):
    await said(contexts, *turns(10))
    await said(contexts, ("user", "tea and milk and sugar"))
    await said(contexts, *((role, f"tea {text}") for role, text in turns(40)))
    window = await rendered(contexts, asking("tea milk", neighbours=0), budget=300)
    assert 21 in kept(window)
    dropped = [row for row in window.ledger if row.dropped]
    assert {row.reason for row in dropped} == {"no room left", "not relevant"}
    assert all(row.tokens for row in dropped if row.reason == "no room left")
    for budget in range(80, 500, 6):
        assert 21 in kept(await rendered(contexts, asking("tea milk"), budget=budget))


async def test_any_word_of_a_question_finds(contexts):
    await said(contexts, *turns(20), ("user", "my blood group is zero"), *turns(20))
    window = await rendered(contexts, asking("what is my blood group?", neighbours=0), budget=200)
    assert 41 in kept(window)


@pytest.mark.parametrize("form", FORMS)
async def test_it_is_the_same_later_though_a_search_would_find_other_things(contexts, form):
    await said(contexts, ("system", "Be kind."), *turns(20), ("user", "tea"), *turns(20))
    window = await rendered(contexts, asking("tea"), format=form)
    assert (await rendered(contexts, asking("tea"), format=form)).input == window.input
    await said(contexts, ("user", "tea tea tea"), ("user", "tea"))
    later = await rendered(contexts, asking("tea"), format=form)
    assert later.input != window.input
    again = await renderer(contexts).again(LOCAL_ADMIN, window.render_id)
    assert again == window


async def test_only_this_context_is_searched(contexts):
    await create(contexts, "users.42/other")
    await said(contexts, *(("user", "tea") for _ in range(600)), name="users.42/other")
    await said(contexts, ("user", "tea"), *turns(3))
    assert kept(await rendered(contexts, asking("tea", neighbours=0))) == [1]


async def test_what_was_erased_is_not_found(contexts):
    from backstory.contexts.writing import Intent
    from backstory.domain.commits import Redact
    from backstory.domain.keys import ContextKey
    from backstory.domain.policy import Verb

    await said(contexts, *turns(2), ("user", "tea"), *turns(2))
    key = ContextKey.parse(CHAT)
    await contexts.writer.write(LOCAL_ADMIN, [Intent(Verb.WRITE, key)], lambda: [Redact(key, 5)])
    window = await rendered(contexts, asking("tea"))
    assert kept(window) == []
    assert sum(row.dropped for row in window.ledger) == 9


async def test_no_hit_gives_an_empty_window_that_says_so(contexts):
    await said(contexts, ("system", "Be kind."), *turns(3))
    window = await rendered(contexts, asking("nowhere"))
    assert "Be kind." in system_of(window)
    assert len(window.input["messages"]) == 1
    assert [(row.reason, row.dropped) for row in window.ledger] == [
        ("instructs", 0),
        ("not relevant", 6),
    ]


async def test_an_instruction_in_the_middle_counts_where_it_is_near_a_hit(contexts):
    await said(contexts, *turns(20), ("system", "From here on in German."), ("user", "tea?"))
    await said(contexts, *turns(20))
    assert "German" in system_of(await rendered(contexts, asking("tea")))
    assert "German" not in system_of(await rendered(contexts, asking("tea", neighbours=0)))


@pytest.mark.parametrize(
    ("source", "pointer", "words"),
    [
        ({"entries": "relevant"}, "/sources/0/query", "needs a query"),
        ({"entries": "relevant", "query": "x", "at": 1}, "/sources/0/at", "present"),
        ({"entries": "recent", "query": "x"}, "/sources/0/query", "relevant"),
        ({"query": "x"}, "/sources/0/query", "relevant"),
        ({"neighbours": 2}, "/sources/0/neighbours", "relevant"),
        ({"entries": "relevant", "query": "?!"}, "/query", "no word"),
    ],
)
async def test_a_query_that_says_nothing_is_refused(contexts, source, pointer, words):
    with pytest.raises(SchemaError, match=words) as failure:
        await rendered(contexts, {"context": CHAT} | source)
    assert failure.value.errors[0].pointer.endswith(pointer)


async def test_too_many_terms_are_refused(contexts):
    with pytest.raises(TooLargeError):
        await rendered(contexts, asking(" ".join(f"w{i}" for i in range(40))))


async def test_nobody_searches_where_they_may_not_read(contexts):
    await said(contexts, ("user", "tea"))
    with pytest.raises(MissingError):
        await rendered(contexts, asking("tea"), principal=Principal("default", "x", frozenset()))


async def test_a_store_without_search_says_so(tmp_path):
    clock = SystemClock()
    store = await open_store(SqliteOptions(tmp_path / "plain.db", search=False), clock=clock)
    contexts = Contexts(store, LocalBus(store.data_version), clock, PipelineRules())
    try:
        await create(contexts)
        await said(contexts, ("user", "tea"))
        with pytest.raises(SearchDisabledError, match="without search"):
            await rendered(contexts, asking("tea"))
        assert (await rendered(contexts)).ledger[0].kept == 1
    finally:
        await contexts.aclose()
        await store.aclose()


async def test_ids_stay_within_their_bound_however_much_is_found(contexts):
    from backstory import limits

    for i in range(3):
        await said(contexts, *(("user", f"tea {i} {j}") for j in range(700)))
    window = await rendered(contexts, asking("tea", neighbours=0), budget=100_000)
    assert len(kept(window)) == limits.RENDER_HITS
    assert len(window.render_id) < limits.RENDER_ID_BYTES / 2
