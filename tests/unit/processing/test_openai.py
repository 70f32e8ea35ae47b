"""Chat Completions messages and ChatGPT's export keep all of a message."""

import pytest

from processing_formats import items, metadata, one, reason, shown, state

CALL = {"type": "tool_call", "id": "c1", "name": "weather"}


def chat(*messages, **more):
    return {"messages": list(messages), **more}


def test_roles_and_text_stay_as_they_are():
    said = [("system", "be brief"), ("developer", "no lists"), ("user", "hi"), ("assistant", "ho")]
    messages = [{"role": role, "content": content} for role, content in said]
    assert shown(one("openai", chat(*messages))) == said


def test_tool_calls_and_their_results_become_typed_parts():
    call = {"id": "c1", "type": "function"}
    made = one(
        "openai",
        chat(
            {
                "role": "assistant",
                "content": "let me look",
                "tool_calls": [
                    call | {"function": {"name": "weather", "arguments": '{"in": "Rome"}'}}
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "sunny"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [call | {"function": {"name": "weather", "arguments": '{"in": '}}],
            },
        ),
    )
    assert shown(made) == [
        (
            "assistant",
            [{"type": "text", "text": "let me look"}, CALL | {"arguments": {"in": "Rome"}}],
        ),
        ("tool", [{"type": "tool_result", "tool_call_id": "c1", "content": "sunny"}]),
        ("assistant", [CALL | {"arguments": '{"in": '}]),
    ]


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ('{"a": 1, "a": 1}', {"a": 1}),
        ('{"a": 1, "a": 2}', '{"a": 1, "a": 2}'),
        ("[1]", "[1]"),
        ("NaN", "NaN"),
        ('{"a": NaN}', '{"a": NaN}'),
        ('{"a": 99999999999999999999}', '{"a": 99999999999999999999}'),
        ("[" * 5000, "[" * 5000),
        ("", ""),
        (None, {}),
    ],
)
def test_arguments_become_an_object_only_where_nothing_is_lost(written, kept):
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": written}}
    made = one("openai", chat({"role": "assistant", "tool_calls": [call]}))
    assert shown(made)[0][1][0]["arguments"] == kept


def test_custom_tools_and_the_functions_of_old_are_calls_too():
    custom = {"id": "c1", "type": "custom", "custom": {"name": "shell", "input": "ls"}}
    made = one(
        "openai",
        chat(
            {"role": "assistant", "tool_calls": [custom]},
            {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "1"},
        ),
    )
    assert [content[0] for _, content in shown(made)] == [
        {"type": "tool_call", "id": "c1", "name": "shell", "arguments": "ls", "custom": True},
        {"type": "tool_call", "id": "call_1", "name": "f", "arguments": {}},
        {"type": "tool_result", "tool_call_id": "call_1", "content": "1"},
    ]


def test_images_and_refusals_are_parts_and_the_rest_of_a_message_is_kept_for_its_provider():
    image = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    made = one(
        "openai",
        chat(
            {
                "role": "user",
                "content": [{"type": "text", "text": "what is it"}, image],
                "name": "a",
            },
            {"role": "assistant", "content": None, "refusal": "no", "weight": 0},
        ),
    )
    assert shown(made) == [
        (
            "user",
            [
                {"type": "text", "text": "what is it"},
                {"type": "image", "url": "https://example.com/a.png"},
            ],
        ),
        ("assistant", [{"type": "refusal", "text": "no"}]),
    ]
    members = [each["openai"]["members"] for each in metadata(made)]
    assert members == [{"name": "a"}, {"weight": 0}]


