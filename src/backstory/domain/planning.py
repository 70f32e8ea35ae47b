"""The heart: what a commit does to one context, decided without touching a store.

A store loads what `needs` names, calls `plan`, and writes the `Effect` that it answers, all
inside its own transaction. So every store does the same, and the rules can be tested alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import structs

from backstory.domain.chains import merge
from backstory.domain.changes import Op, Part
from backstory.domain.commits import (
    Append,
    Commit,
    Fork,
    Operation,
    PutContent,
    Redact,
    Restore,
    Result,
)
from backstory.domain.content import NewContent
from backstory.domain.contexts import Snapshot
from backstory.domain.drafting import Draft
from backstory.domain.effects import Effect, Loaded, Needs
from backstory.domain.keys import ContextKey


def needs(operations: Sequence[Operation]) -> Needs:
    """What `plan` will ask for."""
    if {type(operation) for operation in operations} == {Append}:
        return _appends(operations)
    known: set[str] = set()
    past: tuple[ContextKey, int | None] | None = None
    chain = False
    redact: int | None = None
    content: NewContent | None = None
    for operation in operations:
        match operation:
            case Append():
                known.update(entry.id for entry in operation.entries if entry.id is not None)
            case Restore():
                past, chain = (operation.key, operation.version), True
            case Fork():
                past = (operation.source, operation.at)
            case Redact():
                redact = operation.seq
            case PutContent():
                content = operation.content
            case _:
                pass
    return Needs(frozenset(known), past, chain, redact, content)


def _appends(operations: Sequence[Operation]) -> Needs:
    """What most commits need: nothing but the head, or a look for ids that were sent along."""
    known = [
        entry.id
        for operation in operations
        if isinstance(operation, Append)
        for entry in operation.entries
        if entry.id is not None
    ]
    return Needs(frozenset(known), state=False) if known else _HEAD


_HEAD: Final = Needs(state=False)


def plan(
    commit: Commit, key: ContextKey, operations: Sequence[Operation], loaded: Loaded
) -> tuple[Effect | None, list[Result]]:
    """What the operations on one name do, in their order; None where they change nothing.

    Raises:
        MissingError, ExistsError, KindConflictError, VersionConflictError, PreconditionError,
        PatchConflictError, SchemaError, TooLargeError, GoneError, LimitReachedError,
        ChunksMissingError: as the operations' own docstrings and `conditions.check` say;
            nothing is done then.
    """
    draft = Draft(commit, key, loaded)
    partial = [draft.apply(operation) for operation in operations]
    effect = draft.effect()
    version = draft.version if effect else draft.before_version
    head = effect.after.head if effect else (loaded.snapshot.head if loaded.snapshot else None)
    changed = effect is not None
    return effect, [
        Result(one.key, version, one.created, changed, one.seqs, one.appended, head, one.counts)
        for one in partial
    ]


def redaction(commit: Commit, snapshot: Snapshot, seqs: Iterable[int]) -> Effect:
    """What it does to a context that entries it shows lose their text."""
    head = structs.replace(
        snapshot.head,
        version=snapshot.head.version + 1,
        commit=commit.id,
        author=commit.author,
        updated_at=commit.at,
    )
    after = Snapshot(head, snapshot.state)
    return redacting(Effect(snapshot, after, Op.UPDATED, Part(0), ()), seqs)


def redacting(effect: Effect, seqs: Iterable[int]) -> Effect:
    """What a commit does to a context anyway, and that entries lose their text.

    Nothing is added where the context does not show them after the commit.
    """
    if effect.op is not Op.UPDATED:
        return effect
    spans = merge([*effect.seqs, *((seq, seq) for seq in seqs)])
    return structs.replace(effect, parts=effect.parts | Part.REDACTED, seqs=spans)
