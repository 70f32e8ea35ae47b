"""render_window: a window for a model that asks for it, within the bound of an answer."""

import json

import pytest

from backstory import limits
from mcp_serving import ERAS, call, client, create, fail, say, serving
from windows import CHAT, said, stored, summed_up, turns


@pytest.mark.parametrize("mode", ERAS)
async def test_a_model_asks_for_a_window_over_the_wire(contexts, mode):
    await create(contexts)
    await say(contexts, "hello", "is there tea?")
    async with serving(contexts) as url, client(url, mode) as session:
        answer = await session.call_tool("render_window", {"sources": [{"context": CHAT}]})
    assert not answer.is_error
    found = answer.structured_content
    assert "is there tea?" in found["input"]
    assert found["versions"] == {CHAT: 2}
    assert found["truncated"] is False


async def test_every_kind_of_source_can_be_asked_for(contexts):
    await create(contexts)
    await said(contexts, ("user", "the teapot is blue"), *turns(10))
    await summed_up(contexts, 1, 10, "They spoke of a teapot.")
    await create(contexts, "team/doc", "document")
    await stored(contexts, "team/doc", "Teapots of the house")
    state = {
        "arguments": [{"name": "guest", "required": True}],
        "messages": [{"role": "user", "content": "You serve {guest}."}],
    }
    await create(contexts, "team/host", "prompt", state)
    asked = {
        "The teapot": [{"context": CHAT, "entries": "relevant", "query": "teapot"}],
        "They spoke of a teapot.": [{"context": CHAT, "entries": "summary_and_recent"}],
        "Teapots of the house": [{"context": "team/doc", "content": True}],
        "You serve Ada.": [{"context": "team/host", "arguments": {"guest": "Ada"}}],
    }
    for words, sources in asked.items():
        found = await call(contexts, "render_window", sources=sources)
        assert words.lower() in found["input"].lower(), words


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"context": CHAT, "entries": "relevant"}, "needs a query"),
        ({"context": CHAT, "entries": "clever"}, "there are recent, summary_and_recent"),
        ({"context": CHAT, "content": True}, "no content"),
        ({"context": "team/host", "arguments": {}}, "needed and not given: guest"),
        ({"context": "team/host", "arguments": {"guest": "a", "x": "y"}}, "not declared: x"),
        ({"context": CHAT, "entries": "relevant", "query": "x", "neighbours": 9}, "neighbours"),
    ],
)
async def test_what_cannot_be_rendered_says_what_to_do(contexts, source, words):
    await create(contexts)
    state = {"arguments": [{"name": "guest", "required": True}], "messages": []}
    await create(contexts, "team/host", "prompt", state)
    error = await fail(contexts, "render_window", sources=[source])
    assert words in json.dumps(error)
    assert error["next_step"]


async def test_an_answer_is_bounded_whatever_is_found(contexts):
    await create(contexts)
    for i in range(4):
        await said(contexts, *(("user", f"tea {i} {j} " + "漢" * 40) for j in range(500)))
    for strategy in ("recent", "relevant", "summary_and_recent"):
        source = {"context": CHAT, "entries": strategy}
        source |= {"query": "tea"} if strategy == "relevant" else {}
        found = await call(contexts, "render_window", sources=[source], budget=100_000)
        assert len(json.dumps(found)) <= limits.MODEL_ANSWER_BYTES
        assert found["truncated"] is True
        assert "漢" in found["input"]
