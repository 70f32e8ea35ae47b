"""The one tree of errors.

Every error that leaves a floor of the house is one of these. A driver's error is
translated into the tree once per adapter, and the tree into a wire format once per
transport. `code` is stable: clients may switch on it, and the reference lists each.

    BackstoryError
    ├── ConfigError                 a setting or an extension is wrong; the start stops
    ├── BrokenExtensionError        an extension failed where it must not             500
    ├── InvalidError                what was sent cannot be understood            400 / 422
    │   ├── MalformedError          not JSON, not a cursor, not a tag, bad query  400
    │   ├── SchemaError             well-formed, but not what is allowed here     422
    │   │   ├── ChunkMismatchError  bytes that do not have the hash they came with 422
    │   │   ├── UnknownModelError   nobody knows how the model counts             422
    │   │   └── RenderBudgetError   less than what is pinned                      422
    │   ├── TooLargeError           over a bound of limits.py                     413 / 431
    │   └── RequestTimeoutError     the request did not come in time              408
    ├── DeniedError                 the caller may not                            401 / 403
    ├── MissingError                there is nothing there                        404
    │   └── SearchDisabledError     the store keeps no index of words             404
    ├── GoneError                   there was, and it cannot be told any more     410
    │   └── RenderGoneError         a window that cannot be made again            410
    ├── ConflictError               the present state stands against it           409 / 412
    │   ├── VersionConflictError    a condition in a body did not hold            409
    │   ├── PreconditionError       a condition in a header did not hold          412
    │   ├── PatchConflictError      a patch does not apply                        409
    │   ├── KindConflictError       the context has another kind                  409
    │   ├── ChunksMissingError      a manifest names chunks the caller has to send 409
    │   ├── UploadsFullError        chunks that no content names fill their bound 409
    │   ├── ExistsError             the name is taken                             409
    │   └── IncompatibleError       a schema breaks what the kind promised        409
    ├── KeyReusedError              an idempotency key with another request       422
    ├── DeclinedError               a handler of an extension says why not        422
    ├── BusyError                   a bound on work under way; try again later    429 / 503
    │   └── StaleRulesError         kinds were registered anew again and again    503
    ├── SummariserError             whoever makes summaries made none             503
    └── StoreError                  the store cannot do its work                  503
        ├── StoreUnavailableError   nothing was written; try again
        ├── OutcomeUnknownError     may have been committed; retry with the same key or ids
        ├── StoreCorruptError       the file or what is in it is damaged
        │   └── ContentCorruptError a chunk of content is not what it was
        ├── StoreFullError          no room on the disk; nothing was written
        └── SchemaVersionError      made by another release; names `backstory migrate`
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with what was sent.

    `pointer` is a JSON Pointer (RFC 6901) into the request body, `detail` a sentence,
    `rule` a JSON Pointer into the schema, where a schema said so.
    """

    pointer: str
    detail: str
    rule: str | None = None


