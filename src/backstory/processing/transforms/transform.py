"""What a transform is, and how several are applied to one document.

Transforms see the texts of a document and nothing else: keys, numbers, structure and the
members that hold ids and types are never shown to them, so they cannot touch them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Protocol, runtime_checkable

import orjson
from msgspec import Struct

from backstory import limits

Text = tuple[str, str | None]
"""One text of a document, and the name of the member that holds it, where one does."""

STATE_SKIPPED: Final = frozenset({"id", "type", "tool_call_id", "tool_use_id", "call_id"})
CONTENT_SKIPPED: Final = STATE_SKIPPED | {"data"}  # encoded bytes of images, sound and files


@runtime_checkable
class Transform(Protocol):
    """One rule on texts. Pure; applied to its own result it changes nothing."""

    @property
    def name(self) -> str:
        """How counts and messages call it."""

    def suspects(self, raw: bytes) -> bool:
        """Whether the compact JSON may hold a text that it changes; False is a promise.

        Asked for each write, so it has to cost some microseconds for 1 KB at most.
        """

    def apply(self, texts: Sequence[Text], counts: Counter[str]) -> list[str]:
        """The texts in their order as they are to be kept; `counts` learns what was done."""


_NOTHING: Final[Mapping[str, int]] = MappingProxyType({})


class Transformed(Struct, frozen=True):
    """A document after all transforms, and what they did: never a value, only numbers."""

    raw: bytes
    counts: Mapping[str, int]


def transform(
    raw: bytes, transforms: Sequence[Transform], skipped: frozenset[str] = STATE_SKIPPED
) -> Transformed:
    """Applies the transforms in their order until none changes anything any more.

    `raw` is JSON as orjson writes it; where nothing changes, the same bytes come back. One
    may make work for another (a removed character uncovers a key), so all of them look again
    after a change, `limits.TRANSFORM_ROUNDS` times at most.
    """
    if not any(each.suspects(raw) for each in transforms):
        return Transformed(raw, _NOTHING)  # as nearly always
    counts: Counter[str] = Counter()
    for _ in range(limits.TRANSFORM_ROUNDS):
        before = raw
        for each in transforms:
            if each.suspects(raw):
                raw = _apply(raw, each, skipped, counts)
        if raw == before:
            break
    return Transformed(raw, dict(counts))


def transform_text(text: str, transforms: Sequence[Transform]) -> tuple[str, Mapping[str, int]]:
    """The same for one text alone."""
    done = transform(orjson.dumps(text), transforms)
    changed: str = orjson.loads(done.raw)
    return changed, done.counts


def _apply(raw: bytes, each: Transform, skipped: frozenset[str], counts: Counter[str]) -> bytes:
    document = orjson.loads(raw)
    texts: list[Text] = []
    _collect(document, None, skipped, texts)
    changed = each.apply(texts, counts)
    if all(old == new for (old, _), new in zip(texts, changed, strict=True)):
        return raw
    return orjson.dumps(_replaced(document, None, skipped, iter(changed)))


def _collect(value: Any, member: str | None, skipped: frozenset[str], texts: list[Text]) -> None:
    if isinstance(value, str):
        if member not in skipped:
            texts.append((value, member))
    elif isinstance(value, dict):
        for name, item in value.items():
            _collect(item, name, skipped, texts)
    elif isinstance(value, list):
        for item in value:
            _collect(item, member, skipped, texts)


def _replaced(value: Any, member: str | None, skipped: frozenset[str], texts: Iterator[str]) -> Any:
    """The document with the texts in the places they were collected from."""
    if isinstance(value, str):
        return value if member in skipped else next(texts)
    if isinstance(value, dict):
        return {name: _replaced(item, name, skipped, texts) for name, item in value.items()}
    if isinstance(value, list):
        return [_replaced(item, member, skipped, texts) for item in value]
    return value
