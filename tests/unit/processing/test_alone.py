"""Parts in a provider's form that were kept as they came are read by every format."""

import pytest

from backstory.domain.parts import PARTS, violations
from backstory.processing.formats import FORMATS
from backstory.processing.formats.alone import read_alone

URL = "https://example.com/a.png"
DATA = {"media_type": "image/png", "data": "aGk="}


def text(words, **more):
    return {"type": "text", "text": words, **more}


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        ({"type": "image_url", "image_url": {"url": URL}}, {"type": "image", "url": URL}),
        ({"type": "input_image", "image_url": URL}, {"type": "image", "url": URL}),
        (
            {"type": "image", "source": {"type": "base64", **DATA}},
            {"type": "image", "source": DATA},
        ),
        ({"type": "input_text", "text": "a"}, text("a")),
        ({"type": "output_text", "text": "a"}, text("a")),
        (
            {"type": "function", "id": "c", "function": {"name": "f", "arguments": '{"a":1}'}},
            {"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 1}},
        ),
        (
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "tool_call", "id": "c", "name": "f", "arguments": {}},
        ),
        (
            {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}},
            {"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 1}},
        ),
        (
            {"type": "tool_result", "tool_use_id": "c", "content": [text("a")]},
            {"type": "tool_result", "tool_call_id": "c", "content": [text("a")]},
        ),
        (
            {"type": "function_call_output", "call_id": "c", "output": "a"},
            {"type": "tool_result", "tool_call_id": "c", "content": "a"},
        ),
        ({"type": "refusal", "refusal": "no"}, {"type": "refusal", "text": "no"}),
        (
            {"type": "thinking", "thinking": "hm", "signature": "s"},
            {"type": "reasoning", "provider": "anthropic", "text": "hm", "signature": "s"},
        ),
        (text("a", extra={"gemini": {"b": 1}}), text("a", extra={"gemini": {"b": 1}})),
    ],
)
def test_what_a_provider_calls_otherwise_is_the_same_part(raw, part):
    assert read_alone(raw) == part
    assert violations([part]) == []


def test_members_that_may_be_anybodys_are_nobodys_and_are_never_sent():
    part = read_alone(text("a", cache_control={"type": "ephemeral"}))
    assert part == text("a", extra={"unknown": {"cache_control": {"type": "ephemeral"}}})
    for form in FORMATS.values():
        rendered = form.render([{"role": "user", "content": [part]}])
        assert "ephemeral" not in str(rendered.payload)
        assert [loss.pointer for loss in rendered.losses][-1:] == ["/0/content/0/extra/unknown"]


def test_members_that_only_one_provider_can_mean_go_back_to_it():
    use = {"type": "tool_use", "id": "c", "name": "f", "input": {}, "cache_control": {"type": "x"}}
    entries = [{"role": "assistant", "content": [read_alone(use)]}]
    assert FORMATS["anthropic"].render(entries).payload["messages"][0]["content"] == [use]


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        (
            {"type": "tool_call", "id": "c", "name": "f", "arguments": {}, "service": "S"},
            {"type": "tool_call", "id": "c", "name": "f", "arguments": {}},
        ),
        (
            {"type": "tool_result", "tool_call_id": "c", "content": [{"type": "odd", "x": 1}]},
            {
                "type": "tool_result",
                "tool_call_id": "c",
                "content": [
                    {"type": "other", "provider": "unknown", "value": {"type": "odd", "x": 1}}
                ],
            },
        ),
    ],
)
def test_parts_of_ours_with_more_in_them_say_what_they_say(raw, kept):
    part = read_alone(raw)
    assert {name: value for name, value in part.items() if name != "extra"} == kept
    assert part.get("extra", {}).get("unknown", {}) == {
        name: value for name, value in raw.items() if name not in kept
    }


@pytest.mark.parametrize(
    "raw",
    [
        {"type": "odd"},
        {"type": "tool_use", "id": None},
        {"type": "text", "text": 7},
        {"type": "image_url", "image_url": 7},
        {"type": ["text"]},
        {"type": "text", "text": "a", "extra": 7},
        {"type": "image", "url": "a", "source": {"file_id": "b"}},
        *({"type": kind} for kind in PARTS if kind not in {"tool_result", "reasoning"}),
    ],
)
def test_what_nobody_knows_is_kept_for_nobody(raw):
    part = read_alone(raw)
    assert violations([part]) == []
    said = part if part["type"] != "other" else part["value"]
    assert said["type"] == raw["type"]
