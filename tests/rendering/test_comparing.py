"""Two renders held against each other: why did the model answer differently?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.domain.keys import ContextKey
from backstory.domain.principals import LOCAL_ADMIN, Principal
from backstory.errors import MissingError, RenderGoneError
from backstory.rendering.comparing import Rendered, comparison, first_difference
from backstory.rendering.ledger import Row
from backstory.rendering.records import Record
from backstory.rendering.requests import RenderRequest, Source
from backstory.rendering.windows import Window
from mcp_serving import create
from windows import CHAT, FORMS, rendered, renderer, said, summed_up, turns


async def compared(contexts, before, after, principal=LOCAL_ADMIN):
    return await renderer(contexts).compare(principal, before.render_id, after.render_id)


@pytest.mark.parametrize("form", FORMS)
async def test_the_same_render_differs_in_nothing(contexts, form):
    await said(contexts, ("system", "Be kind."), *turns(30))
    window = await rendered(contexts, format=form, budget=700)
    found = await compared(contexts, window, window)
    assert found["parameters"] == found["ledger"] == found["entries"] == []
    assert found["first_difference"] is None
    assert found["versions"] == {CHAT: {"from": 2, "to": 2}}
    assert found["tokens"]["from"] == found["tokens"]["to"] == window.tokens


async def test_what_was_asked_for_is_compared_by_source(contexts):
    await create(contexts, "users.42/prefs", "preferences", {"tone": "short"})
    before = await rendered(contexts, CHAT, "users.42/prefs", budget=700)
    after = await rendered(
        contexts,
        {"context": CHAT, "priority": 2},
        model="claude-sonnet-4-5",
        format=None,
        budget=900,
    )
    found = await compared(contexts, before, after)
    changed = {(each["source"], each["parameter"]): each for each in found["parameters"]}
    assert changed[None, "budget"] | {"from": 700, "to": 900} == changed[None, "budget"]
    assert changed[None, "format"]["to"] == "anthropic"
    assert changed[None, "counter"]["to"] == "claude-older-estimate"
    assert changed[None, "sources"]["from"] == [CHAT, "users.42/prefs"]
    assert changed[CHAT, "priority"]["to"] == 2
    assert found["versions"]["users.42/prefs"] == {"from": 1, "to": None}
    turned = [each for each in found["ledger"] if each["source"] == "users.42/prefs"]
    assert turned == [
        {
            "source": "users.42/prefs",
            "part": "state",
            "from": {"kept": True, "reason": "kept"},
            "to": None,
            "seqs": None,
        }
    ]


async def test_entries_that_fell_out_are_named_with_the_reason(contexts):
    await said(contexts, *turns(10))
    before = await rendered(contexts, budget=900)
    await said(contexts, *turns(12))
    after = await rendered(contexts, budget=900)
    found = await compared(contexts, before, after)
    fates = {
        ((each["from"] or {}).get("reason"), (each["to"] or {}).get("reason")): each["seqs"]
        for each in found["ledger"]
    }
    assert fates["kept", "older than the window"][-1][-1] < fates[None, "kept"][0][0]
    assert fates[None, "kept"][-1][-1] == 44
    (entries,) = found["entries"]
    assert entries["only_in_from"] == fates["kept", "older than the window"]
    assert entries["only_in_to"] == fates[None, "kept"]
    assert found["versions"] == {CHAT: {"from": 2, "to": 3}}
    assert found["first_difference"] == {"pointer": "/messages/0/content", "offset": 9}


async def test_what_a_summary_took_away_is_told(contexts):
    await said(contexts, *turns(5))
    source = {"context": CHAT, "entries": "summary_and_recent"}
    before = await rendered(contexts, source)
    await summed_up(contexts, 1, 4)
    found = await compared(contexts, before, await rendered(contexts, source))
    assert [(each["to"]["reason"], each["seqs"]) for each in found["ledger"]] == [
        ("summarised by seq 11", [[1, 4]]),
        ("kept", [[11, 11]]),
    ]


async def test_both_have_to_be_there_and_readable(contexts):
    await create(contexts, "users.7/a")
    await said(contexts, *turns(2))
    mine, other = await rendered(contexts), await rendered(contexts, "users.7/a")
    reader = Principal("default", "bob", frozenset({"reader"}))
    theirs = await rendered(contexts, principal=reader)
    for pair in ((mine, theirs), (theirs, mine)):
        with pytest.raises(MissingError):
            await compared(contexts, *pair)
    with pytest.raises(MissingError):
        await compared(contexts, theirs, theirs, Principal("default", "bob", frozenset()))
    await said(contexts, *turns(2))
    await contexts.store.forget("default", ContextKey.parse(CHAT), 3)
    for pair in ((mine, other), (other, mine)):
        with pytest.raises(RenderGoneError):
            await compared(contexts, *pair)


@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        ({"a": 1, "b": [1, {"c": "xyz"}]}, {"a": 1, "b": [1, {"c": "xaz"}]}, ("/b/1/c", 1)),
        ([1, 2], [1, 2, 3], ("/2", None)),
        ({"a": 1}, {"a": 1, "b/c": 2}, ("/b~1c", None)),
        ("text", "texts", ("", 4)),
        ("text", ["text"], ("", None)),
        ({"a": None}, {"a": False}, ("/a", None)),
    ],
)
def test_the_first_difference_is_found(before, after, place):
    assert first_difference(before, after) == {"pointer": place[0], "offset": place[1]}
    assert first_difference(after, before) == {"pointer": place[0], "offset": place[1]}
    assert first_difference(before, before) is None


SPANS = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 8)).map(lambda at: [at[0], at[0] + at[1]]),
    min_size=1,
    max_size=4,
)
ROWS = st.lists(
    st.tuples(SPANS, st.booleans(), st.sampled_from(["kept", "cut", "older", "redacted"])),
    max_size=5,
)


def fate_of(rows, seq):
    """One seq looked at alone: what is shown counts as shown."""
    inside = [row for row in rows if any(first <= seq <= last for first, last in row[0])]
    found = sorted(inside, key=lambda row: not row[1])
    return {"kept": found[0][1], "reason": found[0][2]} if found else None


@given(before=ROWS, after=ROWS)
def test_the_fate_of_each_entry_is_compared(before, after):
    def rendered_as(rows):
        ledger = [
            Row(CHAT, "entries", int(kept), int(not kept), reason, None, None, seqs)
            for seqs, kept, reason in rows
        ]
        window = Window("", 0, {}, "", True, ledger, {CHAT: 1}, "", "", "text")
        request = RenderRequest([Source(CHAT)], "gpt-4o", 100)
        return Rendered(Record(request, [1], "", "text", "", [None], [None]), window)

    found = comparison(rendered_as(before), rendered_as(after))
    turned = {
        seq: (row["from"], row["to"])
        for row in found["ledger"]
        for first, last in row["seqs"]
        for seq in range(first, last + 1)
    }
    for seq in range(60):
        fates = fate_of(before, seq), fate_of(after, seq)
        assert turned.get(seq) == (fates if fates[0] != fates[1] else None)
