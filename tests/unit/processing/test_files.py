"""Values come out of a file one at a time, and what is broken is told with its line."""

import io
import json

import pytest

from backstory import limits
from backstory.processing.conversations import Bad
from backstory.processing.sources import files
from backstory.processing.sources.files import Value, values


def read(data, name="chats.json"):
    return list(values(io.BytesIO(data), name))


def told(data, name="chats.json"):
    """Each item as (line, value) or (line, None) where it is bad."""
    return [
        (item.place.line, item.data if isinstance(item, Value) else None)
        for item in read(data, name)
    ]


def test_lines_are_values_whatever_the_file_is_called():
    assert told(b'{"a": 1}\n\n{"b": 2}\n') == [(1, {"a": 1}), (3, {"b": 2})]


def test_a_byte_order_mark_is_no_part_of_the_first_value():
    assert told(b'\xef\xbb\xbf{"a": 1}\n{"b": 2}') == [(1, {"a": 1}), (2, {"b": 2})]


def test_one_value_may_take_many_lines():
    (item,) = read(b'\n{\n  "a": [\n    1\n  ]\n}\n')
    assert (item.place.line, item.data, item.alone) == (2, {"a": [1]}, True)


def test_a_single_line_is_all_of_its_file_unless_the_file_says_it_has_lines():
    assert read(b'{"a": 1}')[0].alone
    assert not read(b'{"a": 1}', "chats.jsonl")[0].alone
    assert not read(b'{"a": 1}\n{"b": 2}')[0].alone


def test_an_empty_file_holds_nothing():
    assert read(b"") == read(b"\n\n") == read(b"[]") == read(b" [ ] \n") == []


@pytest.mark.parametrize("chunk", [1, 2, 7, 2**20])
def test_the_items_of_an_array_come_one_at_a_time_with_their_lines(chunk, monkeypatch):
    monkeypatch.setattr(files, "_CHUNK", chunk)
    data = json.dumps([{"a": '],"\\'}, [1, {"b": "{"}], "x", 5], indent=1).encode()
    assert [value for _, value in told(data)] == json.loads(data)
    assert [line for line, _ in told(data)] == [2, 5, 11, 12]


def test_a_broken_line_does_not_keep_the_others_back():
    data = (
        b'{"a": 1}\n{"a": \n{"b": "\xff"}\n{"c": NaN}\n{"d": 1, "d": 2}\n{"e": "\\ud800"}\n{"f": 6}'
    )
    assert told(data, "x.jsonl") == [
        (1, {"a": 1}),
        *((line, None) for line in (2, 3, 4, 5, 6)),
        (7, {"f": 6}),
    ]


def test_a_broken_first_line_is_not_taken_for_the_beginning_of_a_document():
    assert told(b'{"a": \n{"b": 2}\n') == [(1, None), (2, {"b": 2})]


def test_a_broken_item_of_an_array_does_not_keep_the_others_back():
    assert told(b'[{"a": 1},\n{"b": tru},\n{"c": 3}]') == [(1, {"a": 1}), (2, None), (3, {"c": 3})]


@pytest.mark.parametrize(
    ("data", "good", "line", "reason"),
    [
        (b'[{"a": 1},\n{"b": 2', 1, 2, "ends in the middle"),
        (b'[{"a": 1}\n] x', 1, 2, "something behind"),
        (b'[{"a": 1},\n]', 1, 2, "nothing stands here"),
        (b'{"a": 1,\n"b"', 0, 1, "not JSON"),
    ],
)
def test_a_file_that_was_cut_off_says_so(data, good, line, reason):
    *first, last = read(data)
    assert len(first) == good
    assert isinstance(last, Bad)
    assert last.place.line == line
    assert reason in last.reason


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1}\n{"b": "%s"}\n{"c": 3}\n',
        b'[{"a": 1},\n{"b": "%s"},\n{"c": 3}]',
        b'[{"a": 1},\n{"b": ["%s", "%s", "%s"]},\n{"c": 3}]',
    ],
)
def test_a_value_over_the_bound_is_told_and_passed_over(data, monkeypatch):
    monkeypatch.setattr(limits, "IMPORT_ITEM_BYTES", 50)
    monkeypatch.setattr(files, "_CHUNK", 10)
    long = data.replace(b"%s", b"x" * 80)
    assert told(long) == [(1, {"a": 1}), (2, None), (3, {"c": 3})]
    assert "IMPORT_ITEM_BYTES" in read(long)[1].reason


def test_an_array_on_one_line_is_not_read_whole(monkeypatch):
    monkeypatch.setattr(files, "_CHUNK", 100)
    file = io.BytesIO(b"[" + b'{"a": 1},' * 10_000 + b"1]")
    found = values(file, "x.json")
    assert next(found).data == {"a": 1}
    assert file.tell() < 1000


def test_a_text_without_an_end_is_not_read_for_ever(monkeypatch):
    monkeypatch.setattr(limits, "IMPORT_ITEM_BYTES", 50)
    monkeypatch.setattr(files, "_CHUNK", 10)
    file = io.BytesIO(b'[{"a": 1}, "' + b"x" * 10_000)
    *_, last = values(file, "x.json")
    assert "without an end" in last.reason
    assert file.tell() < 1000
