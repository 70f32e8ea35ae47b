"""Applied to its own result no transform changes anything, and structure is never touched."""

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.processing.transforms.characters import Lines, Nfc, RemoveHidden, Whitespace
from backstory.processing.transforms.redaction import Redact
from backstory.processing.transforms.transform import transform
from backstory.processing.transforms.truncation import Truncate

PIECES = [
    "a@b.co", "@", ".", "-", " ", "\n", "\r\n", "\t", "\0", "+49 170 1234567", "+1", "(212) 555-0123",
    "4111 1111 1111 1111", "4111111111111111", "1111", "4", "sk-", "abcDEF123" * 3, "ghp_" + "a1" * 18,
    "AKIAIOSFODNN7EXAMPLE", "Bearer ", "eyJ", "eyJhbGciOiJI.eyJzdWIi.sig", "://u:p@", "://", ":",
    "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "[redacted:email]", "]", "[", "é",
    "e\u0301", "\u0338", "\u202e", "\U000e0061", "\u200f", "\u2028", "\u00a0", "  ", "ü@ü.de", "word",
    '"', "\\", "AKIA\u202eIOSFODNN7EXAMPLE",
]  # fmt: skip
texts = st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=10).map("".join)
names = st.sampled_from(["a", "password", "id", "type", "a@b.co", "data"])
documents = st.recursive(
    texts | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
REDACT = Redact()
US = Redact(region="US")
EACH = [RemoveHidden(), Nfc(), Lines(), Whitespace(), REDACT, US, Truncate(30)]


def shape(value):
    """All of a document but its texts."""
    if isinstance(value, str):
        return str
    if isinstance(value, dict):
        return {
            name: item if name in {"id", "type"} and isinstance(item, str) else shape(item)
            for name, item in value.items()
        }
    return [shape(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=150, deadline=None)
@given(documents, st.sampled_from(EACH))
def test_twice_is_once(document, each):
    once = transform(orjson.dumps(document), [each]).raw
    again = transform(once, [each])
    assert again.raw == once
    assert again.counts == {}


@settings(max_examples=100, deadline=None)
@given(documents, st.permutations([RemoveHidden(), Nfc(), Whitespace(), REDACT]))
def test_a_chain_twice_is_the_chain_once(document, chain):
    once = transform(orjson.dumps(document), chain).raw
    assert transform(once, chain).raw == once


@settings(max_examples=100, deadline=None)
@given(documents, st.sampled_from(EACH))
def test_keys_numbers_ids_and_structure_are_never_touched(document, each):
    raw = orjson.dumps(document)
    done = transform(raw, [each]).raw
    assert shape(orjson.loads(done)) == shape(orjson.loads(raw))


@settings(max_examples=200, deadline=None)
@given(documents, st.sampled_from(EACH))
def test_a_transform_that_suspects_nothing_would_change_nothing(document, each):
    class Suspicious:
        name = each.name
        apply = staticmethod(each.apply)

        @staticmethod
        def suspects(raw):
            return True

    raw = orjson.dumps(document)
    if not each.suspects(raw):
        assert transform(raw, [Suspicious()]).raw == raw
