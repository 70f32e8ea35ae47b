"""Our own lines: one entry each, or one conversation each."""

import pytest

from backstory import limits
from backstory.processing.conversations import Bad
from processing_formats import items, one, reason, shown


def entry(content, context=None, **more):
    return {"role": "user", "content": content, **({"context": context} if context else {}), **more}


def test_lines_of_one_context_come_together():
    found = items("jsonl", entry("a", "x/1"), entry("b", "x/1"), entry("c", "y/2"))
    assert [str(item.key) for item in found] == ["x/1", "y/2"]
    assert shown(found[0]) == [("user", "a"), ("user", "b")]
    assert [e.id for e in found[0].entries] == ["chats.jsonl:1", "chats.jsonl:2"]


def test_lines_without_a_context_belong_to_one_named_after_the_file():
    made = one("jsonl", entry("a"), name="folder/standup notes.jsonl")
    assert made.key is None
    assert made.name.startswith("standup-notes-")


def test_ids_types_and_metadata_are_kept():
    made = one("jsonl", entry("a", id="m1", type="event", metadata={"k": 1}))
    (only,) = made.entries
    assert (only.id, only.type, only.metadata) == ("m1", "event", b'{"k":1}')


def test_a_line_may_be_a_whole_conversation():
    line = {
        "context": "users.42/plan",
        "kind": "session",
        "state": {"step": 2},
        "labels": {"team": "a"},
        "expires_at": "2999-01-01T00:00:00Z",
        "entries": [entry("a"), entry("b", id="~2")],
    }
    made = one("jsonl", line)
    assert (str(made.key), made.kind, made.state) == ("users.42/plan", "session", b'{"step":2}')
    assert made.labels == {"team": "a"}
    assert made.expires_at is not None
    assert [e.id for e in made.entries] == ["users.42/plan:0", None]


def test_further_lines_of_a_conversation_go_on_counting():
    line = {"id": "chat", "entries": [entry("a")]}
    first, second = items("jsonl", line, line)
    assert (first.name, second.name) == ("chat", "chat")
    assert (first.entries[0].id, second.entries[0].id) == ("chat:0", "chat:1")


def test_a_context_may_come_without_entries():
    assert one("jsonl", {"context": "a/b", "state": {"x": 1}}).entries == ()


def test_no_more_entries_are_gathered_than_one_commit_takes():
    found = items("jsonl", *(entry(str(n), "a/b") for n in range(limits.COMMIT_ENTRIES + 1)))
    assert [len(item.entries) for item in found] == [limits.COMMIT_ENTRIES, 1]


def test_contexts_may_take_turns():
    turns = [entry(str(n), "x/1" if n % 3 else "y/2") for n in range(6)]
    found = items("jsonl", *turns)
    assert [str(item.key) for item in found] == ["y/2", "x/1"]
    assert [content for _, content in shown(found[1])] == ["1", "2", "4", "5"]


def test_entries_with_one_id_do_not_come_together():
    found = items("jsonl", entry("a", id="m"), entry("b", id="m"))
    assert [len(item.entries) for item in found] == [1, 1]


def test_a_bad_line_is_told_behind_what_stands_before_it():
    found = items("jsonl", entry("a"), "{", entry("b"), {"role": "user"}, entry("c"))
    assert [(isinstance(item, Bad), item.place.line) for item in found] == [
        (False, 1),
        (True, 2),
        (False, 3),
        (True, 4),
        (False, 5),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"context": "nowhere", "entries": []}, "namespace/name"),
        ({"context": "a/b", "entires": []}, "'entires'"),
        ({"context": "a/b", "role": "user", "content": "x", "author": "me"}, "'author'"),
        ({"context": "a/b", "kind": "Thing"}, "cannot name a kind"),
        ({"context": "a/b", "state": [1]}, "object"),
        ({"context": "a/b", "expires_at": "soon"}, "RFC 3339"),
        ([1], "object"),
    ],
)
def test_what_a_line_may_not_say_is_told(line, why):
    if isinstance(line, list):
        line = "5"
    assert why in reason("jsonl", line)
