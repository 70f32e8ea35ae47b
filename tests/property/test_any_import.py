"""Whatever a file holds, an import reads it or says what is wrong with it."""

import io
import json

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstory.domain.parts import violations
from backstory.processing.conversations import Bad, ContentPiece, Conversation
from backstory.processing.sources import SOURCES, read

BOUNDED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])

WORDS = st.sampled_from(
    [
        "user",
        "assistant",
        "tool",
        "function",
        "system",
        "developer",
        "model",
        "human",
        "text",
        "thinking",
        "tool_use",
        "tool_result",
        "function_call",
        "function_call_output",
        "reasoning",
        "message",
        "image",
        "image_url",
        "refusal",
        "a/b",
        "x",
    ]
)
NAMES = st.sampled_from(
    [
        "role",
        "content",
        "type",
        "text",
        "id",
        "name",
        "tool_calls",
        "function_call",
        "function",
        "arguments",
        "custom",
        "refusal",
        "tool_call_id",
        "tool_use_id",
        "input",
        "thinking",
        "source",
        "url",
        "messages",
        "parts",
        "contents",
        "chat_messages",
        "uuid",
        "sender",
        "attachments",
        "extracted_content",
        "mapping",
        "current_node",
        "conversation_id",
        "message",
        "author",
        "recipient",
        "content_type",
        "parent",
        "functionCall",
        "functionResponse",
        "response",
        "call_id",
        "output",
        "summary",
        "context",
        "kind",
        "state",
        "entries",
        "media_type",
        "size",
        "offset",
        "data",
        "system",
        "params",
        "body",
        "custom_id",
        "n",
    ]
)
LEAF = (
    st.none() | st.booleans() | st.integers(-1, 3) | WORDS | st.floats(0, 2) | st.text(max_size=3)
)
VALUE = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=14,
)
BEGINNINGS = {
    "openai": ("messages", "mapping"),
    "openai-responses": ("input",),
    "anthropic": ("messages", "chat_messages"),
    "gemini": ("contents",),
    "jsonl": ("content", "entries", "role"),
}
SPEAKERS = st.sampled_from(["user", "assistant", "tool", "function", "system", "model", "human"])
PART = st.builds(
    lambda kind, more: more | {"type": kind},
    WORDS | VALUE,
    st.dictionaries(NAMES, VALUE, max_size=5),
)
CALL = st.fixed_dictionaries({"function": VALUE}, optional={"id": LEAF, "type": WORDS})
MESSAGE = st.fixed_dictionaries(
    {"role": SPEAKERS, "sender": st.sampled_from(["human", "assistant"]), "uuid": WORDS},
    optional={
        "content": st.lists(PART, max_size=3) | VALUE,
        "parts": st.lists(st.dictionaries(NAMES, VALUE, max_size=3), max_size=3),
        "tool_calls": st.lists(CALL, max_size=2) | VALUE,
        "function_call": VALUE,
        "attachments": st.lists(st.dictionaries(NAMES, VALUE, max_size=3), max_size=2) | VALUE,
        "text": VALUE,
        "name": LEAF,
    },
)
MESSAGES = st.lists(MESSAGE, max_size=3)
NODE = st.fixed_dictionaries(
    {
        "author": st.fixed_dictionaries({"role": SPEAKERS}, optional={"name": LEAF}),
        "content": st.fixed_dictionaries(
            {"content_type": WORDS}, optional={"parts": st.lists(PART | LEAF), "text": VALUE}
        ),
    },
    optional={"recipient": LEAF, "create_time": LEAF, "metadata": VALUE},
)
TREE = NODE.map(lambda said: {"n": {"message": said, "parent": None}})


@pytest.mark.parametrize("source", sorted(SOURCES))
def test_any_json_is_read_into_parts_that_every_format_reads_or_told(source):
    @BOUNDED
    @given(
        st.data(),
        st.dictionaries(NAMES, VALUE, max_size=5),
        st.sampled_from(BEGINNINGS.get(source, ("turns", "utterances"))),
    )
    def prove(data, value, member):
        named = {"uuid": "c", "conversation_id": "c", "current_node": "n"}
        drawn = TREE if member == "mapping" else MESSAGES | st.lists(PART, max_size=3)
        around = {"context": "a/b"} if source == "jsonl" else value | named
        line = around | {member: data.draw(drawn)}
        text = json.dumps(line) + "\n" + json.dumps(data.draw(VALUE)) + "\n"
        for item in read(SOURCES[source], io.BytesIO(text.encode()), "any.jsonl"):
            assert isinstance(item, Conversation | ContentPiece | Bad)
            assert not isinstance(item, Bad) or item.reason
            if isinstance(item, Conversation) and source != "jsonl":  # which is kept as it is
                contents = [orjson.loads(entry.content) for entry in item.entries]
                assert [wrong for content in contents for wrong in violations(content)] == []

    prove()