def test_what_the_api_would_refuse_but_logs_hold_is_brought_into_its_form():
    call = {"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}}
    made = one(
        "openai",
        chat(
            {"role": "user", "content": None},
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": {"b": 2}},
            {"role": "tool", "tool_call_id": "c1", "content": None},
        ),
    )
    assert [content for _, content in shown(made)] == [
        "",
        [{"type": "tool_call", "id": "c1", "name": "f", "arguments": {"a": 1}}],
        [{"type": "tool_result", "tool_call_id": "c1", "content": '{"b":2}'}],
        [{"type": "tool_result", "tool_call_id": "c1", "content": ""}],
    ]


def test_what_belongs_to_the_request_is_in_the_state():
    made = one("openai", chat({"role": "user", "content": "x"}, model="gpt-x", tools=[{"a": 1}]))
    assert state(made)["request"] == {"model": "gpt-x", "tools": [{"a": 1}]}


def test_a_line_without_an_id_is_named_by_what_it_says_and_a_whole_file_by_its_name():
    value = chat({"role": "user", "content": "x"})
    first, again = items("openai", value, value)
    assert first.id == again.id
    assert one("openai", chat({"role": "user", "content": "y"})).id != first.id
    assert one("openai", value, name="folder/my chat.json").id == "my chat"


def test_a_line_of_a_batch_is_named_by_its_custom_id():
    line = {"custom_id": "req-7", "url": "/v1/x", "body": chat({"role": "user", "content": "x"})}
    assert one("openai", line).name == "req-7"


def test_what_is_no_conversation_says_why():
    assert "messages" in reason("openai", {"prompt": "x", "completion": "y"})
    assert "as openai-responses does" in reason("openai", {"input": "hello"})
    assert "message" in reason("openai", chat("hello"))
    assert "/messages/0/role" in reason("openai", chat({"content": "x"}))
    assert "/messages/0/tool_calls" in reason(
        "openai", chat({"role": "assistant", "tool_calls": {"id": "c1"}})
    )
    assert "is spelled messages here" in reason("openai", chat() | {"Messages": []})


def node(parent, role, content, **more):
    author = {"role": role, "name": more.pop("name", None), "metadata": {}}
    message = {"id": "m", "author": author, "content": content, **more}
    return {"id": "n", "parent": parent, "children": [], "message": message}


def text(*parts):
    return {"content_type": "text", "parts": list(parts)}


EXPORT = {
    "title": "Trip",
    "create_time": 1700000000.5,
    "conversation_id": "abc-1",
    "current_node": "n6",
    "mapping": {
        "root": {"id": "root", "message": None, "parent": None, "children": ["n1"]},
        "n1": node("root", "user", text("hello"), create_time=1700000001.25, status="done"),
        "n2": node("n1", "assistant", text("an old answer")),
        "n3": node(
            "n1",
            "assistant",
            {"content_type": "code", "language": "python", "text": "1+1"},
            recipient="python",
        ),
        "n4": node("n3", "tool", {"content_type": "execution_output", "text": "2"}, name="python"),
        "n5": node(
            "n4", "assistant", text("it is 2"), recipient="all", metadata={"model_slug": "g"}
        ),
        "n6": node(
            "n5",
            "user",
            {
                "content_type": "multimodal_text",
                "parts": [
                    {"content_type": "image_asset_pointer", "asset_pointer": "file-1"},
                    "see",
                ],
            },
        ),
    },
}


def test_the_export_of_chatgpt_is_read_along_its_current_path():
    made = one("openai", [EXPORT], name="conversations.json")
    assert made.name == "abc-1"
    assert shown(made) == [
        ("user", "hello"),
        ("assistant", [{"type": "tool_call", "id": "n3", "name": "python", "arguments": "1+1"}]),
        (
            "tool",
            [
                {
                    "type": "tool_result",
                    "tool_call_id": "n3",
                    "name": "python",
                    "content": [
                        {
                            "type": "text",
                            "text": "2",
                            "extra": {"chatgpt": {"content_type": "execution_output"}},
                        }
                    ],
                }
            ],
        ),
        ("assistant", "it is 2"),
        (
            "user",
            [
                {
                    "type": "other",
                    "provider": "chatgpt",
                    "value": {"content_type": "image_asset_pointer", "asset_pointer": "file-1"},
                },
                {"type": "text", "text": "see"},
            ],
        ),
    ]
    assert [entry.id for entry in made.entries] == ["n1", "n3", "n4", "n5", "n6"]


def test_the_export_of_chatgpt_keeps_times_and_facts():
    made = one("openai", [EXPORT], name="conversations.json")
    assert state(made) == {
        "source": {"format": "chatgpt", "id": "abc-1"},
        "title": "Trip",
        "create_time": "2023-11-14T22:13:20.500000Z",
        "current_node": "n6",
        "messages_on_other_branches": 1,
    }
    assert metadata(made)[0] == {"create_time": "2023-11-14T22:13:21.250000Z", "status": "done"}
    assert metadata(made)[3] == {"metadata": {"model_slug": "g"}}


def test_a_tree_that_does_not_hang_together_says_so():
    assert "broken" in reason("openai", EXPORT | {"current_node": "elsewhere"})
    circle = {"a": {"parent": "b"}, "b": {"parent": "a"}}
    assert "broken" in reason("openai", EXPORT | {"mapping": circle, "current_node": "a"})
