"""Words in PostgreSQL: the index off and on, and texts that its columns would not take as they are."""

import pytest

from backstory.domain.commits import Append, Put
from backstory.errors import SearchDisabledError
from backstory.storage.postgres.store import open_store
from backstory.testing import FakeClock
from backstory.testing.scene import Scene, entry, key


@pytest.fixture
async def opened(postgres_url):
    stores = []

    async def opened(*, search=True):
        while stores:
            await stores.pop().aclose()
        clock = FakeClock()
        stores.append(await open_store(postgres_url, clock=clock, search=search))
        return Scene(stores[0], clock)

    yield opened
    while stores:
        await stores.pop().aclose()


async def test_an_index_that_is_turned_on_later_has_everything(opened):
    scene = await opened(search=False)
    await scene.put("chat", {"text": "green tea"}, labels=("x",))
    await scene.append("chat", "black tea", "white tea")
    await scene.redact("chat", 2)
    with pytest.raises(SearchDisabledError):
        await scene.found("tea")
    assert await scene.found(label="x") == {"chat"}
    scene = await opened(search=True)
    assert await scene.found("tea") == {"chat", "chat#1"}
    await scene.patch("chat", {"text": "coffee"})
    await scene.append("chat", "more tea")
    assert await scene.found("tea") == {"chat#1", "chat#3"}


async def test_words_that_move_within_a_state_are_counted_once(opened):
    scene = await opened()
    await scene.put("a", {"x": "tea tea", "y": "tea"})
    await scene.patch("a", {"x": "tea", "z": ["tea", "tea"]})
    await scene.patch("a", {"y": None, "x": "coffee"})
    assert await scene.found("tea") == {"a"}
    await scene.patch("a", {"z": None})
    assert await scene.found("tea") == set()
    assert await scene.found("coffee") == {"a"}


async def test_words_longer_than_the_index_keeps_them_are_told_apart(opened):
    scene = await opened()
    one, two = "a" * 5000 + "x", "a" * 5000 + "y"
    await scene.put("state", {"text": one})
    await scene.put("chat")
    await scene.append("chat", two)
    assert await scene.found(one) == {"state"}
    assert await scene.found(two) == {"chat#1"}
    assert await scene.found("a" * 4000 + "*") == {"state", "chat#1"}
    assert await scene.found("a" * 100 + "*") == {"state", "chat#1"}


async def test_an_entry_with_more_words_than_a_vector_takes_is_found(opened):
    scene = await opened()
    text = " ".join(f"w{number:x}" for number in range(130_000))
    await scene.put("chat")
    await scene.append("chat", text, "w5 alone")
    assert await scene.found("w5") == {"chat#1", "chat#2"}
    assert await scene.found("w1fbcf") == {"chat#1"}
    assert await scene.found("w5 w6") == {"chat#1"}
    assert await scene.found("absent") == set()


async def test_a_nul_is_a_character_like_any_other(opened):
    scene = await opened()
    await scene.put("chat", {"te\0xt": "gr\0een"}, labels=("a\0b",))
    await scene.append("chat", entry("o\0ne", "i\0d"))
    assert await scene.state("chat") == {"te\0xt": "gr\0een"}
    (kept,) = await scene.entries("chat")
    assert (kept.id, await scene.texts("chat")) == ("i\0d", ["o\0ne"])
    assert (await scene.append("chat", entry("again", "i\0d"))).appended == 0
    assert await scene.found(label="a\0b") == {"chat"}
    assert await scene.found("ne") == {"chat#1"}


async def test_quotes_and_backslashes_are_words_like_any_others(opened):
    scene = await opened()
    await scene.put("chat")
    await scene.append("chat", "it's a 'quoted' \\ back\\slash & (all) | of:* <-> it!")
    assert await scene.found("it's", "back\\slash", "of") == {"chat#1"}
    assert await scene.found("'quoted'") == {"chat#1"}


async def test_many_contexts_are_made_by_one_commit(opened):
    scene = await opened()
    puts = [Put(key(f"c{number}"), "session", b'{"a":1}', (), None) for number in range(50)]
    appends = [Append(key(f"c{number}"), (entry("tea"),)) for number in range(50)]
    outcome = await scene.do(*puts, *appends)
    assert outcome.position == 50
    assert len(await scene.found("tea")) == 50
