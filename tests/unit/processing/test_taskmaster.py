"""Taskmaster dialogs keep each call and each result, in order."""

from backstory.processing.conversations import Bad
from processing_formats import items, metadata, one, reason, shown, state


def annotated(*annotations):
    return {
        "conversation_id": "dlg-1",
        "vertical": "Coffee",
        "scenario": "Auto template 1",
        "instructions": None,
        "utterances": [
            {
                "index": 0,
                "speaker": "user",
                "text": "one latte",
                "segments": [{"start": 4}],
                "annotations": [
                    {"name": name, "value": value, "context": at} for name, value, at in annotations
                ],
            },
            {"index": 1, "speaker": "assistant", "text": "ok", "segments": [], "annotations": []},
        ],
    }


def test_the_calls_stand_between_what_the_user_and_the_assistant_say():
    dialog = annotated(
        ("api_call", "find", "api_call_0"),
        ("request", '{"query": "latte"}', "api_call_0"),
        ("api_response", "find", "api_response_0"),
        ("response", '{"id": 7}', "api_response_0"),
        ("api_call", "order", "api_call_1"),
        ("request", '{"id": ""7""}', "api_call_1"),
        ("api_response", "order", "api_response_1"),
        ("response", "done", "api_response_1"),
    )
    call, result = {"type": "tool_call"}, {"type": "tool_result"}
    assert shown(one("taskmaster", dialog)) == [
        ("user", "one latte"),
        (
            "assistant",
            [call | {"id": "api_call_0", "name": "find", "arguments": {"query": "latte"}}],
        ),
        ("tool", [result | {"tool_call_id": "api_call_0", "name": "find", "content": '{"id": 7}'}]),
        ("assistant", [call | {"id": "api_call_1", "name": "order", "arguments": '{"id": ""7""}'}]),
        ("tool", [result | {"tool_call_id": "api_call_1", "name": "order", "content": "done"}]),
        ("assistant", "ok"),
    ]


def test_calls_made_together_stay_together_and_one_without_a_request_has_no_arguments():
    dialog = annotated(
        ("api_call", "a", "api_call_0"),
        ("api_call", "b", "api_call_1"),
        ("api_response", "a", "api_response_0"),
        ("response", "1", "api_response_0"),
    )
    _, calls, results, _ = shown(one("taskmaster", dialog))
    assert [(part["name"], part["arguments"]) for part in calls[1]] == [("a", {}), ("b", {})]
    assert [part["content"] for part in results[1]] == ["1"]


def test_what_belongs_to_the_dialog_is_in_the_state_and_the_rest_in_metadata():
    made = one("taskmaster", annotated())
    assert made.name == "dlg-1"
    assert made.kind == "conversation"
    assert made.labels == {"source": "taskmaster", "vertical": "Coffee"}
    assert state(made) == {
        "source": {"format": "taskmaster", "id": "dlg-1"},
        "vertical": "Coffee",
        "scenario": "Auto template 1",
    }
    assert metadata(made) == [{"index": 0, "segments": [{"start": 4}]}, {"index": 1}]


def test_what_is_no_dialog_says_why():
    assert "conversation_id" in reason("taskmaster", {"utterances": []})
    assert "utterances" in reason("taskmaster", {"conversation_id": "d"})
    assert "annotation" in reason("taskmaster", annotated(("request", "{}", "api_call_0")))
    assert "role" in reason(
        "taskmaster", {"conversation_id": "d", "utterances": [{"text": "x", "annotations": []}]}
    )


def test_a_bad_dialog_does_not_keep_the_others_back():
    found = items("taskmaster", annotated(), {"conversation_id": 5}, annotated())
    assert [isinstance(item, Bad) for item in found] == [False, True, False]
    assert str(found[1].place) == "chats.jsonl:2"
