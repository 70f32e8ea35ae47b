"""Errors as RFC 9457 problem documents: the one place where the tree meets HTTP."""

from __future__ import annotations

from typing import Any, Final

import orjson

from backstory.errors import BackstoryError, Violation

MEDIA_TYPE: Final = "application/problem+json"
TYPE_PREFIX: Final = "urn:backstory:error:"
"""What a 429 or 503 says where the error knows nothing better."""

RawHeaders = list[tuple[bytes, bytes]]

_MEMBERS: Final = frozenset(
    {"type", "title", "status", "code", "detail", "errors", "retry_after", "trace_id"}
)
_RENAMED: Final = {"current": "current_version"}
# Members that say in the body what a header says too.
_HEADERS: Final = {
    "allow": b"allow",
    "accept_post": b"accept-post",
    "accept_patch": b"accept-patch",
    "accept": b"accept",
    "accept_encoding": b"accept-encoding",
    "content_range": b"content-range",
}


class UnexpectedError(BackstoryError):
    """Stands in for whatever nobody foresaw, and tells nothing of it."""

    def __init__(self) -> None:
        super().__init__("something failed that should not; the log has more under the trace_id")


def document(error: BackstoryError, trace_id: str) -> dict[str, Any]:
    """The members of the problem document."""
    members: dict[str, Any] = {
        "type": TYPE_PREFIX + error.code,
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
    }
    if error.errors:
        members["errors"] = [_violation(violation) for violation in error.errors]
    if (seconds := error.waits) is not None:
        members["retry_after"] = seconds
    for name, value in error.context.items():
        name = _RENAMED.get(name, name)  # noqa: PLW2901
        if name not in _MEMBERS and name != "challenge":
            members[name] = value
    members["trace_id"] = trace_id
    return members


def answer(error: BackstoryError, trace_id: str) -> tuple[int, RawHeaders, bytes]:
    """Status, headers and body of the answer."""
    body = orjson.dumps(document(error, trace_id), default=str)
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    for name, header in _HEADERS.items():
        if name in error.context:
            headers.append((header, _text(error.context[name]).encode("latin-1")))
    if (seconds := error.waits) is not None:
        headers.append((b"retry-after", str(seconds).encode()))
    if error.status in (408, 413):  # the rest of the body is not waited for
        headers.append((b"connection", b"close"))
    return error.status, headers, body


def _violation(violation: Violation) -> dict[str, str]:
    members = {"pointer": violation.pointer, "detail": violation.detail}
    return members if violation.rule is None else members | {"rule": violation.rule}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ", ".join(value)
