"""One context while the operations of a commit are applied to it: one verb a method."""

from __future__ import annotations

from collections.abc import Sequence

from backstory import limits
from backstory.domain import conditions, summaries
from backstory.domain.chains import Chain, difference
from backstory.domain.changes import Op, Part
from backstory.domain.commits import (
    Append,
    Delete,
    Expire,
    Fork,
    Operation,
    Patch,
    Purge,
    Put,
    PutContent,
    Redact,
    Restore,
    Result,
)
from backstory.domain.contexts import missing
from backstory.domain.drafted import NOTHING, Drafted
from backstory.domain.entries import DERIVED_ID, NewEntry
from backstory.domain.ruling import RuledState, Standing, patched
from backstory.errors import (
    BackstoryError,
    ChunksMissingError,
    ExistsError,
    KindConflictError,
    LimitReachedError,
    MissingError,
    PatchConflictError,
    SchemaError,
    VersionConflictError,
    Violation,
)

_ENTRIES = Part.ENTRIES


class Draft(Drafted):
    """One context while operations are applied to it, one after the other."""

    def apply(self, operation: Operation) -> Result:
        match operation:
            case Put():
                return self._put(operation)
            case Patch():
                return self._patch(operation)
            case Append():
                return self._append(operation)
            case Delete():
                return self._delete(operation)
            case Expire():
                return self._expire()
            case Purge():
                return self._purge(operation)
            case Redact():
                return self._redact(operation)
            case Restore():
                return self._restore(operation)
            case Fork():
                return self._fork(operation)
            case PutContent():
                return self._put_content(operation)

    # -- one verb each -----------------------------------------------------------------

    def _put(self, put: Put) -> Result:
        conditions.check(put.conditions, self.key, self.standing)
        if not self.alive:
            if put.kind is None:
                detail = f"{self.key} does not exist; a new context needs a kind"
                raise SchemaError(detail, errors=(Violation("/kind", detail),))
            self._begin(put.kind)
            self._ruled_by(put.rule)
            self.state, self.labels, self.expires_at = put.state, put.labels, put.expires_at
            return Result(self.key, 0, created=True)
        if put.kind is not None and put.kind != self.kind:
            raise KindConflictError(
                f"{self.key} is a {self.kind}, not a {put.kind}; delete it first or use another name",
                kind=self.kind,
                current=self.before_version,
            )
        self._ruled_by(put.rule)
        self._set_state(put.state)
        if put.labels != self.labels or put.expires_at != self.expires_at:
            self.labels, self.expires_at = put.labels, put.expires_at
            self.parts |= Part.HEAD
        return Result(self.key, 0)

    def _patch(self, patch: Patch) -> Result:
        self._must_live()
        conditions.check(patch.conditions, self.key, self.standing)
        try:
            ruled = self._patched(patch)
        except PatchConflictError as error:
            error.context |= {"context": str(self.key), "current": self.before_version}
            raise
        if ruled.state != self.state:
            self._ruled_by(patch.rule)
            self._set_state(ruled.state)
        return Result(self.key, 0, counts=ruled.counts)

    def _patched(self, patch: Patch) -> RuledState:
        """What the patch comes to; a large state has to be foreseen, it may take seconds."""
        rule, foreseen = patch.rule, patch.foreseen
        if rule is None:
            return RuledState(patch.patch.apply(self.state))
        self._must_be(rule)
        standing = Standing(self.state, self.schema_version)
        if foreseen is not None and foreseen.before == standing:
            if isinstance(foreseen.after, BackstoryError):
                raise foreseen.after
            return foreseen.after
        most = None if patch.anyway else limits.RULED_INLINE_BYTES
        return patched(rule, patch.patch, standing, f"{patch.place}/state", most)

    def _append(self, append: Append) -> Result:
        self._must_live()
        conditions.check(append.conditions, self.key, self.standing)
        if append.rule is not None:
            self._must_be(append.rule)
        seqs: list[int] = []
        new = 0
        for index, entry in enumerate(append.entries):
            seq = self.known.get(entry.id) if entry.id is not None else None
            if seq is None:
                seq = self._add(index, entry)
                new += 1
            seqs.append(seq)
        return Result(self.key, 0, seqs=tuple(seqs), appended=new)

    def _add(self, index: int, entry: NewEntry) -> int:
        if entry.id is not None and entry.id.startswith(DERIVED_ID):
            detail = f"ids that begin with {DERIVED_ID} are made by the server"
            raise SchemaError(detail, errors=(Violation(f"/entries/{index}/id", detail),))
        summaries.check(entry.type, entry.metadata, self.last_seq + 1, f"/entries/{index}")
        if self.last_seq >= limits.SEQ_MAX:
            raise LimitReachedError(f"{self.key} has had {limits.SEQ_MAX} entries; begin another")
        self.last_seq += 1
        self.count += 1
        self.appended.append(entry)
        self.parts = _ENTRIES if self.parts is NOTHING else self.parts | Part.ENTRIES
        if entry.id is not None:
            self.known[entry.id] = self.last_seq
        return self.last_seq

    def _delete(self, delete: Delete) -> Result:
        self._must_live()
        conditions.check(delete.conditions, self.key, self.standing)
        self._end(Op.DELETED)
        return Result(self.key, 0)

    def _expire(self) -> Result:
        before = self.loaded.snapshot
        if before and not before.head.deleted and not before.head.alive(self.commit.at):
            self._end(Op.EXPIRED)
        return Result(self.key, 0)

    def _purge(self, purge: Purge) -> Result:
        if self.loaded.snapshot is None:
            raise missing(self.key)
        conditions.check(purge.conditions, self.key, self.standing)
        self._end(Op.PURGED)
        self.purge = True
        return Result(self.key, 0)

    def _redact(self, redact: Redact) -> Result:
        self._must_live()
        conditions.check(redact.conditions, self.key, self.standing)
        if self.loaded.redactable is None:
            raise MissingError(f"{self.key} shows no entry {redact.seq}")
        if self.loaded.redactable:
            self.redact = redact.seq
            self.seqs.append((redact.seq, redact.seq))
            self.parts |= Part.REDACTED
        return Result(self.key, 0)

    def _restore(self, restore: Restore) -> Result:
        if self.loaded.snapshot is None:
            raise missing(self.key)
        conditions.check(restore.conditions, self.key, self.standing)
        past, recreated = self._past(restore.version), not self.alive
        present = self.loaded.chain if self.loaded.chain and self.alive else Chain()
        if recreated:
            self._begin(past.document.kind)
            self.expires_at = None
        self._set_state(past.document.state)
        self._set_content(past.document.content)
        self.schema_version = past.document.schema_version
        if (past.document.labels, past.document.kind) != (self.labels, self.kind):
            # The kind differs where the name was deleted and used for something else.
            self.labels, self.kind = past.document.labels, past.document.kind
            self.parts |= Part.HEAD
        changed = difference(present, past.chain)
        if recreated or changed:
            self._show(past.chain)
            self.parts |= Part.CHAIN
            self.seqs += changed
        return Result(self.key, 0, created=recreated)

    def _fork(self, fork: Fork) -> Result:
        source = self.loaded.source
        if source is None or not source.head.alive(self.commit.at):
            raise missing(fork.source)
        conditions.check(fork.conditions, fork.source, source.head)
        if self.alive:
            raise ExistsError(
                f"{self.key} exists; fork to a name that is free", current=self.before_version
            )
        past = self._past(source.head.version if fork.at is None else fork.at)
        self._believe(source.head.author.trust)
        self._begin(past.document.kind)
        self.state, self.labels, self.expires_at = past.document.state, past.document.labels, None
        self.schema_version = past.document.schema_version
        if past.chain.pieces:
            self.last_seq = max(self.last_seq, past.chain.pieces[-1].last)
        self._set_content(past.document.content)
        self._show(past.chain)
        if past.chain.pieces:
            self.parts |= Part.CHAIN
            self.seqs += past.chain.spans
        # A fork on a new name begins at version 1; on a deleted one it goes on from the last.
        return Result(self.key, 0, created=True)

    def _put_content(self, put: PutContent) -> Result:
        self._must_live()
        conditions.check(put.conditions, self.key, self.standing)
        standing = self.content.root if self.content else b""
        if put.base is not None and put.base != standing:
            raise VersionConflictError(
                f"the content of {self.key} has changed; read it and try again",
                context=str(self.key),
                current=self.before_version,
            )
        new = put.content
        if new is None:
            self._set_content(None)
            return Result(self.key, 0)
        if self.loaded.missing:
            raise _chunks_missing(self.loaded.missing)
        self._set_content(new.manifest.ref(new.media_type))
        self.new_content = new
        return Result(self.key, 0)


def _chunks_missing(missing: Sequence[bytes]) -> ChunksMissingError:
    return ChunksMissingError(
        f"{len(missing)} chunks are missing; upload them and send the manifest again",
        missing=[one.hex() for one in missing[: limits.CHUNKS_NAMED]],
        count=len(missing),
    )
