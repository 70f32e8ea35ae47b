"""What is counted when it is written is not counted again, and costs what it would cost then."""

import apsw
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.domain.keys import ContextKey
from backstory.domain.principals import LOCAL_ADMIN
from backstory.ports.store import EntryQuery
from backstory.processing.formats import FORMATS
from backstory.rendering import counters
from backstory.rendering.counters import COUNTERS, Tally, count_stored
from backstory.rendering.messages import Message
from backstory.rendering.outputs import Content, ProviderOutput
from windows import CHAT, FORMS, PROVIDERS, call_of, rendered, result_of, said, turns

DERIVED = ("gpt-4o", "claude-opus-9")
HIDDEN = "\N{TAG LATIN CAPITAL LETTER A}\N{TAG LATIN CAPITAL LETTER B}"


async def kept(contexts, name=CHAT):
    view = await contexts.reader.view(LOCAL_ADMIN, ContextKey.parse(name))
    page = await contexts.store.page(LOCAL_ADMIN.tenant, view.chain, EntryQuery(limit=1000))
    return [entry.tokens for entry in page.entries]


@pytest.fixture
def tokenised(monkeypatch):
    """The texts that were counted and not known."""
    texts = []

    class Watched:
        def __init__(self, vocabulary):
            self._vocabulary = vocabulary

        def encode_ordinary(self, text):
            texts.append(text)
            return self._vocabulary.encode_ordinary(text)

    load = counters._load
    monkeypatch.setattr(counters, "_load", lambda name: Watched(load(name)))
    return texts


async def test_entries_keep_the_tokens_of_the_text_that_transforms_left(contexts):
    await said(contexts, ("user", f"to{HIDDEN}day"), call_of(1), result_of(1, "sunny"))
    assert await kept(contexts) == [count_stored("today"), None, count_stored("sunny")]


@pytest.mark.parametrize("model", DERIVED)
@pytest.mark.parametrize("form", PROVIDERS)
async def test_a_window_counts_no_message_again(contexts, tokenised, form, model):
    await said(contexts, *turns(20), call_of(1), result_of(1, "found " * 50))
    tokenised.clear()
    window = await rendered(contexts, model=model, format=form, budget=800)
    shown = orjson.dumps(window.input).decode()
    assert any(row.kept > 3 for row in window.ledger)
    # Roles, ids and names are counted, and results that Gemini wants as JSON: nothing else is.
    long = [text for text in tokenised if len(text) > 30 and not text.startswith('{"output"')]
    assert [text for text in long if text in shown] == []


@pytest.mark.parametrize("model", [*DERIVED, "gemini-9", "llama-3"])
@pytest.mark.parametrize("form", FORMS)
async def test_entries_that_were_never_counted_cost_the_same(contexts, tmp_path, form, model):
    said_before = [*turns(10), call_of(1), result_of(1, "föund " * 50), ("user", "東京?")]
    await said(contexts, *said_before)
    counted = await rendered(contexts, model=model, format=form, budget=500)
    connection = apsw.Connection(str(tmp_path / "store.db"))
    connection.set_busy_timeout(10_000)
    connection.execute("UPDATE entries SET tokens = NULL")
    connection.close()
    assert set(await kept(contexts)) == {None}
    again = await rendered(contexts, model=model, format=form, budget=500)
    assert orjson.dumps(again.view()) == orjson.dumps(counted.view())


words = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)


@settings(deadline=None)
@given(st.sampled_from(list(COUNTERS.values())), words)
def test_a_count_that_was_kept_gives_what_counting_gives(counter, text):
    tally = Tally(counter)
    tally.know(text, count_stored(text))
    assert tally.count(text) == counter.count(text)


@pytest.mark.parametrize("form", PROVIDERS)
@settings(deadline=None)
@given(said=st.lists(st.tuples(st.sampled_from(["user", "assistant"]), words), max_size=6))
def test_plain_texts_are_written_as_the_format_writes_them(form, said):
    """`outputs._PLAIN` is a shortcut past the format, and nothing else."""
    messages = [Message(role, ({"type": "text", "text": text},), "mark") for role, text in said]
    output = ProviderOutput(FORMATS[form], Tally(COUNTERS["o200k_base"]))
    payload, lost = output._rendered((), messages)
    (found,) = payload.values()
    entries = [{"role": message.role, "content": message.bare} for message in messages]
    (listed,) = FORMATS[form].render(entries).payload.values()
    if form == "anthropic":  # where breakpoints stand on blocks
        listed = [
            {**each, "content": [{"type": "text", "text": each["content"]}]} for each in listed
        ]
    assert (orjson.dumps(found), lost) == (orjson.dumps(listed), [])
    assert isinstance(output.write(Content([], [], messages)).tokens, int)
