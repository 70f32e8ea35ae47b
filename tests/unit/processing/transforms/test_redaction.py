"""Secrets and personal data are masked by category, and what only looks like one is left."""

import orjson
import pytest

from backstory import limits
from backstory.errors import ConfigError
from backstory.processing.transforms.redaction import CATEGORIES, Redact
from backstory.processing.transforms.transform import transform, transform_text

ALL = Redact()


def redacted(text, redact=ALL):
    return transform_text(text, [redact])


def letters(count):
    return ("aB3" * count)[:count]


@pytest.mark.parametrize(
    ("text", "expected", "category"),
    [
        ("mail anna.b+x@example.co.uk, ok", "mail [redacted:email], ok", "email"),
        ("jürgen@müller.de", "[redacted:email]", "email"),
        ("sk-some-words-with-hyphens-me@example.com", "[redacted:email]", "email"),
        ("bearer certificates-and-user@example.com", "bearer [redacted:email]", "email"),
        ("No4111111111111111x", "No[redacted:card]x", "card"),
        ("<a@b.io>", "<[redacted:email]>", "email"),
        ("4111 1111 1111 1111", "[redacted:card]", "card"),
        ("4111111111111111", "[redacted:card]", "card"),
        ("3782-822463-10005", "[redacted:card]", "card"),
        ("2024 4111-1111-1111-1111 12", "2024 [redacted:card] 12", "card"),
        ("5555\u00a05555\u00a05555\u00a04444", "[redacted:card]", "card"),
        ("call +49 170 1234567 now", "call [redacted:phone] now", "phone"),
        ("+1 (212) 555-0123", "[redacted:phone]", "phone"),
        ("+49 170 1234567 2024", "[redacted:phone] 2024", "phone"),
        (f"sk-proj-{letters(40)}", "[redacted:api_key]", "api_key"),
        (f"key=sk-ant-api03-{letters(40)}.", "key=[redacted:api_key].", "api_key"),
        ("AKIAIOSFODNN7EXAMPLE", "[redacted:api_key]", "api_key"),
        (f"ghp_{letters(36)}", "[redacted:api_key]", "api_key"),
        (f"xoxb-{letters(20)}", "[redacted:api_key]", "api_key"),
        (f"sk_live_{letters(24)}", "[redacted:api_key]", "api_key"),
        (f"AIza{letters(35)}", "[redacted:api_key]", "api_key"),
        (f"hf_{letters(34)}", "[redacted:api_key]", "api_key"),
        ("Authorization: Bearer abc123.def456-ghi789==", "Authorization: Bearer [redacted:token]",
         "token"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def", "[redacted:token]", "token"),
        ("postgresql://me:p%40ss@db:5432/x", "postgresql://[redacted:credentials]@db:5432/x",
         "credentials"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- then",
         "[redacted:private_key] then", "private_key"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "[redacted:private_key]", "private_key"),
    ],
)  # fmt: skip
def test_what_looks_like_a_secret_is_masked_and_counted(text, expected, category):
    assert redacted(text) == (expected, {f"redact:{category}": 1})


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "1234567890123452",
        "41111111111111111111111111111111",
        "2024-05-01T10:00:00.000000Z and 1714557600123",
        "550e8400-e29b-41d4-a716-446655440000",
        "task-force-one-two-three-four-five-six",
        "sk-learn-is-a-library-for-learning",
        "bearer certificates-and-their-meaning",
        "@anna wrote, see http://example.com/@anna",
        "+1 and +2 and 12345678",
        "v1.2.3@main",
        "a@b",
        "AKIA is a prefix",
        "[redacted:email]",
    ],
)
def test_what_only_looks_like_one_is_left(text):
    assert redacted(text) == (text, {})


def test_numbers_without_a_country_code_need_a_region():
    text = "(212) 555-0123, 212-555-0123, 2024-05-01 10:00, order 1714557600"
    assert redacted(text) == (text, {})
    masked, counts = redacted(text, Redact(region="US"))
    assert masked == "[redacted:phone], [redacted:phone], 2024-05-01 10:00, order 1714557600"
    assert counts == {"redact:phone": 2}


def test_keys_numbers_ids_and_structure_stay_as_they_are():
    state = {
        "a@example.com": {"id": "a@example.com", "type": "a@example.com"},
        "n": [4111111111111111, 1.5, True, None],
        "text": ["a@example.com", {"deep": ["x", "b@example.com"]}],
    }
    done = transform(orjson.dumps(state), [ALL])
    assert orjson.loads(done.raw) == {
        "a@example.com": {"id": "a@example.com", "type": "a@example.com"},
        "n": [4111111111111111, 1.5, True, None],
        "text": ["[redacted:email]", {"deep": ["x", "[redacted:email]"]}],
    }
    assert done.counts == {"redact:email": 2}


def test_a_member_that_is_named_for_a_secret_is_masked_whatever_it_holds():
    state = {"password": "x", "apiKey": ["k"], "API-Key": "", "tokens": 5, "password_hint": "dog"}
    done = transform(orjson.dumps(state), [ALL])
    mask = "[redacted:credentials]"
    assert orjson.loads(done.raw) == {**state, "password": mask, "apiKey": [mask]}
    assert transform(done.raw, [ALL]).counts == {}


def test_a_secret_behind_an_escape_is_found():
    state = {"log": f"key:\nghp_{letters(36)}\nAKIAIOSFODNN7EXAMPLE\n4111111111111111"}
    done = transform(orjson.dumps(state), [ALL])
    assert orjson.loads(done.raw)["log"] == (
        "key:\n[redacted:api_key]\n[redacted:api_key]\n[redacted:card]"
    )


def test_texts_do_not_run_into_one_another():
    state = ["-----BEGIN PRIVATE KEY-----", "kept", "4111 1111", "1111 1111", "a@", "b.co"]
    done = transform(orjson.dumps(state), [ALL])
    assert orjson.loads(done.raw) == ["[redacted:private_key]", *state[1:]]


def test_a_text_with_nul_is_masked_too():
    assert redacted("a\0b@example.com\0")[0] == "a\0[redacted:email]\0"


def test_what_is_clean_keeps_its_very_bytes():
    raw = orjson.dumps({"a": "nothing to see", "b": [1, "x"]})
    assert transform(raw, [ALL]).raw is raw


def test_only_the_chosen_categories_are_masked():
    text = "a@example.com 4111111111111111"
    assert redacted(text, Redact(frozenset({"card"})))[0] == "a@example.com [redacted:card]"
    assert redacted(text, Redact(frozenset()))[0] == text


def test_unknown_categories_and_regions_stop_the_start():
    for wrong in ({"categories": frozenset({"names"})}, {"region": "XX"}):
        with pytest.raises(ConfigError):
            Redact(**wrong)
    assert len(CATEGORIES) == 7


def test_more_numbers_than_are_looked_up_are_masked_unseen():
    text = "+49 0000 000000, " * (limits.PHONE_LOOKUPS + 5)
    assert redacted(text)[1] == {"redact:phone": 5}


@pytest.mark.parametrize(
    "text",
    [
        "a" * 300_000 + "@",
        "a@" * 150_000,
        "4 " * 150_000,
        "4111 " * 60_000,
        "4" * 300_000,
        "-----BEGIN PRIVATE KEY-----" * 10_000,
        "eyJ" * 100_000 + ".",
        "://a:" * 60_000,
        "+4" * 150_000,
        "sk-a-" * 60_000 + "@b.co",
        "bearer " * 40_000,
    ],
)
def test_no_text_costs_more_than_its_length(text):
    """Would not end in the time of a test if any pattern went back and forth."""
    redacted(text)
