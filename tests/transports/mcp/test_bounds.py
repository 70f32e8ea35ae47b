"""No answer floods a model, and what is cut can be read to its end."""

import json
import random

import orjson
import pytest

from backstory import limits
from backstory.domain.principals import LOCAL_ADMIN
from backstory.transports.mcp import answers
from backstory.transports.mcp.tools import TABLE
from mcp_serving import call, create, fail, say, served

ALPHABETS = {
    "ascii": "abc xyz",
    "quotes": '"\\',
    "umlauts": "äöü ",
    "kanji": "漢字かな",
    "emoji": "🙂🚀",
    "controls": "\n\t\x01",
    "commas": ",:",
}


def text_of(alphabet, length):
    return "".join(random.Random(1).choices(ALPHABETS[alphabet], k=length))


async def bounded(contexts, tool, **arguments):
    """An answer, measured in every way that a client may write it down."""
    answer = await TABLE[tool].call(served(contexts), LOCAL_ADMIN, arguments)
    assert not answer.error, answer.json
    value = json.loads(answer.json)
    for spelled in (answer.json, json.dumps(value).encode(), json.dumps(value, ensure_ascii=False)):
        assert len(spelled) <= limits.MODEL_ANSWER_BYTES
    assert answers.size(answer.json) >= len(json.dumps(value))
    return value


async def walk(contexts, tool, **arguments):
    """All answers from the first to the last."""
    found = []
    while arguments is not None:
        answer = await bounded(contexts, tool, **arguments)
        found.append(answer)
        arguments = answer["next"]
        assert len(found) < 1000
    return found


@pytest.mark.parametrize("alphabet", ALPHABETS)
async def test_a_long_state_is_read_piece_by_piece(contexts, alphabet):
    state = {"long": text_of(alphabet, 60_000), "short": 1}
    await create(contexts, state=state)
    pieces = await walk(contexts, "read_context", context="users.42/chat")
    assert len(pieces) > 1
    assert all(piece["truncated"] for piece in pieces[:-1])
    assert json.loads("".join(piece["text"] for piece in pieces)) == state


async def test_pieces_fit_together_while_the_state_changes(contexts):
    state = {"long": text_of("ascii", 60_000)}
    await create(contexts, state=state)
    arguments, text = {"context": "users.42/chat"}, ""
    while arguments is not None:
        answer = await bounded(contexts, "read_context", **arguments)
        text, arguments = text + answer["text"], answer["next"]
        await call(contexts, "patch_context", context="users.42/chat", merge={"a": len(text)})
    assert json.loads(text) == state


async def test_a_long_value_in_a_state_is_read_piece_by_piece(contexts):
    value = [text_of("ascii", 100) for _ in range(1000)]
    await create(contexts, state={"list": value})
    pieces = await walk(contexts, "read_context", context="users.42/chat", path="/list")
    assert json.loads("".join(piece["text"] for piece in pieces)) == value


@pytest.mark.parametrize("alphabet", ALPHABETS)
async def test_entries_of_all_lengths_are_read_back_to_the_first(contexts, alphabet):
    await create(contexts)
    lengths = [5, 9000, 50_000, 10, 30_000, 7, 9000, 9000]
    texts = [text_of(alphabet, length) for length in lengths]
    await say(contexts, *texts)
    found = {}
    for answer in await walk(contexts, "read_context", context="users.42/chat", part="entries"):
        for entry in answer["entries"]:
            found[entry["seq"]] = found.get(entry["seq"], "") + entry.get(
                "text", entry.get("content", "")
            )
    assert [found[seq] for seq in sorted(found)] == texts


async def test_a_long_list_of_parts_is_read_as_its_json(contexts):
    content = [{"type": "text", "text": text_of("kanji", 200)} for _ in range(100)]
    entries = [{"role": "tool", "content": content, "metadata": {"k": "v" * 9000}}]
    await create(contexts)
    await call(contexts, "append_entries", context="users.42/chat", entries=entries)
    pieces = await walk(contexts, "read_context", context="users.42/chat", part="entries")
    assert pieces[0]["entries"][0]["metadata_truncated"] is True
    assert json.loads("".join(piece["entries"][0]["text"] for piece in pieces)) == content


async def test_an_offset_behind_the_end_is_refused(contexts):
    await create(contexts, state={"a": 1})
    error = await fail(contexts, "read_context", context="users.42/chat", offset=100)
    assert "7 characters" in error["detail"]


async def test_catching_up_goes_on_step_by_step(contexts):
    await create(contexts)
    texts = [text_of("ascii", 900) for _ in range(200)]
    for start in range(0, 200, 10):
        await say(contexts, *texts[start : start + 10])
    found = []
    for answer in await walk(contexts, "read_context", context="users.42/chat", since=1):
        found += [entry["content"] for entry in answer["entries"]]
        assert answer["truncated"] is False
    assert found == texts


