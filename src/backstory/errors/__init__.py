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
    │   │   ├── CommitSpansStoresError contexts of different stores in one commit 422
    │   │   ├── UnknownModelError   nobody knows how the model counts             422
    │   │   └── RenderBudgetError   less than what is pinned                      422
    │   ├── BackupUnusableError     no backup, cut short, or altered              400
    │   ├── TooLargeError           over a bound of limits.py                     413 / 431
    │   └── RequestTimeoutError     the request did not come in time              408
    ├── DeniedError                 the caller may not                            401 / 403
    │   ├── UnauthenticatedError    nobody has said who calls                     401
    │   │   └── TokenRefusedError   a token that is not believed                  401
    │   │       └── ProofRefusedError a DPoP proof that is not believed           401
    │   └── ScopeError              the token's scope is too narrow               403
    ├── QuotaError                  the tenant keeps as much as it may            403
    │   ├── QuotaContextsError      as many contexts                              403
    │   └── QuotaBytesError         as many bytes                                 403
    ├── MisdirectedError            a host that is none of this server's          421
    ├── MissingError                there is nothing there                        404
    │   └── SearchDisabledError     the store keeps no index of words             404
    ├── GoneError                   there was, and it cannot be told any more     410
    │   └── RenderGoneError         a window that cannot be made again            410
    ├── ConflictError               the present state stands against it           409 / 412
    │   ├── VersionConflictError    a condition in a body did not hold            409
    │   ├── PreconditionError       a condition in a header did not hold          412
    │   ├── PatchConflictError      a patch does not apply                        409
    │   ├── KindConflictError       the context has another kind                  409
    │   ├── StoreInUseError         a store that somebody has open                409
    │   ├── ChunksMissingError      a manifest names chunks the caller has to send 409
    │   ├── UploadsFullError        chunks that no content names fill their bound 409
    │   ├── ExistsError             the name is taken                             409
    │   ├── LockOutError            the caller would lose the right to manage roles 409
    │   └── IncompatibleError       a schema breaks what the kind promised        409
    ├── KeyReusedError              an idempotency key with another request       422
    ├── DeclinedError               a handler of an extension says why not        422
    ├── BusyError                   a bound on work under way; try again later    429 / 503
    │   ├── RateLimitedError        an address or a caller comes too often        429
    │   ├── ConnectionsFullError    an address has too many connections           429
    │   ├── WatchesFullError        a caller waits for changes too many times     429
    │   └── StaleRulesError         kinds were registered anew again and again    503
    ├── IssuerUnavailableError      nobody can say now whether a token is good    503
    ├── CertificateError            an authority gave no certificate              503
    ├── SummariserError             whoever makes summaries made none             503
    ├── CacheUnavailableError       the cache cannot be used; readers go on without   503
    ├── BusUnavailableError         other nodes cannot be heard; watchers look themselves 503
    ├── WorkersFailingError         worker processes die again and again          503
    └── StoreError                  the store cannot do its work                  503
        ├── StoreUnavailableError   nothing was written; try again
        ├── OutcomeUnknownError     may have been committed; retry with the same key or ids
        ├── StoreCorruptError       the file or what is in it is damaged
        │   └── ContentCorruptError a chunk of content is not what it was
        ├── KeyUnusableError        the key for what is stored cannot be had
        ├── StoreFullError          no room on the disk; nothing was written
        └── SchemaVersionError      made by another release; names `backstory migrate`
"""

from backstory.errors.base import (
    BackstoryError,
    BrokenExtensionError,
    ConfigError,
    Violation,
)
from backstory.errors.invalid import (
    BackupUnusableError,
    ChunkMismatchError,
    CommitSpansStoresError,
    HeadTooLargeError,
    InvalidCursorError,
    InvalidError,
    InvalidKeyError,
    InvalidPatchError,
    KeyReusedError,
    MalformedError,
    MethodError,
    NotAcceptableError,
    RangeError,
    RenderBudgetError,
    RequestTimeoutError,
    SchemaError,
    TooLargeError,
    UnknownKindError,
    UnknownModelError,
    UnsupportedMediaError,
)
from backstory.errors.refused import (
    ChunksMissingError,
    ConflictError,
    DeclinedError,
    DeniedError,
    ExistsError,
    GoneError,
    IncompatibleError,
    KindConflictError,
    LimitReachedError,
    LockOutError,
    MisdirectedError,
    MissingError,
    PatchConflictError,
    PreconditionError,
    ProofRefusedError,
    QuotaBytesError,
    QuotaContextsError,
    QuotaError,
    RenderGoneError,
    ScopeError,
    SearchDisabledError,
    StoreInUseError,
    TokenRefusedError,
    UnauthenticatedError,
    UploadsFullError,
    VersionConflictError,
)
from backstory.errors.unable import (
    SUMMARISER_FAILURES,
    BusUnavailableError,
    BusyError,
    CacheUnavailableError,
    CertificateError,
    ConnectionsFullError,
    ContentCorruptError,
    IssuerUnavailableError,
    KeyUnusableError,
    OutcomeUnknownError,
    RateLimitedError,
    SchemaVersionError,
    StaleRulesError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreUnavailableError,
    SummariserError,
    WatchesFullError,
    WorkersFailingError,
)

__all__ = [
    "SUMMARISER_FAILURES",
    "BackstoryError",
    "BackupUnusableError",
    "BrokenExtensionError",
    "BusUnavailableError",
    "BusyError",
    "CacheUnavailableError",
    "CertificateError",
    "ChunkMismatchError",
    "ChunksMissingError",
    "CommitSpansStoresError",
    "ConfigError",
    "ConflictError",
    "ConnectionsFullError",
    "ContentCorruptError",
    "DeclinedError",
    "DeniedError",
    "ExistsError",
    "GoneError",
    "HeadTooLargeError",
    "IncompatibleError",
    "InvalidCursorError",
    "InvalidError",
    "InvalidKeyError",
    "InvalidPatchError",
    "IssuerUnavailableError",
    "KeyReusedError",
    "KeyUnusableError",
    "KindConflictError",
    "LimitReachedError",
    "LockOutError",
    "MalformedError",
    "MethodError",
    "MisdirectedError",
    "MissingError",
    "NotAcceptableError",
    "OutcomeUnknownError",
    "PatchConflictError",
    "PreconditionError",
    "ProofRefusedError",
    "QuotaBytesError",
    "QuotaContextsError",
    "QuotaError",
    "RangeError",
    "RateLimitedError",
    "RenderBudgetError",
    "RenderGoneError",
    "RequestTimeoutError",
    "SchemaError",
    "SchemaVersionError",
    "ScopeError",
    "SearchDisabledError",
    "StaleRulesError",
    "StoreCorruptError",
    "StoreError",
    "StoreFullError",
    "StoreInUseError",
    "StoreUnavailableError",
    "SummariserError",
    "TokenRefusedError",
    "TooLargeError",
    "UnauthenticatedError",
    "UnknownKindError",
    "UnknownModelError",
    "UnsupportedMediaError",
    "UploadsFullError",
    "VersionConflictError",
    "Violation",
    "WatchesFullError",
    "WorkersFailingError",
    "codes",
]


def codes() -> frozenset[str]:
    """The codes of all errors there are."""
    found = [BackstoryError]
    for each in found:
        found.extend(each.__subclasses__())
    return frozenset(each.code for each in found)
