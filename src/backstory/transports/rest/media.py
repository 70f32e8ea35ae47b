"""Media types of requests, and which of two a caller would rather have."""

from __future__ import annotations

from typing import Any, Final

from starlette.types import Scope

from backstory.domain.keys import shorten
from backstory.errors import UnsupportedMediaError
from backstory.transports.edge import headers

JSON: Final = "application/json"
JSON_LINES: Final = "application/jsonl"
NDJSON: Final = "application/x-ndjson"
YAML: Final = "application/yaml"
TEXT: Final = "text/plain"
MARKDOWN: Final = "text/markdown"
HTML: Final = "text/html"
CSV: Final = "text/csv"
MERGE_PATCH: Final = "application/merge-patch+json"
JSON_PATCH: Final = "application/json-patch+json"
EVENTS: Final = "text/event-stream"
MANIFEST: Final = "application/vnd.backstory.manifest+json"
EDITS: Final = "application/vnd.backstory.edits+json"
ANYTHING: Final = "*/*"
TEXTS: Final = (TEXT, MARKDOWN, HTML, CSV)


def is_json(media: str) -> bool:
    """Whether it is JSON, which is UTF-8 (RFC 8259 section 8.1); what else comes is converted."""
    return media == JSON or media.endswith("+json")


def of_body(scope: Scope, allowed: tuple[str, ...]) -> str:
    """The media type of the body, one of those allowed; JSON may go without saying.

    Raises:
        UnsupportedMediaError: it is another, or JSON in another character set than UTF-8.
    """
    text = headers.single(scope, b"content-type")
    if not text and allowed[0] == JSON:
        return JSON
    named, *parameters = (part.strip().lower() for part in (text or "").split(";"))
    charsets = [p.partition("=")[2].strip('"') for p in parameters if p.startswith("charset=")]
    in_utf8 = all(charset in ("utf-8", "utf8") for charset in charsets)
    if named in allowed and (in_utf8 or not is_json(named)):
        return named
    advice = "accept_patch" if scope["method"] == "PATCH" else "accept_post"
    if scope["method"] not in ("PATCH", "POST"):
        advice = "accept"
    context: dict[str, Any] = {advice: list(allowed)}
    said = shorten(text or "without a type")
    raise UnsupportedMediaError(
        f"the body must be {' or '.join(allowed)} (JSON in UTF-8), not {said}", **context
    )


def essence(scope: Scope) -> str:
    """The media type of the body without its parameters, empty where none is said."""
    return (headers.single(scope, b"content-type") or "").partition(";")[0].strip().lower()


def wants(scope: Scope, media: str) -> bool:
    """Whether the caller names the media type itself among those it accepts."""
    accept = headers.joined(scope, b"accept")
    return (
        accept is not None and media in accept.lower() and _quality(accept, media, exact=True) > 0
    )


def wants_events(scope: Scope) -> bool:
    """Whether the caller would rather have events than JSON (RFC 9110 section 12.5.1)."""
    accept = headers.joined(scope, b"accept")
    if accept is None or EVENTS not in accept.lower():
        return False
    return _quality(accept, EVENTS) > _quality(accept, JSON, exact=True)


def _quality(accept: str, media: str, *, exact: bool = False) -> float:
    """The weight of a media type; earlier ones count a trace more where weights are equal."""
    best = 0.0
    for place, item in enumerate(accept.lower().split(",")):
        essence, *parameters = (part.strip() for part in item.split(";"))
        if essence == media or (not exact and essence == "*/*"):
            weight = next((p[2:] for p in parameters if p.startswith("q=")), "1")
            best = max(best, _number(weight) - place * 1e-6)
    return best


def _number(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0
