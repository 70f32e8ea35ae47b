"""Parse, validate, transform: in this order, all or nothing, with the step named."""

from contextlib import contextmanager

import orjson
import pytest

from backstory import limits
from backstory.domain import choosing
from backstory.domain.choosing import Rule
from backstory.domain.entries import NewEntry
from backstory.domain.keys import NamespacePattern
from backstory.errors import ConfigError, SchemaError, TooLargeError
from backstory.processing import pipeline
from backstory.processing.choosing import rules as rules_for
from backstory.processing.pipeline import Pipeline
from backstory.processing.schemas.kinds import CompiledKind, KindSchema
from backstory.processing.transforms.characters import Nfc, RemoveHidden
from backstory.processing.transforms.redaction import Redact

SCHEMA = {
    "type": "object",
    "properties": {"mail": {"type": "string", "maxLength": 20}, "n": {"type": "integer"}},
}
ENTRY_SCHEMA = {
    "properties": {
        "role": {"enum": ["user", "tool"]},
        "metadata": {"required": ["source"]},
        "content": {"type": "string", "maxLength": 30},
    }
}
KIND = CompiledKind(KindSchema(1, SCHEMA, ENTRY_SCHEMA))
PIPELINE = Pipeline(KIND, (RemoveHidden(), Redact()))


def entry(content="hi", role="user", **more):
    return NewEntry(role, "message", orjson.dumps(content), **more)


def test_a_state_is_validated_and_then_transformed():
    done = PIPELINE.kept(b'{"mail":"a@b.co","n":1}')
    assert done.state == b'{"mail":"[redacted:email]","n":1}'
    assert done.counts == {"redact:email": 1}


def test_a_state_that_does_not_fit_names_the_step_the_field_and_the_rule():
    with pytest.raises(SchemaError) as refused:
        PIPELINE.kept(b'{"n":"x"}')
    assert refused.value.context["step"] == "validate"
    assert [(v.pointer, v.rule) for v in refused.value.errors] == [
        ("/state/n", "/properties/n/type")
    ]


def test_a_state_that_its_transforms_make_unfit_is_refused():
    pattern = {"properties": {"mail": {"pattern": "@"}}}
    strict = Pipeline(CompiledKind(KindSchema(1, pattern)), (Redact(),))
    with pytest.raises(SchemaError, match="transforms leave") as refused:
        strict.kept(b'{"mail":"a@b.co"}')
    assert refused.value.context["step"] == "transform"
    assert [v.pointer for v in refused.value.errors] == ["/state/mail"]


def test_a_state_that_grows_over_its_bound_is_refused():
    state = {"t": ["a@b.co"] * (limits.STATE_BYTES // 10)}
    with pytest.raises(TooLargeError) as refused:
        Pipeline(None, (Redact(),)).kept(orjson.dumps(state))
    assert refused.value.context == {"limit": "STATE_BYTES", "step": "transform"}


def test_a_kind_without_a_schema_takes_any_state():
    assert Pipeline().kept(b'{"n":"x"}').state == b'{"n":"x"}'


def test_entries_are_validated_as_they_are_sent():
    with pytest.raises(SchemaError) as refused:
        PIPELINE.entries([entry(), entry(role="agent"), entry(metadata=b"{}")])
    assert refused.value.context["step"] == "validate"
    assert [v.pointer for v in refused.value.errors] == ["/entries/1/role"]
    with pytest.raises(SchemaError) as refused:
        PIPELINE.entries([entry(metadata=b"{}")], "/operations/3/entries")
    assert [v.pointer for v in refused.value.errors] == ["/operations/3/entries/0/metadata"]


def test_entries_are_transformed_with_their_metadata():
    sent = [entry("I am a@b.co", id="a@b.co", metadata=b'{"source":"c@d.co"}'), entry()]
    done = PIPELINE.entries(sent)
    first, second = done.entries
    assert first.content == b'"I am [redacted:email]"'
    assert first.metadata == b'{"source":"[redacted:email]"}'
    assert first.id == "a@b.co"
    assert second is sent[1]
    assert done.counts == {"redact:email": 2}


def test_parts_keep_their_ids_types_and_data():
    parts = [
        {"type": "text", "text": "a@b.co"},
        {"type": "image", "data": "a@b.co"},
        {"type": "tool_result", "tool_use_id": "a@b.co", "content": "a@b.co"},
    ]
    (done,) = Pipeline(None, (Redact(),)).entries([entry(parts)]).entries
    assert orjson.loads(done.content) == [
        {"type": "text", "text": "[redacted:email]"},
        {"type": "image", "data": "a@b.co"},
        {"type": "tool_result", "tool_use_id": "a@b.co", "content": "[redacted:email]"},
    ]


def test_an_entry_that_its_transforms_make_unfit_or_too_large_is_refused():
    with pytest.raises(SchemaError) as refused:
        PIPELINE.entries([entry("a@b.co a@b.co a@b.co")])
    assert refused.value.context["step"] == "transform"
    assert [v.pointer for v in refused.value.errors] == ["/entries/0/content"]
    with pytest.raises(TooLargeError):
        Pipeline(None, (Redact(),)).entries([entry("a@b.co " * (limits.ENTRY_BYTES // 8))])


def test_each_step_can_be_measured():
    seen = []

    @contextmanager
    def measure(step):
        seen.append(step)
        yield

    Pipeline(KIND, (Redact(),)).kept(b'{"n":1}', measure=measure)
    assert list(dict.fromkeys(seen)) == ["validate", "transform"]


def test_hidden_characters_go_without_being_asked_for():
    assert Pipeline().kept(orjson.dumps({"a": "x\u202ey"})).state == b'{"a":"xy"}'


def pattern(text):
    return NamespacePattern.parse(text)


def test_the_most_precise_rule_chooses_the_transforms():
    nfc, hidden, redact = (Nfc(),), (RemoveHidden(),), (Redact(),)
    rules = rules_for(
        [
            Rule(pattern("*"), None, nfc),
            Rule(pattern("users.*"), None, hidden),
            Rule(pattern("users.42"), None, ()),
            Rule(pattern("*"), "session", redact),
        ]
    )
    assert rules.choose("document", "agents") is nfc
    assert rules.choose("document", "users.1.x") is hidden
    assert rules.choose("document", "users.42") == ()
    assert rules.choose("session", "users.42") is redact
    assert rules.choose("session", "users.42") is redact
    assert rules_for().choose("session", "users.42") is pipeline.DEFAULT


def test_what_is_remembered_of_choices_is_bounded(monkeypatch):
    monkeypatch.setattr(choosing, "_KEPT", 2)
    rules = rules_for()
    for i in range(5):
        rules.choose("session", f"users.{i}")
    assert len(rules._chosen) <= 2


def test_rules_that_contradict_and_too_many_stop_the_start():
    rule = Rule(pattern("users.*"), None, ())
    with pytest.raises(ConfigError):
        rules_for([rule, rule])
    with pytest.raises(ConfigError):
        rules_for([Rule(pattern(f"a{i}"), None, ()) for i in range(limits.PIPELINE_RULES + 1)])
