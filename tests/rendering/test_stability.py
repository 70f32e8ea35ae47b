"""A growing conversation keeps its prefix, so that a provider's prompt cache can help."""

import pytest

from mcp_serving import create
from windows import PROVIDERS, rendered, said, turns

LISTED = {
    "openai": "messages",
    "openai-responses": "input",
    "anthropic": "messages",
    "gemini": "contents",
}


def plain(message):
    """Without cache breakpoints, which are no part of what is cached."""
    if isinstance(message.get("content"), list):
        blocks = [
            {name: value for name, value in block.items() if name != "cache_control"}
            for block in message["content"]
        ]
        return message | {"content": blocks}
    return message


def repeated(before, after):
    """How many messages of the later window stood in the one before, from the front."""
    count = 0
    for old, new in zip(before, after, strict=False):
        if old != new:
            break
        count += 1
    return count


@pytest.mark.parametrize("form", PROVIDERS)
@pytest.mark.parametrize("words", [12, 20])
async def test_nine_tenths_of_the_input_repeat_the_window_before(contexts, form, words):
    await create(contexts, "users.42/prefs", "preferences", {"tone": "short"})
    await said(contexts, ("system", "Be kind."))
    before, same, total, hashes, begun = [], 0, 0, set(), set()
    spoken = list(turns(200, words))
    for i in range(0, len(spoken), 2):
        await said(contexts, *spoken[i : i + 2])
        window = await rendered(contexts, "users.42/prefs", "users.42/chat", format=form)
        after = [plain(message) for message in window.input[LISTED[form]]]
        sizes = [len(str(message)) for message in after]
        same += sum(sizes[: repeated(before, after)])
        total += sum(sizes)
        before = after
        hashes.add(window.prefix_hash)
        begun.add(str(after[:3]))
    assert same / total >= 0.9
    assert len(hashes) <= len(begun)


async def test_a_window_is_at_least_a_third_full(contexts):
    await said(contexts, *turns(150))
    for budget in range(600, 5000, 300):
        window = await rendered(contexts, budget=budget)
        assert budget * 0.3 <= window.total <= budget


async def test_breakpoints_stand_behind_instructions_data_and_the_newest(contexts):
    await create(contexts, "users.42/prefs", "preferences", {"tone": "short"})
    await said(contexts, ("system", "Be kind."), *turns(3))
    window = await rendered(contexts, "users.42/prefs", "users.42/chat", format="anthropic")
    blocks = [b for message in window.input["messages"] for b in message["content"]]
    marked = [i for i, block in enumerate(blocks) if "cache_control" in block]
    assert marked == [0, len(blocks) - 1]
    assert "cache_control" in window.input["system"][-1]