async def test_one_step_that_is_too_long_says_what_to_read_anew(contexts):
    await create(contexts, state={"a": 1})
    operations = [
        {
            "op": "append",
            "context": "users.42/chat",
            "entries": [{"role": "user", "content": text_of("ascii", 500)}] * 100,
        },
        {"op": "patch", "context": "users.42/chat", "merge": {"b": text_of("kanji", 20_000)}},
    ]
    await call(contexts, "commit", operations=operations)
    answer = await bounded(contexts, "read_context", context="users.42/chat", since=1)
    assert (answer["truncated"], answer["patch"], answer["version"]) == (True, None, 2)
    assert set(answer["read_anew"]) == {"state", "entries"}
    assert answer["entries"][-1]["seq"] == 100


async def test_since_1_on_a_very_long_conversation_stays_within_the_bound(contexts):
    await create(contexts)
    for _ in range(10):
        await say(contexts, *[text_of("ascii", 50)] * 1000)
    answer = await bounded(contexts, "read_context", context="users.42/chat", since=1, entries=1000)
    assert answer["truncated"] is True


async def test_lists_of_long_names_and_labels_are_paged(contexts):
    labels = {f"{'k' * 120}{n}": "漢" * 42 for n in range(64)}
    names = [f"users.{'n' * 190}/{'x' * 190}{n:03}" for n in range(120)]
    for name in names:
        await create(contexts, name, labels=labels if name.endswith("7") else None)
    found = []
    for answer in await walk(contexts, "list_contexts", limit=1000):
        found += [item["context"] for item in answer["items"]]
    assert found == names
    answer = await bounded(contexts, "read_context", context=names[7])
    assert answer["labels_truncated"] is True


async def test_arguments_of_all_lengths_leave_room_for_items(contexts):
    label = "漢" * 42
    await create(contexts, f"users.{'n' * 190}/{'x' * 190}", labels={label: label})
    await say(contexts, "漢 " * 400, name=f"users.{'n' * 190}/{'x' * 190}")
    answer = await bounded(contexts, "list_contexts", label=f"{label}={label}")
    assert len(answer["items"]) == 1
    answer = await bounded(contexts, "search_contexts", query="漢 " * 30, label=label)
    assert len(answer["items"]) == 1
    for name in ("kind", "label", "cursor", "namespace"):
        error = await fail(contexts, "list_contexts", **{name: "漢" * 1001})
        assert error["code"] in {"malformed", "invalid_key"}


async def test_hits_are_paged_without_loss(contexts):
    await create(contexts)
    await say(contexts, *[f"tea {n} " + text_of("kanji", 500) for n in range(60)])
    found = []
    for answer in await walk(contexts, "search_contexts", query="tea", limit=50):
        found += [item["seq"] for item in answer["items"]]
    assert sorted(found) == list(range(1, 61))


async def test_changes_are_paged_by_whole_commits(contexts):
    names = [f"users.42/{'x' * 150}{n}" for n in range(40)]
    operations = [{"op": "put", "context": name, "kind": "session", "state": {}} for name in names]
    commits = [
        await call(contexts, "commit", operations=operations[i : i + 8]) for i in (0, 8, 16, 24, 32)
    ]
    commits += [await create(contexts, f"users.42/{n}") for n in range(100)]
    arguments, found = {"limit": 1000}, []
    while True:
        answer = await bounded(contexts, "read_changes", **arguments)
        assert not found or found[-1]["commit"] != answer["items"][0]["commit"]
        found += answer["items"]
        arguments = answer["next"]
        if not answer["more"]:
            break
    assert [item["commit"] for item in found] == [
        each["commit"] for each in commits for _ in each.get("results", [1])
    ]


async def test_a_commit_too_large_for_one_answer_is_split_but_told_in_full(contexts):
    names = [f"users.{'n' * 190}/{'x' * 190}{n:03}" for n in range(100)]
    operations = [{"op": "put", "context": name, "kind": "session", "state": {}} for name in names]
    done = await bounded(contexts, "commit", operations=operations)
    assert done["truncated"] is True
    arguments, found, more = {}, [], True
    while more:
        answer = await bounded(contexts, "read_changes", **arguments)
        found += [item["context"] for item in answer["items"]]
        arguments, more = answer["next"], answer["more"]
    assert found == names


async def test_an_append_of_as_much_as_may_be_is_answered_within_the_bound(contexts):
    await create(contexts)
    entries = [{"role": "user", "content": "x"}] * limits.APPEND_ENTRIES
    done = await bounded(contexts, "append_entries", context="users.42/chat", entries=entries)
    assert done["last_seq"] == limits.APPEND_ENTRIES


async def test_an_error_is_bounded_too(contexts):
    await create(contexts)
    entries = [{"role": "user", "content": "x", "漢" * 3000: 1}] * 100
    error = await fail(contexts, "append_entries", context="users.42/chat", entries=entries)
    assert error["code"] == "schema_violation"
    assert len(json.dumps(error)) <= limits.MODEL_ANSWER_BYTES


def test_the_measure_is_never_below_any_usual_spelling():
    for alphabet in ALPHABETS:
        value = {"a": text_of(alphabet, 300), "b": [1, 2.5, None, True, {"c": []}]}
        size = answers.weigh(value)
        assert size >= len(json.dumps(value))
        assert size >= len(orjson.dumps(value))
