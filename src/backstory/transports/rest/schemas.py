"""Shapes of bodies and answers: what is sent is checked by them, all of it is documented by them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from backstory import limits
from backstory.processing.formats import FORMATS

POINTER = r"^(/([^~/]|~[01])*)*$"  # RFC 6901
Version = Annotated[int, Meta(ge=1, le=limits.VERSION_MAX)]
Condition = Annotated[
    int, Meta(ge=0, le=limits.VERSION_MAX, description="0 means: there is no such context.")
]
Object = dict[str, Any]
Labels = Annotated[
    list[str] | dict[str, str],
    Meta(description="A list of words, or an object of words to words."),
]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
Seq = Annotated[int, Meta(ge=1, le=limits.SEQ_MAX)]
Spans = Annotated[
    list[list[int]], Meta(description="Ranges of seqs, each `[first, last]`, both included.")
]

_WORD = {"pattern": "^[a-z][a-z0-9_-]*$", "maxLength": limits.ENTRY_ROLE_BYTES}
ROLE: dict[str, Any] = {"type": "string", "default": "user", **_WORD}
Word = Annotated[
    str,
    Meta(
        description=f"[a-z0-9_-], a letter first, {limits.ENTRY_ROLE_BYTES} bytes at most.",
        extra_json_schema=_WORD,
    ),
]
NAMESPACE_PATTERN = r"[a-z0-9_-]+(\.[a-z0-9_-]+){0,7}"
NAME_PATTERN = r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*"
Address = Annotated[
    str,
    Meta(
        description="`namespace/name`",
        extra_json_schema={"pattern": f"^{NAMESPACE_PATTERN}/{NAME_PATTERN}$"},
    ),
]
JSON_PATCH_SCHEMA: dict[str, Any] = {
    "type": "array",
    "maxItems": limits.PATCH_OPERATIONS,
    "items": {
        "type": "object",
        "required": ["op", "path"],
        "properties": {
            "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
            "path": {"type": "string", "pattern": POINTER},
            "from": {"type": "string", "pattern": POINTER},
            "value": {},
        },
        "allOf": [
            {
                "if": {"properties": {"op": {"enum": ["add", "replace", "test"]}}},
                "then": {"required": ["value"]},
            },
            {
                "if": {"properties": {"op": {"enum": ["move", "copy"]}}},
                "then": {"required": ["from"]},
            },
        ],
    },
}
JsonPatch = Annotated[Any, Meta(extra_json_schema=JSON_PATCH_SCHEMA)]


# -- what is sent ----------------------------------------------------------------------
class PutContext(Struct, forbid_unknown_fields=True):
    """Replaces state, labels and expiry as a whole; what is missing is empty."""

    kind: str | None = None
    state: Object | UnsetType = UNSET
    labels: Labels | None = None
    expires_at: Moment | None = None


class PutKind(Struct, forbid_unknown_fields=True):
    """What a kind shall demand: JSON Schema 2020-12 for its states, its entries or both.

    `migration` is a JSON Patch template that brings states to this version.
    """

    schema: Object | UnsetType = UNSET
    entry_schema: Object | UnsetType = UNSET
    compatibility: Literal["backward", "forward", "full", "none"] | UnsetType = UNSET
    migration: list[Object] | UnsetType = UNSET


class NewPart(Struct):
    """A part of an entry's content, with whatever else its type needs."""

    type: str


class NewEntry(Struct, forbid_unknown_fields=True):
    """An entry to append. An `id` makes a retry safe: a known one is not stored twice.

    Describes only; `domain.intake` checks, and names all wrong places at once.
    """

    role: Word
    content: str | list[NewPart]
    id: (
        Annotated[str, Meta(min_length=1, max_length=limits.ENTRY_ID_BYTES, pattern="^[^~]")] | None
    ) = None
    type: Word = "message"
    metadata: Object | None = None


NewEntries = Annotated[
    Any,
    Meta(
        extra_json_schema={
            "type": "array",
            "minItems": 1,
            "maxItems": limits.APPEND_ENTRIES,
            "items": {"$ref": "#/components/schemas/NewEntry"},
        }
    ),
]