class BackstoryError(Exception):
    """Something failed in a way that has a name.

    `detail` is one sentence for a person, which says what to do where that is known.
    `context` holds machine-readable members of the answer, such as the current version.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        errors: tuple[Violation, ...] = (),
        retry_after: int | None = None,
        **context: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.retry_after = retry_after
        self.context = context


class ConfigError(BackstoryError):
    """A setting or an extension is wrong; the start stops with one line that names it."""

    code = "config_invalid"
    title = "Invalid configuration"


class BrokenExtensionError(BackstoryError):
    """An extension failed where it must not; its author has to look, callers learn nothing."""


class InvalidError(BackstoryError):
    """What was sent cannot be used."""

    code = "invalid"
    status = 400
    title = "Invalid request"


class MalformedError(InvalidError):
    """What was sent cannot be read at all."""

    code = "malformed"
    title = "Malformed request"


class InvalidKeyError(MalformedError):
    """A namespace or a name breaks the rule for keys."""

    code = "invalid_key"
    title = "Invalid key"


class InvalidCursorError(MalformedError):
    """A cursor was altered, or handed out to somebody else or by another store."""

    code = "invalid_cursor"
    title = "Invalid cursor"


class InvalidPatchError(MalformedError):
    """A patch document is not one (RFC 6902 section 3 and 4)."""

    code = "invalid_patch"
    title = "Invalid patch"


class SchemaError(InvalidError):
    """Well-formed, but not what is allowed here; `errors` points to each place."""

    code = "schema_violation"
    status = 422
    title = "Schema violation"


class UnknownKindError(SchemaError):
    """No kind of that name is known."""

    code = "unknown_kind"
    title = "Unknown kind"


class UnknownModelError(SchemaError):
    """Nobody knows how the model counts; the detail lists the counters there are."""

    code = "unknown_model"
    title = "Unknown model"


class RenderBudgetError(SchemaError):
    """What is pinned is over the budget; `needed`, `available` and `missing` are tokens."""

    code = "budget_too_small"
    title = "Budget too small"


class KeyReusedError(InvalidError):
    """The same idempotency key came with another method, path or body."""

    code = "idempotency_key_reused"
    status = 422
    title = "Idempotency key reused"


class TooLargeError(InvalidError):
    """Over a bound; `context` names it (`limit`) with its value and unit."""

    code = "too_large"
    status = 413
    title = "Too large"


class ChunkMismatchError(SchemaError):
    """The bytes of a chunk do not have the hash that they were sent under."""

    code = "chunk_mismatch"
    title = "Chunk mismatch"


class HeadTooLargeError(TooLargeError):
    """Path, query and headers together are over their bound (RFC 6585 section 5)."""

    code = "headers_too_large"
    status = 431
    title = "Headers too large"


class RequestTimeoutError(InvalidError):
    """The request did not come in time; nothing was done."""

    code = "request_timeout"
    status = 408
    title = "Request timeout"


class UnsupportedMediaError(InvalidError):
    """The media type of the body is not one that this call reads."""

    code = "unsupported_media_type"
    status = 415
    title = "Unsupported media type"


class MethodError(InvalidError):
    """The resource is there, but not for this method."""

    code = "method_not_allowed"
    status = 405
    title = "Method not allowed"


class NotAcceptableError(InvalidError):
    """None of the media types the caller accepts can be served."""

    code = "not_acceptable"
    status = 406
    title = "Not acceptable"


class RangeError(InvalidError):
    """The range asked for lies outside of the content (RFC 9110 section 14.4)."""

    code = "range_not_satisfiable"
    status = 416
    title = "Range not satisfiable"


class DeniedError(BackstoryError):
    """The caller may not do this."""

    code = "forbidden"
    status = 403
    title = "Forbidden"


class UnauthenticatedError(DeniedError):
    """Nobody has said who calls, or it could not be believed."""

    code = "unauthenticated"
    status = 401
    title = "Authentication required"


class MissingError(BackstoryError):
    """There is nothing there, or nothing that the caller may know of."""

    code = "not_found"
    status = 404
    title = "Not found"


class SearchDisabledError(MissingError):
    """The store was set up without search, so there is nothing to look in."""

    code = "search_disabled"
    title = "Search disabled"


class GoneError(BackstoryError):
    """What was asked for was there once and cannot be told any more."""

    code = "history_gone"
    status = 410
    title = "History gone"


class RenderGoneError(GoneError):
    """A window cannot be made again as it was; the detail says why."""

    code = "render_gone"
    title = "Render gone"


class ConflictError(BackstoryError):
    """The present state stands against the request."""

    code = "conflict"
    status = 409
    title = "Conflict"


class VersionConflictError(ConflictError):
    """A condition in a body did not hold; `current` is the version that stands."""

    code = "version_conflict"
    title = "Version conflict"


class PreconditionError(ConflictError):
    """A condition in a header did not hold; `current` is the version that stands."""

    code = "precondition_failed"
    status = 412
    title = "Precondition failed"


class PatchConflictError(ConflictError):
    """A patch does not apply; `operation` is the index of the one that failed."""

    code = "patch_conflict"
    title = "Patch conflict"


class KindConflictError(ConflictError):
    """The context exists with another kind, which never changes in its life."""

    code = "kind_conflict"
    title = "Kind conflict"


class ExistsError(ConflictError):
    """The name is taken by a living context."""

    code = "already_exists"
    title = "Already exists"


class ChunksMissingError(ConflictError):
    """A manifest names chunks that the caller has not uploaded; `missing` lists them."""

    code = "chunks_missing"
    title = "Chunks missing"


class UploadsFullError(ConflictError):
    """A tenant's chunks that no content names are over their bound; name them, or wait a day."""

    code = "uploads_full"
    title = "Uploads full"


