"""What the server cannot do now: 429, 503 and 507."""

from __future__ import annotations

from typing import Final

from backstory.errors.base import BackstoryError


class BusyError(BackstoryError):
    """A bound on the work under way was reached; nothing was done, try again later."""

    code = "busy"
    status = 503
    title = "Busy"


class RateLimitedError(BusyError):
    """The address or the caller comes too often; `Retry-After` says when it may come again."""

    code = "rate_limited"
    status = 429
    title = "Rate limited"


class ConnectionsFullError(BusyError):
    """The address has as many connections as one may; this one is closed."""

    code = "too_many_connections"
    status = 429
    title = "Too many connections"


class CertificateError(BackstoryError):
    """An authority gave no certificate; the one that is there goes on."""

    code = "certificate_failed"
    status = 503
    title = "No certificate"


class WatchesFullError(BusyError):
    """The caller waits for changes as often at a time as one may; nothing was begun."""

    code = "too_many_watches"
    status = 429
    title = "Too many watches"


class StaleRulesError(BusyError):
    """What a write was checked against was replaced meanwhile, each time it was tried again."""

    code = "rules_changed"
    title = "Rules changed"


class IssuerUnavailableError(BackstoryError):
    """The issuer cannot be asked about a token now; the token may be good, so keep it."""

    code = "issuer_unavailable"
    status = 503
    title = "Issuer unavailable"


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


class KeyUnusableError(StoreError):
    """What is stored is encrypted, and the key for it cannot be had; the detail says which."""

    code = "key_unusable"
    title = "Key unusable"


class StoreFullError(StoreError):
    """No room is left for writing; nothing was written."""

    code = "store_full"
    status = 507
    title = "Store full"


class SchemaVersionError(StoreError):
    """The store was made by another release; `backstory migrate` says what to do."""

    code = "schema_version"
    title = "Wrong schema version"


class CacheUnavailableError(BackstoryError):
    """The cache cannot be used now; readers go on without it, so that no caller sees this."""

    code = "cache_unavailable"
    status = 503
    title = "Cache unavailable"


class BusUnavailableError(BackstoryError):
    """Other nodes cannot be heard now; watchers go on a little later, so that no caller sees this."""

    code = "bus_unavailable"
    status = 503
    title = "Bus unavailable"


class WorkersFailingError(BackstoryError):
    """Worker processes die again and again; the others serve on, so that no caller sees this."""

    code = "workers_failing"
    status = 503
    title = "Workers failing"
