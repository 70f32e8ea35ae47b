"""The rules of a commit that need no store to be seen. The contract shows the rest."""

import pytest
from msgspec import structs

from backstory import limits
from backstory.domain.chains import Chain, Piece
from backstory.domain.changes import Op, Part
from backstory.domain.commits import (
    Append,
    Commit,
    Conditions,
    Delete,
    Expire,
    Fork,
    Patch,
    Purge,
    Put,
    Redact,
    Restore,
)
from backstory.domain.contexts import Snapshot
from backstory.domain.documents import Document, changes_document
from backstory.domain.effects import Loaded, Past
from backstory.domain.entries import NewEntry, derived_id, derived_seq
from backstory.domain.keys import ContextKey
from backstory.domain.patches import MergePatch
from backstory.domain.planning import needs, plan
from backstory.domain.principals import Author, Trust
from backstory.errors import (
    GoneError,
    LimitReachedError,
    MissingError,
    SchemaError,
    VersionConflictError,
)

KEY = ContextKey.parse("users.1/chat")
OTHER = ContextKey.parse("users.1/other")
ANNA = Author("anna", Trust.USER)
PUT = Put(KEY, "conversation", b'{"a":1}', ("x",), None)


def commit(*operations, number=1, at=1000):
    return Commit("acme", number.to_bytes(10, "big"), ANNA, at, operations)


def entry(entry_id=None):
    return NewEntry("user", "message", b'"text"', None, entry_id)


def planned(*operations, loaded=None, **more):
    effect, results = plan(commit(*operations, **more), KEY, operations, loaded or Loaded())
    return effect, results


@pytest.fixture
def standing():
    """A context with two entries, at version 1."""
    effect, _ = planned(PUT, Append(KEY, (entry(), entry())))
    return effect.after


def test_needs_name_what_has_to_be_loaded():
    asked = needs((Append(KEY, (entry("a"), entry(), entry("b"))), Redact(KEY, 3)))
    assert (asked.ids, asked.redact, asked.chain, asked.past) == ({"a", "b"}, 3, False, None)
    assert needs((Restore(KEY, 4),)).past == (KEY, 4)
    assert needs((Restore(KEY, 4),)).chain
    assert needs((Fork(KEY, OTHER),)).past == (OTHER, None)


def test_ids_of_contexts_are_random_because_commits_are():
    first, _ = planned(PUT, number=1)
    second, _ = planned(PUT, number=2)
    again, _ = planned(PUT, number=1)
    assert first.after.head.id != second.after.head.id
    assert first.after.head.id == again.after.head.id


def test_operations_see_those_before_them(standing):
    effect, results = planned(
        Patch(KEY, MergePatch({"b": 1})),
        Patch(KEY, MergePatch({"a": None})),
        Append(KEY, (entry("i"),)),
        Append(KEY, (entry("i"),)),
        loaded=Loaded(snapshot=standing),
        number=2,
    )
    assert effect.after.state == b'{"b":1}'
    assert [result.seqs for result in results] == [(), (), (3,), (3,)]
    assert {result.version for result in results} == {2}
    assert effect.after.head.entry_count == 3


def test_conditions_look_at_what_stood_before_the_commit(standing):
    held = Conditions(if_version=1)
    effect, _ = planned(
        Patch(KEY, MergePatch({"b": 1}), held),
        Append(KEY, (entry(),), held),
        loaded=Loaded(snapshot=standing),
        number=2,
    )
    assert effect.after.head.version == 2
    with pytest.raises(VersionConflictError):
        planned(Delete(KEY, Conditions(if_version=2)), loaded=Loaded(snapshot=standing))


def test_changes_that_cancel_out_still_count_as_one(standing):
    effect, _ = planned(
        Patch(KEY, MergePatch({"a": 2})),
        Patch(KEY, MergePatch({"a": 1})),
        loaded=Loaded(snapshot=standing),
    )
    assert effect.after.state == standing.state
    assert effect.after.head.version == 2


def test_expiring_is_nothing_before_its_time(standing):
    assert planned(Expire(KEY), loaded=Loaded(snapshot=standing))[0] is None
    late, _ = planned(Put(KEY, "session", b"{}", (), 2000))
    loaded = Loaded(snapshot=late.after)
    assert planned(Expire(KEY), loaded=loaded, at=1999)[0] is None
    effect, _ = planned(Expire(KEY), loaded=loaded, at=2000)
    assert (effect.op, effect.after.head.deleted) == (Op.EXPIRED, True)


def test_seqs_end_at_their_bound(standing):
    full = Snapshot(structs.replace(standing.head, last_seq=limits.SEQ_MAX), standing.state)
    with pytest.raises(LimitReachedError):
        planned(Append(KEY, (entry(),)), loaded=Loaded(snapshot=full))


def test_a_chain_of_too_many_pieces_is_refused(standing):
    pieces = tuple(Piece(n, 2 * n, 2 * n) for n in range(1, limits.CHAIN_SEGMENTS + 1))
    past = Past(KEY, 1, Document.of(standing), Chain(pieces), Trust.USER)
    with pytest.raises(LimitReachedError, match="export"):
        planned(Restore(KEY, 1), loaded=Loaded(snapshot=standing, past=past))


def test_a_past_that_cannot_be_read_or_was_a_deletion_is_no_way_back(standing):
    with pytest.raises(GoneError):
        planned(Restore(KEY, 7), loaded=Loaded(snapshot=standing))
    dead, _ = planned(Delete(KEY), loaded=Loaded(snapshot=standing))
    past = Past(KEY, 2, Document.of(dead.after), Chain(), Trust.USER)
    with pytest.raises(MissingError, match="deletion"):
        planned(Restore(KEY, 2), loaded=Loaded(snapshot=standing, past=past))


def test_a_purge_needs_something_to_purge(standing):
    with pytest.raises(MissingError):
        planned(Purge(KEY))
    effect, _ = planned(Purge(KEY), loaded=Loaded(snapshot=standing))
    assert (effect.purge, effect.op, effect.after.state) == (True, Op.PURGED, b"{}")


def test_a_purged_name_goes_on_from_what_is_left_over():
    effect, (_, appended) = planned(
        PUT, Append(KEY, (entry(),)), loaded=Loaded(version=7, last_seq=40)
    )
    head = effect.after.head
    assert (head.version, head.born, head.history_from, head.last_seq) == (8, 8, 8, 41)
    assert appended.seqs == (41,)
    assert effect.start.first == 41


def test_a_replaced_label_changes_the_head_and_not_the_state(standing):
    put = Put(KEY, None, b'{"a":1}', {"x": "y"}, None)
    effect, _ = planned(put, loaded=Loaded(snapshot=standing), number=2)
    assert effect.parts == Part.HEAD
    assert effect.after.head.state_version == 1
    assert changes_document(standing.head, effect.after.head)


def test_documents_come_back_from_their_bytes(standing):
    document = Document.of(standing)
    assert Document.decode(document.encode()) == document
    labelled, _ = planned(Put(KEY, "session", b'{"\\n":"\\n"}', {"a": "b"}, 5))
    assert Document.decode(Document.of(labelled.after).encode()) == Document.of(labelled.after)


def test_derived_ids_are_read_back_and_nobody_else_s():
    assert derived_seq(derived_id(12)) == 12
    for text in ("12", "~", "~x", "~-1", "~٣", "~1 "):
        assert derived_seq(text) is None


def test_a_first_put_needs_a_kind():
    with pytest.raises(SchemaError) as caught:
        planned(Put(KEY, None, b"{}", (), None))
    assert caught.value.errors[0].pointer == "/kind"
