"""A kind's schemas are the state of a context, and change within the kind's promise."""

import pytest

from backstory import limits
from backstory.domain.kinds import context_of
from backstory.errors import (
    IncompatibleError,
    LimitReachedError,
    SchemaError,
    StoreCorruptError,
    UnknownKindError,
)
from backstory.processing.schemas.compatibility import Compatibility
from backstory.processing.schemas.kinds import CompiledKind, KindSchema
from backstory.processing.schemas.registering import register


def schema(**properties):
    return {"type": "object", "properties": properties, "additionalProperties": False}


TEXT = {"type": "string"}
FIRST = register(None, {"schema": schema(a=TEXT)})


def test_the_first_version_is_one_and_promises_backward():
    assert KindSchema(1, schema(a=TEXT), None, Compatibility.BACKWARD) == FIRST


def test_a_kind_comes_back_from_its_context_as_it_went_in():
    second = register(
        FIRST,
        {
            "schema": schema(b=TEXT),
            "entry_schema": {},
            "compatibility": "full",
            "migration": [{"op": "move", "from": "/a", "path": "/b"}],
        },
    )
    assert second.version == 2
    assert KindSchema.decode(second.encode()) == second


def test_the_same_body_again_changes_nothing():
    assert register(FIRST, {"schema": schema(a=TEXT)}) is FIRST


def test_another_promise_alone_makes_no_version():
    changed = register(FIRST, {"schema": schema(a=TEXT), "compatibility": "none"})
    assert (changed.version, changed.compatibility) == (1, Compatibility.NONE)


def test_the_standing_promise_counts_and_not_the_one_in_the_body():
    with pytest.raises(IncompatibleError):
        register(FIRST, {"schema": schema(b=TEXT), "compatibility": "none"})
    freed = register(FIRST, {"schema": schema(a=TEXT), "compatibility": "none"})
    assert register(freed, {"schema": schema(b=TEXT)}).version == 2


def test_a_migration_stands_for_the_promise_on_states_but_not_on_entries():
    move = [{"op": "move", "from": "/a", "path": "/b"}]
    second = register(FIRST, {"schema": schema(b=TEXT), "migration": move})
    assert CompiledKind(second).migrate(b'{"a":"x"}', 1) == b'{"b":"x"}'
    with pytest.raises(IncompatibleError) as refused:
        register(
            FIRST,
            {"schema": schema(b=TEXT), "entry_schema": {"required": ["id"]}, "migration": move},
        )
    assert refused.value.errors[0].pointer == "/entry_schema/required"


def test_a_migration_does_not_help_older_readers():
    full = register(None, {"schema": schema(a=TEXT), "compatibility": "full"})
    move = [{"op": "move", "from": "/a", "path": "/b"}]
    with pytest.raises(IncompatibleError):
        register(full, {"schema": schema(b=TEXT), "migration": move})


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], ""),
        ({}, "/schema"),
        ({"schema": None}, "/schema"),
        ({"schema": {}, "extra": 1}, "/extra"),
        ({"schema": {}, "compatibility": "sometimes"}, "/compatibility"),
        ({"schema": {}, "compatibility": []}, "/compatibility"),
        ({"schema": {}, "migration": []}, "/migration"),
        ({"schema": {"type": "text"}}, "/schema/type"),
        ({"schema": {}, "entry_schema": {"$ref": "x"}}, "/entry_schema/$ref"),
    ],
)
def test_a_body_that_is_wrong_is_refused_at_its_place(body, pointer):
    with pytest.raises(SchemaError) as refused:
        register(None, body)
    assert [v.pointer for v in refused.value.errors] == [pointer]


def test_the_number_of_versions_is_bounded():
    last = KindSchema(limits.KIND_VERSIONS, schema(a=TEXT))
    with pytest.raises(LimitReachedError):
        register(last, {"schema": schema(a=TEXT, b=TEXT)})


def test_states_and_entries_are_held_against_their_own_schema():
    kind = CompiledKind(
        register(None, {"schema": schema(a=TEXT), "entry_schema": {"required": ["id"]}})
    )
    kind.check_state({"a": "x"})
    kind.check_entry({"role": "user", "id": "1"}, "/entries/0")
    with pytest.raises(SchemaError) as refused:
        kind.check_entry({"role": "user"}, "/entries/3")
    assert [(v.pointer, v.rule) for v in refused.value.errors] == [("/entries/3", "/required")]


def test_a_kind_without_a_schema_accepts_everything():
    CompiledKind(KindSchema(1, None)).check_state({"any": 1})


@pytest.mark.parametrize("state", [b"{}", b"[]", b'{"version":1,"compatibility":"x"}', b"{"])
def test_a_damaged_kind_is_reported_as_damage(state):
    with pytest.raises(StoreCorruptError):
        KindSchema.decode(state)


def test_a_kind_is_named_by_a_word():
    assert str(context_of("session")) == "_system.kinds/session"
    for name in ("", "A", "1a", "a.b", "a/b", "a" * 65, "é", "a\n"):
        with pytest.raises(UnknownKindError):
            context_of(name)
