"""What the shapes of all families are made of."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta

from backstory import limits

POINTER = r"^(/([^~/]|~[01])*)*$"  # RFC 6901

Version = Annotated[int, Meta(ge=1, le=limits.VERSION_MAX)]

Condition = Annotated[
    int, Meta(ge=0, le=limits.VERSION_MAX, description="0 means: there is no such context.")
]

Object = dict[str, Any]

Labels = Annotated[
    list[str] | dict[str, str],
    Meta(description="A list of words, or an object of words to words."),
]

Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]

Seq = Annotated[int, Meta(ge=1, le=limits.SEQ_MAX)]

Spans = Annotated[
    list[list[int]], Meta(description="Ranges of seqs, each `[first, last]`, both included.")
]

Stale = Annotated[
    bool,
    Meta(
        description="Only while the store is away: this was true as many seconds ago as the "
        "header `Backstory-Stale` says, at the most."
    ),
]

_WORD = {"pattern": "^[a-z][a-z0-9_-]*$", "maxLength": limits.ENTRY_ROLE_BYTES}

ROLE: dict[str, Any] = {"type": "string", "default": "user", **_WORD}

Word = Annotated[
    str,
    Meta(
        description=f"[a-z0-9_-], a letter first, {limits.ENTRY_ROLE_BYTES} bytes at most.",
        extra_json_schema=_WORD,
    ),
]

NAMESPACE_PATTERN = r"[a-z0-9_-]+(\.[a-z0-9_-]+){0,7}"

NAME_PATTERN = r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*"

Address = Annotated[
    str,
    Meta(
        description="`namespace/name`",
        extra_json_schema={"pattern": f"^{NAMESPACE_PATTERN}/{NAME_PATTERN}$"},
    ),
]

JSON_PATCH_SCHEMA: dict[str, Any] = {
    "type": "array",
    "maxItems": limits.PATCH_OPERATIONS,
    "items": {
        "type": "object",
        "required": ["op", "path"],
        "properties": {
            "op": {"enum": ["add", "remove", "replace", "move", "copy", "test"]},
            "path": {"type": "string", "pattern": POINTER},
            "from": {"type": "string", "pattern": POINTER},
            "value": {},
        },
        "allOf": [
            {
                "if": {"properties": {"op": {"enum": ["add", "replace", "test"]}}},
                "then": {"required": ["value"]},
            },
            {
                "if": {"properties": {"op": {"enum": ["move", "copy"]}}},
                "then": {"required": ["from"]},
            },
        ],
    },
}

JsonPatch = Annotated[Any, Meta(extra_json_schema=JSON_PATCH_SCHEMA)]
