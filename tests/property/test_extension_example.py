"""What the example package adds keeps the promises that ours keep."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backstory.errors import ConfigError, MalformedError
from backstory_calls import captions, customer_numbers, sharegpt

TEXT = st.text(max_size=20)
TURN = st.fixed_dictionaries(
    {"from": st.sampled_from(["human", "gpt", "system"]), "value": TEXT},
    optional={"weight": st.integers(0, 9), "lang": TEXT},
)
PART = st.one_of(
    st.fixed_dictionaries({"type": st.just("text"), "text": TEXT}),
    st.just({"type": "image", "url": "https://example.com/cat.png"}),
)
ENTRY = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["user", "assistant", "system", "developer", "tool"]),
        "content": TEXT | st.lists(PART, max_size=3),
    },
    optional={"type": st.sampled_from(["message", "note"]), "metadata": st.just({"x": 1})},
)
LINES = st.lists(
    st.sampled_from(
        [
            "",
            "WEBVTT",
            "NOTE x",
            "name",
            "00:01.000 --> 00:02.500",
            "00:00:02.500 --> 01:00:00.000 align:start",
            "00:01 --> x",
            "<v Ada>Hi &amp; <i>ho</i>",
            "<v.loud Grace>No<v Ada>Yes",
            "plain < text",
        ]
    ),
    max_size=12,
)
VTT = st.one_of(
    LINES.map("\n".join), LINES.map(lambda lines: "WEBVTT\r\n\r\n" + "\r\n".join(lines))
)


@given(st.lists(TURN, max_size=5))
def test_a_dataset_that_is_read_and_written_again_is_the_same(turns):
    entries = sharegpt.parse({"conversations": turns})
    rendered = sharegpt.render(entries)
    assert rendered.payload == {"conversations": turns}
    assert rendered.losses == ()


@given(st.lists(ENTRY, max_size=5))
def test_entries_come_back_from_a_dataset_or_a_loss_was_told(entries):
    rendered = sharegpt.render(entries)
    again = sharegpt.parse(rendered.payload)
    assert sharegpt.render(again).payload == rendered.payload
    assert all(0 <= int(loss.pointer.split("/")[1]) < len(entries) for loss in rendered.losses)
    if not rendered.losses:
        kept = [(each["role"], each["content"]) for each in again]
        assert kept == [(each["role"], each["content"]) for each in entries]


def read(text):
    try:
        return captions.parse(text.encode(), {"agent": "Grace"})
    except MalformedError as error:
        return error


@given(VTT)
def test_captions_are_turns_of_alternating_speakers_or_wrong_at_a_line(text):
    records = read(text)
    if isinstance(records, MalformedError):
        assert 1 <= records.context["line"] <= text.count("\n") + 1
        return
    speakers = [each["metadata"].get("speaker") for each in records.values]
    assert all(one != other for one, other in pairwise(speakers))
    assert list(records.lines) == sorted(records.lines)
    for each in records.values:
        assert each["content"]
        assert (each["role"] == "assistant") == (each["metadata"].get("speaker") == "Grace")


@given(st.text(alphabet="KD-0123456789 x", max_size=40))
def test_a_masked_text_holds_no_number_and_stays_as_it_is(text):
    mask = customer_numbers.make({"prefix": "KD-", "digits": 4})
    (masked,) = mask.apply([(text, None)], Counter())
    assert mask.apply([(masked, None)], Counter()) == [masked]
    if masked != text:
        assert mask.suspects(text.encode())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"prefix": 7},
        {"prefix": "a b"},
        {"prefix": "K", "digits": True},
        {"prefix": "K", "x": 1},
    ],
)
def test_a_wrong_option_is_told(options):
    with pytest.raises(ConfigError, match="of customer-numbers"):
        customer_numbers.make(options)