class IncompatibleError(ConflictError):
    """A new schema breaks the kind's compatibility; `errors` names each breaking change."""

    code = "schema_incompatible"
    title = "Incompatible schema"


class LimitReachedError(ConflictError):
    """The context has reached a bound that no retry can change; the detail says which."""

    code = "limit_reached"
    title = "Limit reached"


class DeclinedError(BackstoryError):
    """A handler of an extension says, in its own words, why it cannot do it."""

    code = "declined"
    status = 422
    title = "Declined"


class BusyError(BackstoryError):
    """A bound on the work under way was reached; nothing was done, try again later."""

    code = "busy"
    status = 503
    title = "Busy"


class StaleRulesError(BusyError):
    """What a write was checked against was replaced meanwhile, each time it was tried again."""

    code = "rules_changed"
    title = "Rules changed"


SUMMARISER_FAILURES: Final = {
    "timeout": "no answer within the time that a try, or all of them, may take",
    "unreachable": "no connection, or one that broke off",
    "busy": "asked to come later (408, 409, 425, 429), to the end",
    "unavailable": "the provider failed (5xx), to the end",
    "refused": "the provider refused the request (any other status, redirects included)",
    "malformed": "an answer that is none of the provider's API",
    "too_large": "an answer over `SUMMARY_ANSWER_BYTES`",
    "empty": "an answer without text",
    "failed": "an extension's summariser raised an error of its own",
    "none": "the process was opened without a summariser",
}
"""Why there is no summary, or another summariser made it."""


class SummariserError(BackstoryError):
    """Whoever makes summaries made none; `reason` in the answer says why."""

    code = "summariser_failed"
    status = 503
    title = "Summariser failed"

    def __init__(
        self, detail: str, *, reason: str = "failed", retry_after: int | None = None
    ) -> None:
        super().__init__(detail, retry_after=retry_after, reason=reason)
        self.reason = reason


class StoreError(BackstoryError):
    """The store cannot do its work now."""

    code = "store_error"
    status = 503
    title = "Store error"


class StoreUnavailableError(StoreError):
    """The store cannot be reached or is locked; nothing was written."""

    code = "store_unavailable"
    title = "Store unavailable"


class OutcomeUnknownError(StoreError):
    """The write may have been committed; retry with the same idempotency key or entry ids."""

    code = "outcome_unknown"
    title = "Outcome unknown"


class StoreCorruptError(StoreError):
    """The store is damaged; the detail says what and how to go on."""

    code = "store_corrupt"
    title = "Store corrupt"


class ContentCorruptError(StoreCorruptError):
    """Content is damaged in the store; the detail says where. Nothing of it was passed on."""

    code = "content_corrupt"
    title = "Content corrupt"


class StoreFullError(StoreError):
    """No room is left for writing; nothing was written."""

    code = "store_full"
    status = 507
    title = "Store full"


class SchemaVersionError(StoreError):
    """The store was made by another release; `backstory migrate` says what to do."""

    code = "schema_version"
    title = "Wrong schema version"
