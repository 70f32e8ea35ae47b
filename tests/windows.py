"""Windows for tests: rendered over a real store, and held against the providers' rules."""

import json
from itertools import pairwise

import msgspec

import provider_types
from backstory.contexts.contents.storing import Sent
from backstory.domain.keys import ContextKey
from backstory.domain.principals import LOCAL_ADMIN, Principal, Trust
from backstory.processing.formats import FORMATS
from backstory.rendering.counters import COUNTERS
from backstory.rendering.requests import RenderRequest
from backstory.rendering.service import Renderer
from mcp_serving import call

FORMS = (*FORMATS, "text", "markdown")
PROVIDERS = tuple(FORMATS)
CHAT = "users.42/chat"
SUMMARISER = Principal("default", "summariser", frozenset({"admin"}), Trust.TOOL)


def renderer(contexts):
    return Renderer(
        contexts.reader, contexts.store, contexts.seal, FORMATS, finds=contexts.searcher
    )


async def rendered(contexts, *sources, principal=LOCAL_ADMIN, **more):
    """A window; sources are names or objects as in a request."""
    named = [{"context": each} if isinstance(each, str) else each for each in sources or (CHAT,)]
    raw = {"sources": named, "model": "gpt-4o", "format": "openai", "budget": 4000} | more
    return await renderer(contexts).render(principal, msgspec.convert(raw, RenderRequest))


async def said(contexts, *entries, name=CHAT, principal=LOCAL_ADMIN):
    """Appends (role, content) pairs."""
    sent = [{"role": role, "content": content} for role, content in entries]
    return await call(contexts, "append_entries", principal, context=name, entries=sent)


async def summed_up(contexts, first, last, text=None, *, name=CHAT, principal=SUMMARISER):
    """Appends a summary; returns its seq."""
    entry = {
        "role": "assistant",
        "type": "summary",
        "content": text or f"In short: {first} to {last}.",
        "metadata": {"covers": [first, last], "summariser": "test"},
    }
    answer = await call(contexts, "append_entries", principal, context=name, entries=[entry])
    return answer["first_seq"]


async def stored(contexts, name, data, media_type="text/plain", *, principal=LOCAL_ADMIN):
    """Puts content."""

    async def pieces():
        yield data if isinstance(data, bytes) else data.encode()

    await contexts.storer.put(principal, ContextKey.parse(name), Sent(pieces(), media_type))


def turns(count, words=30):
    """Pairs of question and answer, each different."""
    for i in range(count):
        text = " ".join(f"w{(i * 7 + j) % 97}" for j in range(words))
        yield "user", f"Question {i}: {text}"
        yield "assistant", f"Answer {i}: {text}"


def call_of(number, name="find", **arguments):
    part = {"type": "tool_call", "id": f"c{number}", "name": name, "arguments": arguments}
    return "assistant", [part]


def result_of(number, content):
    return "tool", [{"type": "tool_result", "tool_call_id": f"c{number}", "content": content}]


def system_of(window):
    """The text of the system slot."""
    match window.form:
        case "openai":
            spoken = [m for m in window.input["messages"] if m["role"] in ("system", "developer")]
            return json.dumps(spoken, ensure_ascii=False)
        case "openai-responses":
            return window.input.get("instructions", "")
        case "anthropic":
            return json.dumps(window.input.get("system", ""), ensure_ascii=False)
        case "gemini":
            return json.dumps(window.input.get("systemInstruction", {}), ensure_ascii=False)


def keeps_the_rules(window):
    """The provider's SDK takes it, roles alternate where they must, calls have their results."""
    if window.form not in PROVIDERS:
        assert isinstance(window.input, str)
        return
    provider_types.check(window.form, window.input)
    inner = {"anthropic": "messages", "gemini": "contents"}.get(window.form)
    if inner is not None:
        roles = [message["role"] for message in window.input[inner]]
        assert roles[:1] in ([], ["user"])
        assert all(a != b for a, b in pairwise(roles))
    if window.form == "openai":
        _chat_calls(window.input["messages"])
    if window.form == "anthropic":
        _anthropic_calls(window.input["messages"])


def _chat_calls(messages):
    """Directly behind each call stand its results, and nowhere else."""
    wanted = []
    for message in messages:
        if message["role"] == "tool":
            assert message["tool_call_id"] in wanted
            wanted.remove(message["tool_call_id"])
            continue
        assert wanted == []
        wanted = [each["id"] for each in message.get("tool_calls", ())]
    assert wanted == []


def _anthropic_calls(messages):
    wanted = set()
    for message in messages:
        kinds = [block["type"] for block in message["content"]]
        answered = {b["tool_use_id"] for b in message["content"] if b["type"] == "tool_result"}
        assert answered == wanted
        assert kinds == sorted(kinds, key=lambda kind: kind != "tool_result")
        wanted = {b["id"] for b in message["content"] if b["type"] == "tool_use"}
    assert wanted == set()


def counted_apart(window):
    """What OpenAI's published rule makes of a chat, for messages of text."""
    counter = COUNTERS["o200k_base"]
    tokens = 3
    for message in window.input["messages"]:
        tokens += 3 + counter.count(message["role"]) + counter.count(message["content"] or "")
        for each in message.get("tool_calls", ()):
            tokens += counter.count(each["function"]["name"])
            tokens += counter.count(each["function"]["arguments"])
    return tokens