class AppendEntries(Struct, forbid_unknown_fields=True):
    """Entries to add behind the last, in their order."""

    entries: NewEntries
    if_version: Condition | None = None


AppendBody = Annotated[
    Any,
    Meta(
        description="Entries; or with `format`, messages as that provider's API takes them.",
        extra_json_schema={
            "anyOf": [
                {"$ref": "#/components/schemas/AppendEntries"},
                *(
                    {"type": "object", "required": [form.members[0]]}
                    for form in FORMATS.values()
                    if form.name != "anthropic"  # whose messages have the name of OpenAI's
                ),
            ]
        },
    ),
]


class Restore(Struct, forbid_unknown_fields=True):
    """The version to go back to."""

    version: Version


class Fork(Struct, forbid_unknown_fields=True):
    """Where to begin a copy, and from which version (the present without `at`)."""

    to: Address
    at: Version | None = None


class Operation(Struct, forbid_unknown_fields=True, tag_field="op", kw_only=True):
    """What the operations of a commit have in common."""

    context: Address
    if_version: Condition | None = None
    if_state_version: Condition | None = None


class PutOperation(Operation, tag="put"):
    """Creates a context, or replaces its state, labels and expiry as a whole."""

    kind: str | None = None
    state: Object | UnsetType = UNSET
    labels: Labels | None = None
    expires_at: Moment | None = None


class PatchOperation(Operation, tag="patch"):
    """Changes the state by either `merge` (RFC 7396) or `ops` (RFC 6902)."""

    merge: Any = UNSET
    ops: Annotated[Any, Meta(extra_json_schema=JSON_PATCH_SCHEMA)] = UNSET


class AppendOperation(Operation, tag="append"):
    """Adds entries behind the last."""

    entries: NewEntries


class DeleteOperation(Operation, tag="delete"):
    """Takes the context away and keeps its history."""


AnyOperation = PutOperation | PatchOperation | AppendOperation | DeleteOperation


class CommitOperations(Struct, forbid_unknown_fields=True):
    """Operations that happen together or not at all."""

    operations: Annotated[
        list[AnyOperation],
        Meta(min_length=1, extra_json_schema={"maxItems": limits.COMMIT_OPERATIONS}),
    ]


class SearchText(Struct, forbid_unknown_fields=True):
    """Words, `"phrases"` and `beginnings*`, all of which have to occur."""

    query: str = ""
    namespace: str | None = None
    kind: str | None = None
    label: str | None = None
    limit: Annotated[int, Meta(ge=1, le=limits.PAGE_MAX)] = limits.PAGE_DEFAULT
    cursor: str | None = None


Bytes = Annotated[str, Meta(extra_json_schema={"format": "binary"})]
Hash = Annotated[
    str, Meta(pattern="^[0-9a-f]{64}$", description="The BLAKE3 hash of a chunk's bytes.")
]


class ChunkRef(Struct, forbid_unknown_fields=True):
    """A chunk by its hash, and how many bytes it has."""

    hash: Hash
    size: Annotated[int, Meta(ge=1, le=limits.CHUNK_BYTES)]


class PutManifest(Struct, forbid_unknown_fields=True):
    """Content as a list of chunks, all of which the caller may read or has uploaded."""

    chunks: list[ChunkRef]
    media_type: str | None = None


class ContentEdit(Struct, forbid_unknown_fields=True):
    """Takes bytes away at a place and puts others there: text as UTF-8, or base64."""

    offset: Annotated[int, Meta(ge=0, le=limits.CONTENT_BYTES)]
    delete: Annotated[int, Meta(ge=0, le=limits.CONTENT_BYTES)] = 0
    insert: str = ""
    insert_base64: str | UnsetType = UNSET


class PatchContent(Struct, forbid_unknown_fields=True):
    """Edits in order and apart; offsets count the bytes of the content before any of them."""

    edits: Annotated[list[ContentEdit], Meta(min_length=1)]


class AskMissing(Struct, forbid_unknown_fields=True):
    """The hashes of chunks that a manifest is going to name."""

    hashes: list[Hash]


# -- what is answered ------------------------------------------------------------------
class Content(Struct):
    """What names the content: the root hash of its manifest, its media type and bytes."""

    root: Hash
    media_type: str
    size: int


