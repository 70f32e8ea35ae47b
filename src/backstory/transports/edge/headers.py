"""Looking at headers as ASGI hands them over: pairs of bytes, names in lower case."""

from __future__ import annotations

import re
from collections.abc import Hashable
from typing import Any, Final

from starlette.types import Scope

from backstory import limits
from backstory.errors import MalformedError

_WAIT: Final = re.compile(r'(?:^|,)\s*wait\s*=\s*"?([0-9]{1,9})"?\s*(?:[,;]|$)', re.IGNORECASE)


_Seen = tuple[list[tuple[bytes, bytes]], dict[bytes, bytes], dict[Hashable, Any]]
_SEEN: Final = "backstory.headers"


def values(scope: Scope, name: bytes) -> list[str]:
    """All values of a header, each field line on its own."""
    raw, known, _ = _seen(scope)
    last: bytes | None = known.get(name)
    if last is None:
        return []
    if len(known) == len(raw):  # as nearly always, each stands once
        return [_text(last)]
    return [_text(value) for each, value in raw if each == name]


def index(scope: Scope) -> dict[bytes, bytes]:
    """The last value of each header."""
    known = scope.get(_SEEN)
    if known is not None and known[0] is scope["headers"]:
        found: dict[bytes, bytes] = known[1]
        return found
    return _seen(scope)[1]


def notes(scope: Scope) -> dict[Hashable, Any]:
    """What was found out about these headers, and is kept for as long as they are."""
    return _seen(scope)[2]


def _seen(scope: Scope) -> _Seen:
    raw, known = scope["headers"], scope.get(_SEEN)
    if known is None or known[0] is not raw:  # what is behind may see other headers
        known = scope[_SEEN] = (raw, dict(raw), {})
    seen: _Seen = known
    return seen


def _text(value: bytes) -> str:
    return value.decode("latin-1").strip()


def single(scope: Scope, name: bytes) -> str | None:
    """The value of a header that may stand once, or None.

    Raises:
        MalformedError: it stands more than once.
    """
    if name not in index(scope):  # as most
        return None
    found = values(scope, name)
    if len(found) > 1:
        raise MalformedError(f"the header {name.decode()} may be sent once only")
    return found[0]


def wants_truth(scope: Scope) -> bool:
    """Whether the caller asks for what is true now (`Cache-Control: no-cache`), or for nothing."""
    found = values(scope, b"cache-control")
    return any(word.strip().lower() == "no-cache" for text in found for word in text.split(","))


def joined(scope: Scope, name: bytes) -> str | None:
    """The value of a list header: its field lines with commas between (RFC 9110 section 5.3)."""
    if name not in index(scope):  # as nearly always
        return None
    return ", ".join(values(scope, name))


def patience(scope: Scope) -> float:
    """Seconds that a request may take: those of `Prefer: wait` (RFC 7240 section 4.3), if fewer.

    Less than one is taken for one, and what cannot be read for no preference.
    """
    preferred = joined(scope, b"prefer")
    found = _WAIT.search(preferred) if preferred else None
    return (
        min(limits.REQUEST_SECONDS, max(1.0, float(found[1]))) if found else limits.REQUEST_SECONDS
    )
