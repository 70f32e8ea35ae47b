"""Requests in any message format become conversations, what is no part of them stays beside."""

import pytest

from processing_formats import items, one, reason, shown, state

GEMINI = {
    "contents": [
        {"role": "user", "parts": [{"text": "hi"}, {"text": "there"}]},
        {"role": "model", "parts": [{"text": "ho"}]},
    ],
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
}
RESPONSES = {"instructions": "Be brief.", "input": [{"role": "user", "content": "hi"}]}


def test_a_request_is_read_as_its_format_reads_it():
    assert [role for role, _ in shown(one("gemini", GEMINI))] == ["system", "user", "assistant"]
    assert shown(one("openai-responses", RESPONSES)) == [("system", "Be brief."), ("user", "hi")]
    assert shown(one("openai-responses", {"input": "hi"})) == [("user", "hi")]


def test_what_is_no_part_of_it_is_in_the_state_and_an_id_names_it():
    conversation = one("gemini", GEMINI | {"key": "chat-1", "generationConfig": {"topK": 1}})
    assert conversation.id == "chat-1"
    assert state(conversation) == {
        "source": {"format": "gemini", "id": "chat-1"},
        "request": {"generationConfig": {"topK": 1}},
    }
    assert dict(conversation.labels) == {"source": "gemini"}


def test_an_id_that_is_none_stays_in_the_state():
    conversation = one("gemini", GEMINI | {"key": 7}, name="own.jsonl")
    assert state(conversation)["request"] == {"key": 7}
    assert conversation.id != 7


def test_a_file_that_is_one_request_names_it_and_equal_lines_are_one():
    assert one("gemini", GEMINI, name="monday.json").id == "monday"
    first, second, other = items("gemini", GEMINI, GEMINI, GEMINI | {"x": 1})
    assert first.id == second.id != other.id


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (7, "a conversation must be an object"),
        ({"contents": [{"role": "odd", "parts": []}]}, "/contents/0/role"),
        ({**GEMINI, "system_instruction": {}}, "is spelled systemInstruction here"),
    ],
)
def test_what_is_no_request_is_bad_with_its_place(value, why):
    assert why in reason("gemini", value)