class Manifest(Content, kw_only=True):
    """Some chunks of content in order; `count` is how many there are, `next` where to go on."""

    count: int
    items: list[ChunkRef]
    next: int | None


class Missing(Struct):
    """The chunks that the caller would have to upload."""

    missing: list[Hash]


class Head(Struct):
    """All of a context but its state, entries and content."""

    id: str
    namespace: str
    name: str
    kind: str
    version: Version
    epoch: str
    state_version: int
    content_version: int
    schema_version: int
    labels: Labels
    entry_count: int
    content: Content | None
    author: str
    trust: str
    created_at: Moment
    updated_at: Moment
    expires_at: Moment | None


class Entry(Struct):
    """One item of the log; a redacted one has type `redacted` and no text."""

    seq: Seq
    id: str
    role: str
    type: str
    content: str | list[Object]
    metadata: Object
    author: str
    trust: str
    version: Version
    created_at: Moment


class Context(Head, kw_only=True):
    """A head with its state, and its last entries where they were asked for."""

    state: Object
    entries: list[Entry] | UnsetType = UNSET
    entries_next: int | UnsetType | None = UNSET


class ReplayedHead(Struct):
    """What is left to say of a write whose version is no longer kept."""

    namespace: str
    name: str
    version: Version


class CatchUp(Struct, rename={"from_": "from"}):
    """What leads from the version that the caller holds to a later one."""

    from_: int
    to: Version
    more: bool
    epoch: str
    patch: list[Object]
    head: Object
    entries: list[Entry]
    hidden: Spans
    redacted: list[Seq]
    content: Hash | None


class Appended(Struct):
    """Where the entries are: one seq for each that was sent; `created` counts the new ones."""

    version: Version
    first_seq: Seq
    last_seq: Seq
    seqs: list[Seq]
    created: int
    ignored: (
        Annotated[
            list[str],
            Meta(description="With `format`: members of the request that are no conversation."),
        ]
        | UnsetType
    ) = UNSET


class Change(Struct):
    """What one commit did to one context. Names are null once it was purged."""

    commit: str
    id: str
    namespace: str | None
    name: str | None
    kind: str | None
    version: Version
    op: Literal["created", "updated", "deleted", "expired", "purged"]
    parts: list[str]
    seqs: Spans
    by: str
    trust: str
    at: Moment


class StreamChange(Change, kw_only=True):
    """A change, with the cursor behind it."""

    cursor: str


class Contexts(Struct):
    """A page of heads."""

    items: list[Head]
    next: str | None


class Entries(Struct):
    """A page of entries; `next` is the seq to go on from."""

    items: list[Entry]
    next: Seq | None


class Loss(Struct):
    """What of an entry the messages do not carry (`dropped`), or carry in another form.

    `pointer` is a JSON Pointer into the entry of that `seq`.
    """

    seq: Seq
    pointer: str
    detail: str
    dropped: bool


class Messages(Struct):
    """A page of entries in the form of a provider's API; `next` is the seq to go on from."""

    input: Object
    losses: list[Loss]
    next: Seq | None


class Versions(Struct):
    """A page of a context's changes; `next` is the version to go on from."""

    items: list[Change]
    next: Version | None


class Changes(Struct):
    """A page of the stream; `next` is always there."""

    items: list[StreamChange]
    next: str


class ShownHidden(Struct):
    """Ranges of entries that became visible, and that no longer are."""

    shown: Spans
    hidden: Spans


class Difference(Struct, rename={"from_": "from"}):
    """What lies between two versions."""

    from_: Version
    to: Version
    patch: list[Object]
    head: Object
    entries: ShownHidden


class Forgotten(Head, kw_only=True):
    """The head, with the oldest version that can still be read back."""

    history_from: Version


class CommitResult(Struct, omit_defaults=True):
    """What one operation came to."""

    context: str
    op: str
    version: int
    changed: bool
    created: bool | int = False
    first_seq: Seq | UnsetType = UNSET
    last_seq: Seq | UnsetType = UNSET
    seqs: list[Seq] | UnsetType = UNSET


class Committed(Struct):
    """`commit` is null where nothing changed."""

    commit: str | None
    results: list[CommitResult]


