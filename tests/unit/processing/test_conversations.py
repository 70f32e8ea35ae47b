"""A conversation gets names and ids that are the same in every run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory import limits
from backstory.domain.keys import check_name
from backstory.errors import MalformedError, SchemaError, TooLargeError
from backstory.processing.conversations import Place, entry_id, make, safe_name

HERE = Place("x.jsonl", 1)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_id_has_a_name_that_keeps_the_rule_with_room_behind_it(text):
    assert check_name(safe_name(text) + ".session") == safe_name(text) + ".session"


def test_an_id_that_is_a_name_stays_as_it_is():
    assert safe_name("dlg-881444f3.7_00~1") == "dlg-881444f3.7_00~1"


def test_ids_that_look_alike_when_made_safe_have_different_names():
    ids = ["a b", "a/b", "a-b", "a  b", "ä", "ö", ".", "..", "x" * 300, "x" * 301]
    assert len({safe_name(each) for each in ids}) == len(ids)


def test_entries_without_an_id_get_one_from_the_conversation():
    made = make(HERE, "chat", [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}])
    assert [entry.id for entry in made.entries] == ["chat:0", "chat:1"]


def test_the_id_of_a_long_conversation_id_keeps_its_bound():
    assert len(entry_id("x" * 300, "17").encode()) <= limits.ENTRY_ID_BYTES
    assert entry_id("x" * 300, "17") != entry_id("x" * 301, "17")


def test_an_id_that_a_server_derived_is_left_out():
    made = make(HERE, "chat", [{"role": "user", "content": "a", "id": "~7"}])
    assert made.entries[0].id is None


def test_two_entries_with_one_id_are_refused():
    twice = [{"role": "user", "content": "a", "id": "m"}] * 2
    with pytest.raises(MalformedError, match="'m'"):
        make(HERE, "chat", twice)


def test_more_entries_than_one_append_takes_are_no_error():
    raw = [{"role": "user", "content": str(n)} for n in range(limits.APPEND_ENTRIES + 1)]
    assert len(make(HERE, "chat", raw).entries) == limits.APPEND_ENTRIES + 1


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        ([{"role": "Not A Word", "content": "x"}], SchemaError),
        ([{"role": "user", "content": 5}], SchemaError),
        (["text"], SchemaError),
        ([{"role": "user", "content": "x" * (limits.ENTRY_BYTES + 1)}], TooLargeError),
    ],
)
def test_what_no_store_would_take_is_refused_before_any_writing(raw, error):
    with pytest.raises(error):
        make(HERE, "chat", raw)
