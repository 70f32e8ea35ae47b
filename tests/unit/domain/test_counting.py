"""Which text of an entry is counted when it is written."""

import orjson
import pytest

from backstory import limits
from backstory.domain.counting import counted, one_text
from backstory.domain.entries import NewEntry

CALL = {"type": "tool_call", "id": "c1", "name": "find", "arguments": {"q": "words of a call"}}
IMAGE = {"type": "image", "url": "https://example.com/a.png"}


def text(value):
    return {"type": "text", "text": value}


def result(content):
    return {"type": "tool_result", "tool_call_id": "c1", "content": content}


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ("plain", "plain"),
        ("", ""),
        ([text("alone")], "alone"),
        ([IMAGE, text("beside")], "beside"),
        ([text("before"), CALL], "before"),
        ([{"type": "refusal", "text": "no"}], "no"),
        ([result("what the tool said")], "what the tool said"),
        ([text("one"), text("two")], None),
        ([text("one"), result("two")], None),
        ([CALL], None),
        ([result({"rows": 3})], None),
        ([result([text("inner")])], None),
        ([{"type": "input_text", "text": "a provider's own"}], None),
        ([], None),
    ],
)
def test_an_entry_has_one_text_or_none(content, found):
    assert one_text(content) == found


def test_only_messages_with_one_text_are_counted():
    entries = [
        NewEntry("user", "message", orjson.dumps("four")),
        NewEntry("user", "message", orjson.dumps([text("a"), text("b")])),
        NewEntry("user", "event", orjson.dumps("none of a window")),
    ]
    assert [entry.tokens for entry in counted(entries, len)] == [4, None, None]


def test_a_text_that_would_hold_others_up_is_not_counted():
    texts = ["x" * (limits.ENTRY_COUNTED_BYTES - 2), "x" * limits.ENTRY_COUNTED_BYTES]
    entries = [NewEntry("user", "message", orjson.dumps(text)) for text in texts]
    assert [each.tokens for each in counted(entries, len)] == [len(texts[0]), None]