class Found(Struct):
    """A state (`seq` null) or an entry; highlights are pairs of offsets into the text."""

    context: str
    kind: str
    seq: Seq | None
    score: float
    text: str
    highlights: list[list[int]]


class FoundPage(Struct):
    """Hits, the best first."""

    items: list[Found]
    next: str | None


class WindowTokens(Struct):
    """What the window costs; `exact` where provider and counter leave nothing to guess."""

    total: int
    by_source: dict[str, int]
    counter: str
    exact: bool


class LedgerRow(Struct):
    """What became of pieces of a source, and why. `trust` and `tokens` null: not read."""

    source: str
    part: Literal["state", "content", "arguments", "entries"]
    kept: int
    dropped: int
    reason: str
    trust: str | None
    tokens: int | None
    seqs: Spans | None


class Window(Struct):
    """`input` is exactly what the provider's API takes, or text."""

    input: Object | str
    tokens: WindowTokens
    ledger: list[LedgerRow]
    versions: dict[str, int]
    render_id: str
    prefix_hash: str


class WindowParameter(Struct, rename={"from_": "from"}):
    """A member of the request, or of one of its sources, that differs."""

    source: str | None
    parameter: str
    from_: Any
    to: Any


class WindowVersions(Struct, rename={"from_": "from"}):
    """The versions of one source; null where only one of the renders has it."""

    from_: int | None
    to: int | None


class WindowFate(Struct):
    """What became of pieces, and why."""

    kept: bool
    reason: str


class WindowTurn(Struct, rename={"from_": "from"}):
    """Pieces whose fate differs; null where a render knows nothing of them."""

    source: str
    part: Literal["state", "content", "arguments", "entries"]
    from_: WindowFate | None
    to: WindowFate | None
    seqs: Spans | None


class WindowEntries(Struct):
    """Entries of one source that only one of the renders shows."""

    source: str
    only_in_from: Spans
    only_in_to: Spans


class WindowPlace(Struct):
    """Where the inputs begin to differ; `offset` in characters, where that is in a text."""

    pointer: str
    offset: int | None


class WindowTokensDifference(Struct, rename={"from_": "from"}):
    """The costs of both."""

    from_: WindowTokens
    to: WindowTokens


class WindowDifference(Struct):
    """What differs between two renders; `first_difference` null: the inputs are equal."""

    parameters: list[WindowParameter]
    versions: dict[str, WindowVersions]
    ledger: list[WindowTurn]
    entries: list[WindowEntries]
    first_difference: WindowPlace | None
    tokens: WindowTokensDifference


class Kind(Struct):
    """A kind and its schemas (JSON Schema 2020-12)."""

    kind: str
    built_in: bool
    version: int
    schema_version: int
    schema: Object | None
    entry_schema: Object | None
    compatibility: str
    migrations: Object


class KindItem(Struct):
    """A kind; `schema_version` 0 where it has no schema."""

    kind: str
    built_in: bool
    version: int
    schema_version: int


class Kinds(Struct):
    """A page of kinds."""

    items: list[KindItem]
    next: str | None


class Right(Struct):
    """A verb and the namespaces it holds in."""

    verb: str
    namespace: str
    reserved: bool


class Whoami(Struct):
    """Who calls, and what the caller may do."""

    tenant: str
    subject: str
    client: str | None
    trust: str
    roles: list[str]
    scopes: list[str] | None
    rights: list[Right]


class Check(Struct):
    """How one part of the server fares."""

    status: Literal["ok", "failed"]
    detail: str | UnsetType = UNSET
    code: str | UnsetType = UNSET


class Health(Struct):
    """How the server fares, part by part."""

    status: Literal["ok", "failed", "draining", "starting"]
    version: str
    epoch: str
    checks: dict[str, Check]


class Status(Struct):
    """One word for probes."""

    status: str
    detail: str | UnsetType = UNSET


class Violation(Struct):
    """One wrong place: a JSON Pointer into the body, and a sentence."""

    pointer: str
    detail: str
    rule: str | UnsetType = UNSET


class Problem(Struct):
    """An RFC 9457 problem document; `code` is stable."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    trace_id: str
    errors: list[Violation] | UnsetType = UNSET
    retry_after: int | UnsetType = UNSET
    current_version: int | UnsetType = UNSET
