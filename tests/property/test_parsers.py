"""What was written by others' writers is read back as it was, whatever it holds."""

import csv
import io
import json

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.errors import InvalidError
from backstory.processing.parsers import PARSERS, parse

BOUNDED = settings(max_examples=60, deadline=None)
# Characters that YAML 1.2 allows as they are (section 5.1) and no control.
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=12)
SCALAR = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | TEXT
VALUE = st.recursive(
    SCALAR | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


def same(one, other):
    return orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        other, option=orjson.OPT_SORT_KEYS
    )


@BOUNDED
@given(VALUE)
def test_json_is_read_as_it_was_by_json_and_by_yaml(value):
    assert same(parse(json.dumps(value).encode(), "application/json").value, value)
    written = json.dumps(value, ensure_ascii=False).encode()
    assert same(parse(written, "application/yaml").value, value)


@BOUNDED
@given(st.lists(VALUE, max_size=4))
def test_json_lines_are_read_as_they_were(values):
    body = b"\n".join(orjson.dumps(value) for value in values)
    assert same(list(parse(body, "application/jsonl").values), values)


@BOUNDED
@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(
                TEXT | st.sampled_from(["=1+1", 'a"b', "a\nb", ",;"]),
                min_size=width,
                max_size=width,
            ),
            min_size=1,
            max_size=4,
        )
    )
)
def test_csv_is_read_as_it_was(rows):
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    table = parse(file.getvalue().encode(), "text/csv; delimiter=comma")
    assert [list(row) for row in (table.columns, *table.rows)] == rows


@BOUNDED
@given(st.sampled_from(sorted(PARSERS)), st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_by_an_error_of_ours(media_type, body):
    try:
        parsed = parse(body, media_type)
    except InvalidError:
        return
    assert type(parsed) is PARSERS[media_type].result
