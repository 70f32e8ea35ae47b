"""What was asked for may not be, is not there, or stands against what is."""

from __future__ import annotations

from backstory.errors.base import BackstoryError


class DeniedError(BackstoryError):
    """The caller may not do this."""

    code = "forbidden"
    status = 403
    title = "Forbidden"


class QuotaError(BackstoryError):
    """The tenant keeps as much as it may."""

    code = "quota"
    status = 403
    title = "Quota reached"


class QuotaContextsError(QuotaError):
    """The tenant keeps as many contexts as it may; delete some, or have the quota raised."""

    code = "quota_contexts"
    title = "Quota of contexts reached"


class QuotaBytesError(QuotaError):
    """The tenant keeps as many bytes as it may; purge or forget some, or have the quota raised."""

    code = "quota_bytes"
    title = "Quota of bytes reached"


class UnauthenticatedError(DeniedError):
    """Nobody has said who calls, or it could not be believed."""

    code = "unauthenticated"
    status = 401
    title = "Authentication required"


class TokenRefusedError(UnauthenticatedError):
    """A token that is not believed. `reason` is for the log: callers learn nothing of it."""

    def __init__(self, reason: str) -> None:
        super().__init__("the token is not accepted; get another one")
        self.reason = reason


class ProofRefusedError(TokenRefusedError):
    """The token may be good; the DPoP proof that its bearer has its key is not."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.detail = "the DPoP proof is not accepted; make a new one for each request"
        self.args = (self.detail,)


class ScopeError(DeniedError):
    """The caller's roles allow it, its token's scope does not; `scope` would."""

    code = "insufficient_scope"
    title = "Insufficient scope"


class MisdirectedError(BackstoryError):
    """The request names a host that is none of this server's."""

    code = "misdirected"
    status = 421
    title = "Misdirected request"


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


class StoreInUseError(ConflictError):
    """Somebody has the store open that was to be replaced; nothing was changed."""

    code = "store_in_use"
    title = "Store in use"


class ChunksMissingError(ConflictError):
    """A manifest names chunks that the caller has not uploaded; `missing` lists them."""

    code = "chunks_missing"
    title = "Chunks missing"


class UploadsFullError(ConflictError):
    """A tenant's chunks that no content names are over their bound; name them, or wait a day."""

    code = "uploads_full"
    title = "Uploads full"


class LockOutError(ConflictError):
    """The change would take from the caller the right to manage roles; another admin may do it."""

    code = "would_lock_out"
    title = "Would lock out"


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
