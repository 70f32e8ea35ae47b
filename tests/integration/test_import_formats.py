"""What was imported from one provider's requests is read over REST in the words of each provider."""

import json

import pytest

from importing import Shelf

IMAGE = "https://example.com/cat.png"
REQUESTS = {
    "openai": {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "developer", "content": "No lists."},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image_url", "image_url": {"url": IMAGE}},
                ],
            },
            {
                "role": "assistant",
                "content": "I look.",
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "classify", "arguments": '{"top":3}'},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "cat"},
            {"role": "assistant", "content": "A cat."},
        ]
    },
    "anthropic": {
        "system": "Be brief.",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is it?"},
                    {"type": "image", "source": {"type": "url", "url": IMAGE}},
                ],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Whiskers.", "signature": "c2ln"},
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "c1", "name": "classify", "input": {"top": 3}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "c1", "content": "cat"},
                    {"type": "text", "text": "Well?"},
                ],
            },
            {"role": "assistant", "content": "A cat."},
        ],
    },
    "openai-responses": {
        "instructions": "Be brief.",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What is it?"},
                    {"type": "input_image", "image_url": IMAGE},
                ],
            },
            {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "c2ln"},
            {
                "type": "function_call",
                "call_id": "c1",
                "name": "classify",
                "arguments": '{"top":3}',
            },
            {"type": "function_call_output", "call_id": "c1", "output": "cat"},
            {"type": "message", "role": "assistant", "content": "A cat."},
        ],
    },
    "gemini": {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "contents": [
            {
                "role": "user",
                "parts": [
                    {"text": "What is it?"},
                    {"fileData": {"fileUri": IMAGE, "mimeType": "image/png"}},
                ],
            },
            {
                "role": "model",
                "parts": [
                    {"text": "Whiskers.", "thought": True},
                    {"functionCall": {"id": "c1", "name": "classify", "args": {"top": 3}}},
                ],
            },
            {
                "role": "user",
                "parts": [
                    {
                        "functionResponse": {
                            "id": "c1",
                            "name": "classify",
                            "response": {"output": "cat"},
                        }
                    }
                ],
            },
            {"role": "model", "parts": [{"text": "A cat."}]},
        ],
    },
}
ONLY_THERE = ("a reasoning part", "media_type has no place")


@pytest.fixture(scope="module")
def imported(server, tmp_path_factory):
    """All of them, brought in beside the running server."""
    shelf = Shelf(tmp_path_factory.mktemp("files"))
    shelf.flag = f"--store=sqlite:///{server.store}"
    for source, request in REQUESTS.items():
        path = shelf.folder / f"{source}.json"
        path.write_text(json.dumps({"model": "x"} | request, indent=1))
        assert shelf.bring(source, path)["contexts"]["new"] == 1
    return shelf


def read(http, source, form):
    answer = http.get(
        f"/v1/contexts/imports.{source}/{source}/entries", params={"format": form, "limit": 1000}
    )
    return answer.json()


@pytest.mark.parametrize("source", REQUESTS)
def test_it_comes_back_for_its_own_provider_as_it_was(imported, http, source):
    found = read(http, source, source)
    assert found["losses"] == []
    assert found["input"] == REQUESTS[source]


@pytest.mark.parametrize("form", REQUESTS)
@pytest.mark.parametrize("source", REQUESTS)
def test_every_other_provider_gets_all_but_what_it_has_no_place_for(imported, http, source, form):
    found = read(http, source, form)
    for loss in found["losses"]:
        told = f"{loss['pointer'].rsplit('/', 1)[-1]} {loss['detail']}"
        assert not loss["dropped"] or any(word in told for word in ONLY_THERE), loss
    sent = json.dumps(found["input"])
    for words in ("Be brief.", "What is it?", IMAGE, "classify", '"cat"', "A cat.", "c1"):
        assert words in sent


def test_what_is_imported_is_not_believed_more_for_its_role(imported, http):
    for source in REQUESTS:
        entries = http.get(f"/v1/contexts/imports.{source}/{source}/entries").json()["items"]
        assert {entry["trust"] for entry in entries} == {"import"}


@pytest.mark.parametrize("source", REQUESTS)
def test_a_repeat_is_recognised_and_a_bad_line_is_told_with_its_number(imported, source, tmp_path):
    again = imported.bring(source, imported.folder / f"{source}.json")
    assert (again["contexts"]["known"], again["entries"]["new"]) == (1, 0)
    lines = imported.file(f"{source}.jsonl", REQUESTS[source], {"model": "x"}, REQUESTS[source])
    report = imported.bring(source, lines, "--skip-bad")
    first = {"openai-responses": "input", "gemini": "contents"}.get(source, "messages")
    (bad,) = report["skipped"]["items"]
    assert (bad["line"], bad["reason"].startswith(f"a conversation has {first}")) == (2, True)
