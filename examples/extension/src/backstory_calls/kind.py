"""The kind `call`: how a phone call ended, with what was said as its entries."""

from __future__ import annotations

from backstory.extending import KindSpec

_SECONDS = {"type": "number", "minimum": 0}


def make() -> KindSpec:
    """What `PUT /v1/kinds/call` would take. Raise `version` with each change of a schema."""
    return {
        "version": 1,
        "compatibility": "backward",
        "schema": {
            "type": "object",
            "properties": {
                "outcome": {"enum": ["open", "solved", "escalated"]},
                "follow_up": {"type": "string", "maxLength": 1000},
            },
            "required": ["outcome"],
        },
        "entry_schema": {
            "properties": {
                "metadata": {"properties": {"start": _SECONDS, "end": _SECONDS}},
            },
        },
    }
