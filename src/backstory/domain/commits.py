"""What a caller asks to be done as one, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from backstory.domain.content import NewContent
from backstory.domain.contexts import Head, Labels
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.patches import JsonPatch, MergePatch
from backstory.domain.principals import Author
from backstory.domain.quotas import Quota
from backstory.domain.ruling import Foreseen, KindRule, KindTag


class Conditions(Struct, frozen=True):
    """What must hold of a context's version before the commit, or nothing is done.

    `if_version` and `if_state_version` stood in a body (0 means: there is no such context).
    `match` and `none_match` stood in `If-Match` and `If-None-Match` (RFC 9110 section 13):
    versions of this epoch, or "*" for any living context.
    """

    if_version: int | None = None
    if_state_version: int | None = None
    match: frozenset[int] | Literal["*"] | None = None
    none_match: frozenset[int] | Literal["*"] | None = None


ALWAYS = Conditions()


class Put(Struct, frozen=True):
    """Create, or replace state, labels and expiry as a whole; `kind` None keeps the kind.

    `rule` is what the state was ruled by. `place` is where the operation lies in the request,
    a JSON Pointer, here and in the other operations that have one.
    """

    key: ContextKey
    kind: str | None
    state: bytes
    labels: Labels
    expires_at: int | None
    conditions: Conditions = ALWAYS
    place: str = ""
    rule: KindRule | None = None


class Patch(Struct, frozen=True):
    """Change the state by a patch. `rule` rules what it comes to."""

    key: ContextKey
    patch: JsonPatch | MergePatch
    conditions: Conditions = ALWAYS
    place: str = ""
    rule: KindRule | None = None
    foreseen: Foreseen | None = None
    anyway: bool = False
    """Whether a large state may be ruled inside the transaction: it changed too often before."""


class Append(Struct, frozen=True):
    """Add entries behind the last; those whose id is known are not stored twice."""

    key: ContextKey
    entries: tuple[NewEntry, ...]
    conditions: Conditions = ALWAYS
    place: str = ""
    rule: KindRule | None = None


class Delete(Struct, frozen=True):
    """Take the context away and keep its history."""

    key: ContextKey
    conditions: Conditions = ALWAYS


class Expire(Struct, frozen=True):
    """Take away a context whose time is over. Nothing where it is not."""

    key: ContextKey
    conditions: Conditions = ALWAYS


class Purge(Struct, frozen=True):
    """Erase the context with its history; only id, keyed hash of the name and version stay."""

    key: ContextKey
    conditions: Conditions = ALWAYS


class Redact(Struct, frozen=True):
    """Take one entry's text out of present and past, in every context that shows it."""

    key: ContextKey
    seq: int
    conditions: Conditions = ALWAYS


class Restore(Struct, frozen=True):
    """Make the present like an earlier version; entries after it are hidden."""

    key: ContextKey
    version: int
    conditions: Conditions = ALWAYS


class Fork(Struct, frozen=True):
    """Make `key` begin as `source` stands, or stood at version `at`. Conditions are on `source`."""

    key: ContextKey
    source: ContextKey
    at: int | None = None
    conditions: Conditions = ALWAYS


class PutContent(Struct, frozen=True):
    """Give the context another content, or none.

    With `base`, the standing content has to be the one whose root this is (b"": none).
    """

    key: ContextKey
    content: NewContent | None
    base: bytes | None = None
    conditions: Conditions = ALWAYS


Operation = Put | Patch | Append | Delete | Expire | Purge | Redact | Restore | Fork | PutContent


class Idempotency(Struct, frozen=True):
    """A retry's name: keyed hashes of (tenant, subject, key) and of the request."""

    key: bytes
    request: bytes


class Commit(Struct, frozen=True):
    """Operations that happen together or not at all.

    `id` is random; `at` is in microseconds since the Unix epoch. Several operations on one
    context make one version of it. `kinds` are those that the operations were ruled by. `quota`
    is what the tenant may keep, where that is bounded.
    """

    tenant: str
    id: bytes
    author: Author
    at: int
    operations: tuple[Operation, ...]
    idempotency: Idempotency | None = None
    kinds: tuple[KindTag, ...] = ()
    quota: Quota | None = None


class Result(Struct, frozen=True):
    """What one operation came to.

    `version` is the context's after the commit, the old one where nothing changed. `seqs`
    has one seq for each entry that was sent; `appended` counts those that are new. `head`
    is None in a replay, whose context may have gone on since. `counts` is what transforms did
    inside the transaction.
    """

    key: ContextKey
    version: int
    created: bool = False
    changed: bool = True
    seqs: tuple[int, ...] = ()
    appended: int = 0
    head: Head | None = None
    counts: Mapping[str, int] = {}


class Outcome(Struct, frozen=True):
    """What a commit came to: `id` None where nothing changed, `replayed` for a known retry.

    `position` is the tenant's after the commit. `touched` are the contexts that it changed, those
    included that a redaction reached; a replay does not know them.
    """

    id: bytes | None
    results: tuple[Result, ...]
    position: int = 0
    replayed: bool = False
    touched: tuple[ContextKey, ...] = ()
