"""Tags of versions, as clients and the proxies between send them back."""

import pytest

from backstory.errors import MalformedError
from backstory.transports.rest.tags import Tags

FIRST = Tags("aaaa", first=True)
LATER = Tags("bbbb", first=False)


def test_a_tag_names_the_epoch_only_when_there_was_another():
    assert FIRST.of(7) == b'"7"'
    assert LATER.of(7) == b'"7.bbbb"'


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        ('"7"', {7}),
        ('W/"7"', {7}),
        ('"7-br"', {7}),
        ('W/"7-gzip"', {7}),
        ('"7.aaaa"', {7}),
        ('"7.aaaa-zstd"', {7}),
        ('"1", W/"2" ,"3"', {1, 2, 3}),
        (', "1",,', {1}),
        ('"7.bbbb"', set()),
        ('"x", "7"', {7}),
        ('"a,b", "7"', {7}),
        ('"07"', set()),
        ('"0"', set()),
        ('"-7"', set()),
        ('""', set()),
        ('"7-evil"', set()),
        ('"99999999999999999999"', set()),
    ],
)
def test_tags_are_read_in_every_form_that_proxies_make_of_them(text, versions):
    assert FIRST.versions("If-Match", text) == versions


def test_a_later_epoch_knows_its_own_tags_only():
    assert LATER.versions("If-Match", '"7", "8.aaaa", "9.bbbb", "10.bbbb-br"') == {9, 10}


@pytest.mark.parametrize("text", ["*", " * "])
def test_a_star_means_any(text):
    assert FIRST.versions("If-Match", text) == "*"


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "7",
        '"7',
        '7"',
        'w/"7"',
        '"7" "8"',
        '*, "7"',
        '"7", *',
        '"a"b"',
        ",",
        "W/",
        '"a b"',
        "\x00",
    ],
)
def test_what_is_no_list_of_tags_is_malformed(text):
    with pytest.raises(MalformedError, match="If-Match"):
        FIRST.versions("If-Match", text)


def test_a_long_header_is_read_in_one_pass():
    assert FIRST.versions("If-Match", ",".join(['"1"'] * 8000)) == {1}
    with pytest.raises(MalformedError):
        FIRST.versions("If-Match", '",' * 16000 + '"')
