"""A part that stands in an entry as some provider writes it, read without knowing whose it is.

Whatever is appended without a format is kept as it came, so entries hold parts in the forms of
providers, and of earlier releases. What such a part says is read here; members that could be
any provider's are kept as nobody's, so that they are told and never sent to the wrong one.
"""

from __future__ import annotations

from typing import Any, Final

from backstory.domain.parts import EXTRA, OTHER, PARTS, Part, violations
from backstory.errors import SchemaError
from backstory.processing.formats import anthropic, chat_parts, responses_items
from backstory.processing.formats.shapes import Vocabulary

NOBODY: Final = "unknown"
"""Stands for the provider of what no format carries."""

_VOCABULARIES: Final[tuple[Vocabulary, ...]] = (
    *(chat_parts.CONTENT[role] for role in ("user", "assistant")),
    chat_parts.CALLS,
    *(anthropic.CONTENT[role] for role in ("user", "assistant")),
    *(responses_items.CONTENT[role] for role in ("user", "assistant")),
    responses_items.CALLS,
    responses_items.OUTPUTS,
    responses_items.THOUGHTS,
)


def read_alone(raw: Any) -> Part:
    """A part of ours that says what the value says; of type `other` where nobody knows it."""
    if not violations([raw]):
        part: Part = raw
        return part
    found = _read(raw) if isinstance(raw, dict) else None
    if found is None or violations([found]):
        return {"type": OTHER, "provider": NOBODY, "value": raw}
    return found


def _read(raw: Part) -> Part | None:
    readings = [part for vocabulary in _VOCABULARIES if (part := _by(vocabulary, raw)) is not None]
    if not readings:
        return _stretched(raw)
    first = readings[0]
    providers = {name for part in readings for name in part.get(EXTRA.name, {})}
    if len(providers) <= 1 or EXTRA.name not in first:
        return first
    (members,) = first[EXTRA.name].values()
    return first | {EXTRA.name: {NOBODY: members}}


def _by(vocabulary: Vocabulary, raw: Part) -> Part | None:
    for shape in vocabulary.shapes:
        if shape.owns(raw):
            try:
                return shape.read(raw, "", vocabulary.provider)
            except SchemaError:
                return None
    return None


def _stretched(raw: Part) -> Part | None:
    """A part of ours with members that it has not, or with results in a provider's form."""
    kind = raw.get("type")
    if not isinstance(kind, str) or kind not in PARTS:
        return None
    names = {"type", *(member.name for member in PARTS[kind]), EXTRA.name}
    part = {name: value for name, value in raw.items() if name in names}
    if isinstance(content := part.get("content"), list):
        part["content"] = [read_alone(inner) for inner in content]
    if rest := {name: value for name, value in raw.items() if name not in names}:
        extra = part.get(EXTRA.name, {})
        part[EXTRA.name] = (extra if isinstance(extra, dict) else {}) | {NOBODY: rest}
    return part
