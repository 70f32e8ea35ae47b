"""How a query is read, how hits are ranked, and what of a text is shown."""

import pytest

from backstory import limits
from backstory.contexts.searching import excerpt, parse, rank
from backstory.domain.contexts import Head
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Author, Trust
from backstory.errors import TooLargeError
from backstory.ports.store import Match

HEAD = Head(
    id=b"0123456789",
    key=ContextKey("users.42", "chat"),
    kind="conversation",
    version=1,
    commit=b"0123456789",
    state_version=1,
    content_version=0,
    labels=(),
    entry_count=9,
    last_seq=9,
    author=Author("ada", Trust.USER),
    created_at=0,
    updated_at=0,
    expires_at=None,
    deleted=False,
    born=1,
    history_from=1,
)


def match(seq: int, *frequencies: int, length: int = 10, at: int = 0) -> Match:
    return Match(HEAD, seq, frequencies, length, at)


def test_words_phrases_and_beginnings_are_terms():
    assert parse('two  "chai latte" bev*') == ("two", "chai latte", "bev*")


def test_a_term_without_a_letter_or_digit_is_dropped():
    assert parse('"" - * "..." x') == ("x",)


def test_a_repeated_term_counts_once():
    assert parse("tea tea") == ("tea",)


def test_an_unclosed_quote_does_not_swallow_the_rest():
    assert parse('"chai latte') == ("chai", "latte")


def test_too_many_terms_are_refused():
    with pytest.raises(TooLargeError) as error:
        parse(" ".join(f"w{i}" for i in range(limits.SEARCH_TERMS + 1)))
    assert error.value.context["limit"] == "SEARCH_TERMS"


def test_a_rarer_term_weighs_more():
    ranked = rank([match(1, 1, 0), match(2, 1, 0), match(3, 0, 1)])
    assert ranked[0][1].seq == 3


def test_a_shorter_text_is_nearer_to_the_point():
    ranked = rank([match(1, 1, length=100), match(2, 1, length=5)])
    assert [found.seq for _, found in ranked] == [2, 1]


def test_of_equal_hits_the_newest_comes_first():
    ranked = rank([match(1, 1, at=1), match(2, 1, at=2)])
    assert [found.seq for _, found in ranked] == [2, 1]


def test_the_order_does_not_depend_on_the_order_of_the_matches():
    matches = [match(seq, seq % 3, length=seq, at=seq % 5) for seq in range(1, 40)]
    assert rank(matches) == rank(matches[::-1])


def test_a_short_text_is_shown_whole():
    assert excerpt("two chai lattes", ((4, 8),)) == ("two chai lattes", ((4, 8),))


def test_a_long_text_is_cut_around_its_first_highlight():
    text = "x" * 5000 + "needle" + "y" * 5000
    cut, highlights = excerpt(text, ((5000, 5006),))
    assert len(cut) == limits.SEARCH_TEXT_CHARS
    assert [cut[a:b] for a, b in highlights] == ["needle"]


def test_a_highlight_at_the_very_end_is_shown():
    text = "x" * 5000 + "needle"
    cut, highlights = excerpt(text, ((5000, 5006),))
    assert [cut[a:b] for a, b in highlights] == ["needle"]
