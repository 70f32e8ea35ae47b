"""The index of words: off, on, and turned on or off later."""

import pytest

from backstory.errors import SearchDisabledError
from backstory.storage.sqlite import open_store
from backstory.testing import FakeClock
from backstory.testing.scene import Scene


@pytest.fixture
async def opened(tmp_path):
    stores = []

    async def opened(*, search):
        while stores:
            await stores.pop().aclose()
        clock = FakeClock()
        stores.append(await open_store(tmp_path / "s.db", clock=clock, search=search))
        return Scene(stores[0], clock)

    yield opened
    while stores:
        await stores.pop().aclose()


async def test_without_an_index_search_says_so_and_lists_still_work(opened):
    scene = await opened(search=False)
    await scene.put("chat", {"text": "tea"}, labels=("x",))
    await scene.append("chat", "tea")
    with pytest.raises(SearchDisabledError):
        await scene.found("tea")
    assert await scene.found(label="x") == {"chat"}
    await scene.redact("chat", 1)
    await scene.purge("chat")


async def test_an_index_that_is_turned_on_later_has_everything(opened):
    scene = await opened(search=False)
    await scene.put("chat", {"text": "green tea"})
    await scene.append("chat", "black tea", "white tea")
    await scene.redact("chat", 2)
    scene = await opened(search=True)
    assert await scene.found("tea") == {"chat", "chat#1"}
    await scene.patch("chat", {"text": "coffee"})
    assert await scene.found("tea") == {"chat#1"}
    scene = await opened(search=False)
    await scene.append("chat", "more tea")
    scene = await opened(search=True)
    assert await scene.found("tea") == {"chat#1", "chat#3"}


async def test_words_that_move_within_a_state_are_counted_once(opened):
    scene = await opened(search=True)
    await scene.put("a", {"x": "tea tea", "y": "tea"})
    await scene.patch("a", {"x": "tea", "z": ["tea", "tea"]})
    await scene.patch("a", {"y": None, "x": "coffee"})
    assert await scene.found("tea") == {"a"}
    await scene.patch("a", {"z": None})
    assert await scene.found("tea") == set()
    assert await scene.found("coffee") == {"a"}
