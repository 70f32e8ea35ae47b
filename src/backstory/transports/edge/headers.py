"""Looking at headers as ASGI hands them over: pairs of bytes, names in lower case."""

from __future__ import annotations

from starlette.types import Scope

from backstory.errors import MalformedError


def values(scope: Scope, name: bytes) -> list[str]:
    """All values of a header, each field line on its own."""
    return [value.decode("latin-1").strip() for key, value in scope["headers"] if key == name]


def single(scope: Scope, name: bytes) -> str | None:
    """The value of a header that may stand once, or None.

    Raises:
        MalformedError: it stands more than once.
    """
    found = values(scope, name)
    if len(found) > 1:
        raise MalformedError(f"the header {name.decode()} may be sent once only")
    return found[0] if found else None


def wants_truth(scope: Scope) -> bool:
    """Whether the caller asks for what is true now (`Cache-Control: no-cache`), or for nothing."""
    found = values(scope, b"cache-control")
    return any(word.strip().lower() == "no-cache" for text in found for word in text.split(","))


def joined(scope: Scope, name: bytes) -> str | None:
    """The value of a list header: its field lines with commas between (RFC 9110 section 5.3)."""
    found = values(scope, name)
    return ", ".join(found) if found else None
