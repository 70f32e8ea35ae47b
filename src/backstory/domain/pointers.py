"""JSON Pointers (RFC 6901), by which every refusal names its place."""

from __future__ import annotations

from collections.abc import Sequence


def escape(token: str) -> str:
    """One reference token of a JSON Pointer (RFC 6901 section 4)."""
    return token.replace("~", "~0").replace("/", "~1")


def pointer_of(path: Sequence[str | int]) -> str:
    """A JSON Pointer from its tokens."""
    return "".join(f"/{escape(str(token))}" for token in path)
