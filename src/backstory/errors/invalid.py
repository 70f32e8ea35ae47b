"""What was sent cannot be used: 400, 408, 413 to 416, 422 and 431."""

from __future__ import annotations

from backstory.errors.base import BackstoryError


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


class BackupUnusableError(InvalidError):
    """The file is no backup, was cut short, or was altered; nothing was restored."""

    code = "backup_unusable"
    title = "Backup unusable"


class SchemaError(InvalidError):
    """Well-formed, but not what is allowed here; `errors` points to each place."""

    code = "schema_violation"
    status = 422
    title = "Schema violation"


class CommitSpansStoresError(SchemaError):
    """The contexts of one commit, or a fork and its source, are kept by different stores."""

    code = "commit_spans_stores"
    title = "Commit spans stores"


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
