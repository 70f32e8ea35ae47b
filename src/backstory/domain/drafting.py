"""One context while the operations of a commit are applied to it: one verb a method."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from backstory import ids, limits
from backstory.domain import conditions, summaries
from backstory.domain.chains import Chain, Span, difference, merge
from backstory.domain.changes import Op, Part
from backstory.domain.commits import (
    Append,
    Commit,
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
from backstory.domain.content import ContentRef, NewContent
from backstory.domain.contexts import EMPTY_STATE, Head, Labels, Snapshot, missing
from backstory.domain.effects import ChainStart, Effect, Loaded, Past
from backstory.domain.entries import DERIVED_ID, NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Author, Trust
from backstory.domain.ruling import KindRule, RuledState, Standing, patched
from backstory.errors import (
    BackstoryError,
    ChunksMissingError,
    ExistsError,
    GoneError,
    KindConflictError,
    LimitReachedError,
    MissingError,
    PatchConflictError,
    SchemaError,
    StaleRulesError,
    VersionConflictError,
    Violation,
)

_NOTHING, _ENTRIES = Part(0), Part.ENTRIES


class Draft:
    """One context while operations are applied to it, one after the other."""

    def __init__(self, commit: Commit, key: ContextKey, loaded: Loaded) -> None:
        self.commit, self.key, self.loaded = commit, key, loaded
        before = loaded.snapshot
        self.before_version = before.head.version if before else loaded.version
        self.version = self.before_version + 1
        self.alive = before is not None and before.head.alive(commit.at)
        self.standing = before.head if before and self.alive else None
        self.kind = before.head.kind if before else ""
        self.labels: Labels = before.head.labels if before else ()
        self.expires_at = before.head.expires_at if before else None
        self.state = before.state if before else EMPTY_STATE
        self.content = before.head.content if before else None
        self.new_content: NewContent | None = None
        self.schema_version = before.head.schema_version if before else 0
        self.author = commit.author
        self.born = before.head.born if before else self.version
        self.last_seq = before.head.last_seq if before else loaded.last_seq
        self.count = before.head.entry_count if before else 0
        self.known = dict(loaded.known) if self.alive else {}
        self.appended: list[NewEntry] = []
        self.start: ChainStart | None = None
        self.op = Op.UPDATED
        self.parts = _NOTHING
        self.seqs: list[Span] = []
        self.purge = False
        self.redact: int | None = None

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

    def effect(self) -> Effect | None:
        """All of it as one version, or None where nothing changed."""
        before = self.loaded.snapshot
        if self.op is Op.UPDATED and not self.parts:
            return None
        if self.appended:
            self.seqs.append((self.last_seq - len(self.appended) + 1, self.last_seq))
        return Effect(
            before,
            Snapshot(self._head(), self.state if self.alive else EMPTY_STATE),
            self.op,
            self.parts,
            merge(self.seqs),
            tuple(self.appended),
            self.start,
            self.purge,
            self.redact,
            self.new_content,
        )

    def _head(self) -> Head:
        before, commit = self.loaded.snapshot, self.commit
        fresh = before is None or self.born == self.version
        return Head(
            id=before.head.id if before else _new_id(commit, self.key),
            key=self.key,
            kind=self.kind,
            version=self.version,
            commit=commit.id,
            state_version=self.version
            if fresh or self.parts.has(Part.STATE) or before is None
            else before.head.state_version,
            content_version=self._content_version(fresh=fresh),
            labels=self.labels if self.alive else (),
            entry_count=self.count if self.alive else 0,
            last_seq=self.last_seq,
            author=self.author,
            created_at=commit.at if fresh or before is None else before.head.created_at,
            updated_at=commit.at,
            expires_at=self.expires_at if self.alive else None,
            deleted=not self.alive,
            born=self.born,
            history_from=before.head.history_from if before else self.version,
            content=self.content if self.alive else None,
            schema_version=self.schema_version if self.alive else 0,
        )

    def _content_version(self, *, fresh: bool) -> int:
        before = self.loaded.snapshot
        if self.parts.has(Part.CONTENT) and (self.content is not None or not fresh):
            return self.version
        return 0 if fresh or before is None else before.head.content_version

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
        self.parts = _ENTRIES if self.parts is _NOTHING else self.parts | Part.ENTRIES
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

    # -- what the verbs share ----------------------------------------------------------

    def _must_live(self) -> None:
        if not self.alive:
            raise missing(self.key)

    def _past(self, version: int) -> Past:
        past = self.loaded.past
        if past is None:
            raise GoneError(f"version {version} cannot be read back", version=version)
        if past.document.deleted:
            raise MissingError(
                f"version {version} of {past.key} is a deletion; choose an earlier one"
            )
        self._believe(past.trust)
        return past

    def _believe(self, trust: Trust) -> None:
        """Who copies a text, or brings it back, does not make it any more believable."""
        self.author = Author(self.author.subject, max(self.author.trust, trust))

    def _begin(self, kind: str) -> None:
        """A new life of the name, with nothing of an earlier one to be seen."""
        self.alive = True
        self.op, self.born, self.kind = Op.CREATED, self.version, kind
        self.parts |= Part.STATE | Part.HEAD
        self.state, self.labels, self.count, self.known = EMPTY_STATE, (), 0, {}
        self.content = None
        self.schema_version = 0
        self.start = ChainStart(Chain(), self.last_seq + 1)

    def _end(self, op: Op) -> None:
        self.alive = False
        self.op = op
        self.parts |= Part.STATE | Part.HEAD
        if self.count:
            self.parts |= Part.CHAIN
        self.count, self.known = 0, {}
        self._set_content(None)

    def _show(self, chain: Chain) -> None:
        if len(chain.pieces) >= limits.CHAIN_SEGMENTS:
            raise LimitReachedError(
                f"{self.key} would be put together from more than {limits.CHAIN_SEGMENTS} pieces; "
                "export it and import it into a new context"
            )
        self.start = ChainStart(chain, self.last_seq + 1)
        self.count = chain.count

    def _must_be(self, rule: KindRule) -> None:
        """The rule is for the context's kind, which may be another than it was before."""
        if rule.kind != self.kind:
            raise StaleRulesError(f"{self.key} became a {self.kind} meanwhile; try again")

    def _ruled_by(self, rule: KindRule | None) -> None:
        if rule is not None:
            self._must_be(rule)
            self.schema_version = rule.version

    def _set_state(self, state: bytes) -> None:
        if state != self.state:
            self.state = state
            self.parts |= Part.STATE

    def _set_content(self, content: ContentRef | None) -> None:
        if content != self.content:
            self.content = content
            self.parts |= Part.CONTENT


def _chunks_missing(missing: Sequence[bytes]) -> ChunksMissingError:
    return ChunksMissingError(
        f"{len(missing)} chunks are missing; upload them and send the manifest again",
        missing=[one.hex() for one in missing[: limits.CHUNKS_NAMED]],
        count=len(missing),
    )


def _new_id(commit: Commit, key: ContextKey) -> bytes:
    """Random because the commit's id is, and another one for each name in the commit."""
    digest = blake2b(str(key).encode(), key=commit.id, digest_size=ids.CONTEXT_ID_BYTES)
    return digest.digest()
