"""Messages API requests and Claude's export keep all of a message."""

from backstory.processing.formats import FORMATS
from processing_formats import metadata, one, reason, shown, state

USE = {"type": "tool_use", "id": "t1", "name": "weather", "input": {"in": "Rome"}}
CALL = {"type": "tool_call", "id": "t1", "name": "weather", "arguments": {"in": "Rome"}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "sunny", "is_error": False}
GIVEN = {"type": "tool_result", "tool_call_id": "t1", "content": "sunny", "is_error": False}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "sig"}
TEXT = {"type": "text", "text": "and now?", "cache_control": {"type": "ephemeral"}}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
SEEN = {"type": "image", "source": {"media_type": "image/png", "data": "AA=="}}
THOUGHT_OF = {"type": "reasoning", "provider": "anthropic", "text": "hm", "signature": "sig"}
SAID = {
    "type": "text",
    "text": "and now?",
    "extra": {"anthropic": {"cache_control": {"type": "ephemeral"}}},
}


def test_the_system_prompt_comes_first_and_text_stays_text():
    made = one("anthropic", {"system": "be brief", "messages": [{"role": "user", "content": "hi"}]})
    assert shown(made) == [("system", "be brief"), ("user", "hi")]


def test_calls_results_thoughts_and_images_keep_their_order_and_members():
    request = {
        "model": "claude-x",
        "messages": [
            {"role": "user", "content": [IMAGE]},
            {"role": "assistant", "content": [THOUGHT, USE]},
            {"role": "user", "content": [RESULT, TEXT]},
        ],
    }
    made = one("anthropic", request)
    assert shown(made) == [
        ("user", [SEEN]),
        ("assistant", [THOUGHT_OF, CALL]),
        ("tool", [GIVEN]),
        ("user", [SAID]),
    ]
    assert state(made)["request"] == {"model": "claude-x"}


def test_results_may_hold_parts():
    nested = RESULT | {"content": [{"type": "text", "text": "a"}, IMAGE]}
    made = one("anthropic", {"messages": [{"role": "user", "content": [nested]}]})
    assert shown(made)[0][1][0]["content"] == [{"type": "text", "text": "a"}, SEEN]


def message(uuid, sender, text, content=(), **more):
    return {
        "uuid": uuid,
        "sender": sender,
        "text": text,
        "content": list(content),
        "created_at": "2026-01-01T00:00:00Z",
        "attachments": [],
        "files": [],
        **more,
    }


def test_the_export_of_claude_is_read_with_its_calls_and_attachments():
    block = {"type": "text", "text": "look", "citations": [], "start_timestamp": None}
    attached = {"file_name": "a.txt", "extracted_content": "words"}
    about = {"type": "attachment", "file_name": "a.txt"}
    export = {
        "uuid": "c-1",
        "name": "Trip",
        "chat_messages": [
            message("m1", "human", "look", [block]),
            message("m2", "assistant", "x", [USE, RESULT, {"type": "text", "text": "x"}]),
            message("m3", "human", "old form", attachments=[attached]),
            message("m4", "human", "said otherwise", [block], files=[{"file_name": "b.png"}]),
        ],
    }
    made = one("anthropic", [export], name="conversations.json")
    assert made.name == "c-1"
    assert shown(made) == [
        ("user", "look"),
        ("assistant", [CALL]),
        ("tool", [GIVEN]),
        ("assistant", "x"),
        (
            "user",
            [
                {"type": "text", "text": "old form"},
                {"type": "text", "text": "words", "extra": {"claude": about}},
            ],
        ),
        ("user", "look"),
    ]
    assert [entry.id for entry in made.entries] == ["m1", "m2", "m2:1", "m2:2", "m3", "m4"]
    assert metadata(made)[-1] == {
        "created_at": "2026-01-01T00:00:00Z",
        "text": "said otherwise",
        "files": [{"file_name": "b.png"}],
    }
    assert state(made) == {"source": {"format": "claude", "id": "c-1"}, "name": "Trip"}


def test_what_the_api_has_no_name_for_in_an_export_is_never_sent_there():
    thought = {"type": "thinking", "thinking": "hm", "summaries": [{"summary": "s"}]}
    said = {"type": "text", "text": "x", "start_timestamp": "2026-01-01T00:00:00Z"}
    unnamed = {"type": "tool_use", "id": None, "name": "weather", "input": {}}
    blocks = [thought, unnamed, {"type": "token_budget"}, said]
    made = one(
        "anthropic", {"uuid": "c", "chat_messages": [message("m", "assistant", "x", blocks)]}
    )
    ((_, parts),) = shown(made)
    assert parts[0] == {
        "type": "reasoning",
        "provider": "anthropic",
        "text": "hm",
        "extra": {"claude": {"summaries": [{"summary": "s"}]}},
    }
    assert [part.get("provider") for part in parts[1:3]] == ["claude", "claude"]
    assert parts[3]["extra"] == {"claude": {"start_timestamp": "2026-01-01T00:00:00Z"}}
    entries = [{"role": "assistant", "content": parts}]
    sent = FORMATS["anthropic"].render(entries).payload
    assert sent["messages"] == [{"role": "assistant", "content": [{"type": "text", "text": "x"}]}]


def test_what_is_no_conversation_says_why():
    assert "messages" in reason("anthropic", {"prompt": "x"})
    assert "sender" in reason(
        "anthropic", {"uuid": "c", "chat_messages": [message("m", "robot", "x")]}
    )
    assert "/messages/0/content" in reason(
        "anthropic", {"messages": [{"role": "user", "content": 5}]}
    )
