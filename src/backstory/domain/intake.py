"""What callers send, checked and brought into the form that is kept.

Values come as parsed JSON, already strict (no duplicate members, no NaN, no lone
surrogates). Each check names the place it stands at by a JSON Pointer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from backstory import clock, limits
from backstory.domain.contexts import Labels
from backstory.domain.entries import MESSAGE, REDACTED, NewEntry
from backstory.domain.parts import text_violations
from backstory.domain.patches import too_deep
from backstory.domain.pointers import escape as escape  # noqa: PLC0414 (imported from here, too)
from backstory.domain.pointers import pointer_of as pointer_of  # noqa: PLC0414
from backstory.domain.sizes import longer_than
from backstory.errors import SchemaError, TooLargeError, Violation

_JOINERS = dict.fromkeys((0x200C, 0x200D))
_WORD = re.compile(r"[a-z][a-z0-9_-]*\Z")
_ENTRY_MEMBERS = frozenset({"role", "content", "id", "type", "metadata"})


def wrong(pointer: str, detail: str) -> SchemaError:
    """The error for one wrong place."""
    return SchemaError(f"{pointer or 'the body'}: {detail}", errors=(Violation(pointer, detail),))


def entries(raw: Any, pointer: str = "/entries") -> tuple[NewEntry, ...]:
    """The entries of an append.

    Raises:
        SchemaError: one of them is not what an entry looks like; all wrong places are named.
        TooLargeError: too many, or one is over `limits.ENTRY_BYTES`.
    """
    if not isinstance(raw, list) or not raw:
        raise wrong(pointer, f"must be a list of 1 to {limits.APPEND_ENTRIES} entries")
    if len(raw) > limits.APPEND_ENTRIES:
        raise TooLargeError(
            f"{len(raw)} entries at once; at most {limits.APPEND_ENTRIES}", limit="APPEND_ENTRIES"
        )
    violations = [v for i, item in enumerate(raw) for v in _violations(item, f"{pointer}/{i}")]
    if violations:
        first = violations[0]
        raise SchemaError(f"{first.pointer}: {first.detail}", errors=tuple(violations[:100]))
    return tuple(_entry(item, f"{pointer}/{i}") for i, item in enumerate(raw))


def _violations(item: Any, pointer: str) -> list[Violation]:
    if _is_plain(item):
        return []
    if not isinstance(item, dict):
        return [Violation(pointer, "must be an object with role and content")]
    found = [
        Violation(
            f"{pointer}/{escape(name)}",
            "no such member; there are role, content, id, type, metadata",
        )
        for name in item
        if name not in _ENTRY_MEMBERS
    ]
    role = item.get("role")
    if not is_word(role):
        found.append(
            Violation(
                f"{pointer}/role",
                f"must be a word of [a-z0-9_-], {limits.ENTRY_ROLE_BYTES} bytes at most",
            )
        )
    kind = item.get("type", MESSAGE)
    if not is_word(kind) or kind == REDACTED:
        found.append(
            Violation(f"{pointer}/type", f"must be a word of [a-z0-9_-] other than {REDACTED}")
        )
    found += _content_violations(item.get("content"), f"{pointer}/content")
    entry_id = item.get("id")
    if entry_id is not None and not (
        isinstance(entry_id, str) and 0 < len(entry_id.encode()) <= limits.ENTRY_ID_BYTES
    ):
        found.append(
            Violation(f"{pointer}/id", f"must be text of 1 to {limits.ENTRY_ID_BYTES} bytes")
        )
    metadata = item.get("metadata")
    if metadata is not None and not isinstance(metadata, dict):
        found.append(Violation(f"{pointer}/metadata", "must be an object"))
    if too_deep(item, limits.STATE_DEPTH):
        found.append(Violation(pointer, f"may be {limits.STATE_DEPTH} levels deep"))
    return found


def _is_plain(item: Any) -> bool:
    """Whether it is a role and a text, as most are, of which nothing can be wrong."""
    return (
        isinstance(item, dict)
        and len(item) == 2
        and isinstance(item.get("content"), str)
        and is_word(item.get("role"))
    )


def is_word(value: Any) -> bool:
    """Whether it may be a role or a type."""
    return (
        isinstance(value, str)
        and len(value) <= limits.ENTRY_ROLE_BYTES
        and bool(_WORD.match(value))
    )


def _content_violations(content: Any, pointer: str) -> list[Violation]:
    if isinstance(content, str):
        return []
    if not isinstance(content, list):
        return [Violation(pointer, "must be text or a list of typed parts")]
    untyped = [
        Violation(
            f"{pointer}/{i}", 'must be an object with a type, such as {"type": "text", "text": ...}'
        )
        for i, part in enumerate(content)
        if not isinstance(part, dict) or not isinstance(part.get("type"), str)
    ]
    return untyped + text_violations(content, pointer)


def _entry(item: Mapping[str, Any], pointer: str) -> NewEntry:
    content, metadata = item["content"], item.get("metadata") or None
    for part in (content,) if metadata is None else (content, metadata):
        if longer_than(part, limits.ENTRY_BYTES):
            raise _too_long(f"more than {limits.ENTRY_BYTES}", pointer)
    raw = None if metadata is None else orjson.dumps(metadata)
    kind = item.get("type", MESSAGE)
    entry = NewEntry(item["role"], kind, orjson.dumps(content), raw, item.get("id"))
    if entry.size > limits.ENTRY_BYTES:
        raise _too_long(str(entry.size), pointer)
    return entry


def _too_long(size: str, pointer: str) -> TooLargeError:
    detail = f"has {size} bytes; an entry may have {limits.ENTRY_BYTES}"
    return TooLargeError(
        f"{pointer} {detail}", errors=(Violation(pointer, detail),), limit="ENTRY_BYTES"
    )


def labels(raw: Any, pointer: str = "/labels") -> Labels:
    """The labels of a context: a list of words, or an object of words to words.

    Raises:
        SchemaError: neither, over `limits.LABELS` of `limits.LABEL_BYTES`, or none that `label` of
            a list could ask for.
    """
    if raw is None:
        return ()
    words = (
        list(raw)
        if isinstance(raw, list)
        else [*raw, *raw.values()]
        if isinstance(raw, dict)
        else None
    )
    if words is None or not all(isinstance(word, str) for word in words):
        raise wrong(pointer, "must be a list of words, or an object of words to words")
    if len(raw) > limits.LABELS or any(len(word.encode()) > limits.LABEL_BYTES for word in words):
        raise wrong(pointer, f"may have {limits.LABELS} labels of {limits.LABEL_BYTES} bytes")
    if not all(map(is_label, raw)) or not all(map(is_label, filter(None, words))):
        raise wrong(pointer, "must be labels of printable text, none of them empty")
    return dict(raw) if isinstance(raw, dict) else tuple(dict.fromkeys(raw))


def label(asked: str) -> str:
    """A label that contexts are looked for by, as `labels` takes them.

    Raises:
        SchemaError: no context gets such a label.
    """
    if not is_label(asked):
        raise wrong("/label", "must be printable text, not empty")
    return asked


def is_label(word: str) -> bool:
    """Whether it shows all that it is. Joiners do: they are spelling in some scripts."""
    return bool(word) and word.translate(_JOINERS).isprintable()


def moment(raw: Any, pointer: str = "/expires_at") -> int | None:
    """Microseconds of an RFC 3339 text, or None.

    Raises:
        SchemaError: it is no such text.
    """
    if raw is None:
        return None
    try:
        return clock.from_text(raw)
    except (TypeError, ValueError) as error:
        raise wrong(pointer, f"must be an RFC 3339 time with an offset ({error})") from error
