"""One context as the operations of a commit leave it, and the version that comes of them."""

from __future__ import annotations

from hashlib import blake2b

from backstory import ids, limits
from backstory.domain.chains import Chain, Span, merge
from backstory.domain.changes import Op, Part
from backstory.domain.commits import Commit
from backstory.domain.content import ContentRef, NewContent
from backstory.domain.contexts import EMPTY_STATE, Head, Labels, Snapshot, missing
from backstory.domain.effects import ChainStart, Effect, Loaded, Past
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Author, Trust
from backstory.domain.ruling import KindRule
from backstory.errors import GoneError, LimitReachedError, MissingError, StaleRulesError

NOTHING = Part(0)


class Drafted:
    """What the verbs change (`drafting.Draft`), with what they share."""

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
        self.parts = NOTHING
        self.seqs: list[Span] = []
        self.purge = False
        self.redact: int | None = None

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


def _new_id(commit: Commit, key: ContextKey) -> bytes:
    """Random because the commit's id is, and another one for each name in the commit."""
    digest = blake2b(str(key).encode(), key=commit.id, digest_size=ids.CONTEXT_ID_BYTES)
    return digest.digest()
