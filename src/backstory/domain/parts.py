"""The typed parts of an entry's content: one vocabulary for what every provider's messages hold.

An entry's content is text or a list of parts. A part is a JSON object with a `type` from the
table below. What one provider says and nobody else understands is kept word for word: members
under `extra`, whole parts as `other`, each with the name of the provider, so that a message
goes back to where it came from as it was. The table is also in docs/reference/entries.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from backstory import limits
from backstory.domain.patches import too_deep
from backstory.domain.pointers import escape
from backstory.errors import Violation

TEXT: Final = "text"
IMAGE: Final = "image"
AUDIO: Final = "audio"
FILE: Final = "file"
TOOL_CALL: Final = "tool_call"
TOOL_RESULT: Final = "tool_result"
REASONING: Final = "reasoning"
REFUSAL: Final = "refusal"
OTHER: Final = "other"

Part = dict[str, Any]
Content = str | list[Part]

_DATA_URL = re.compile(r"data:([^;,\s]+/[^;,\s]+);base64,(.*)\Z", re.DOTALL)
_IN_RESULTS = frozenset({TEXT, IMAGE, AUDIO, FILE, OTHER})


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a part: its name, what it holds, and what that means."""

    name: str
    holds: str
    meaning: str
    required: bool = False


_MEDIA: Final = (
    Member("url", "text", "where it lies; either this or `source`, never a `data:` URL"),
    Member("source", "source", '`{"media_type", "data"}` in base64, or `{"file_id"}`'),
    Member("media_type", "text", "its media type, where the provider of a `url` wants one"),
    Member("name", "text", "its file name"),
)

PARTS: Final[Mapping[str, tuple[Member, ...]]] = {
    TEXT: (Member("text", "text", "the text", required=True),),
    IMAGE: (
        *_MEDIA,
        Member("detail", "text", "how closely a model should look: `low`, `high`, `auto`"),
    ),
    AUDIO: _MEDIA,
    FILE: _MEDIA,
    TOOL_CALL: (
        Member("id", "text", "names the call; its result repeats it"),
        Member("name", "text", "the tool", required=True),
        Member(
            "arguments",
            "arguments",
            "an object; or text as the model wrote it, where it is no compact JSON object",
        ),
        Member("custom", "switch", "the arguments are free text and no JSON"),
    ),
    TOOL_RESULT: (
        Member("tool_call_id", "text", "the `id` of the call"),
        Member("name", "text", "the tool, where that is not known from the call"),
        Member("content", "result", "text, a list of parts, or an object of the tool's own form"),
        Member("is_error", "switch", "the tool failed, and the content says how"),
        Member("custom", "switch", "answers a call with `custom`"),
    ),
    REASONING: (
        Member("provider", "text", "the format it came in; no other may see it"),
        Member("text", "texts", "what may be read of it; a list where it came in pieces"),
        Member("signature", "text", "proves to the provider that it is unchanged"),
        Member("encrypted", "text", "what only the provider can read"),
    ),
    REFUSAL: (Member("text", "text", "what the model said instead of an answer", required=True),),
    OTHER: (
        Member("provider", "text", "the format that knows it", required=True),
        Member("value", "object", "the part, word for word", required=True),
    ),
}

EXTRA: Final = Member(
    "extra", "extra", "on any part: by format, members that have no name here, word for word"
)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_source(value: Any) -> bool:
    names = [("data", "media_type"), ("file_id",)]
    return (
        isinstance(value, dict)
        and tuple(sorted(value)) in names
        and all(map(_is_text, value.values()))
    )


def _is_extra(value: Any) -> bool:
    return _is_object(value) and value != {} and all(_is_object(v) and v for v in value.values())


_HOLDS: Final = {
    "text": (_is_text, "text"),
    "texts": (
        lambda v: _is_text(v) or (isinstance(v, list) and len(v) > 1 and all(map(_is_text, v))),
        "text or a list of several texts",
    ),
    "object": (_is_object, "an object"),
    "switch": (lambda v: isinstance(v, bool), "true or false"),
    "source": (_is_source, 'an object with "media_type" and "data", or with "file_id"'),
    "arguments": (lambda v: isinstance(v, str | dict), "an object or text"),
    "result": (lambda v: isinstance(v, str | list | dict), "text, a list of parts or an object"),
    "extra": (_is_extra, "an object of objects by format, none of them empty"),
}
"""What a member may hold: how that is checked, and how it is said."""


def violations(content: Any, pointer: str = "/content") -> list[Violation]:
    """What is wrong with an entry's content, each place by a JSON Pointer; empty if nothing is."""
    if isinstance(content, str):
        return []
    if not isinstance(content, list):
        return [Violation(pointer, "must be text or a list of typed parts")]
    return [v for i, part in enumerate(content) for v in _wrong(part, f"{pointer}/{i}")]


def text_violations(content: Sequence[Any], pointer: str = "/content") -> list[Violation]:
    """What is wrong in the form of every provider: a part of type text without its text.

    Other types are spelled differently by each of them, so what is no part of ours may be one
    of theirs and is kept as it came.
    """
    return [
        violation
        for i, part in enumerate(content)
        if isinstance(part, dict) and part.get("type") == TEXT
        for violation in _wrong(part, f"{pointer}/{i}")
        if violation.pointer == f"{pointer}/{i}/text"
    ]


def _wrong(part: Any, pointer: str, types: frozenset[str] = frozenset(PARTS)) -> list[Violation]:
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(kind, str) or kind not in types:
        return [Violation(f"{pointer}/type", f"must be one of {', '.join(sorted(types))}")]
    members = {member.name: member for member in (*PARTS[kind], EXTRA)}
    found = [
        Violation(f"{pointer}/{name}", f"is missing in a part of type {kind}")
        for name, member in members.items()
        if member.required and name not in part
    ]
    for name, value in part.items():
        if name == "type":
            continue
        place = f"{pointer}/{escape(name)}"
        if name not in members:
            found.append(Violation(place, f"no member of {kind}; a provider's own go under extra"))
        elif not _HOLDS[members[name].holds][0](value):
            found.append(Violation(place, f"must be {_HOLDS[members[name].holds][1]}"))
    return found + _wrong_together(part, pointer)


def _wrong_together(part: Part, pointer: str) -> list[Violation]:
    """What no member breaks alone."""
    if part["type"] in {IMAGE, AUDIO, FILE}:
        if ("url" in part) == ("source" in part):
            return [Violation(pointer, "must have either url or source")]
        if isinstance(part.get("url"), str) and data_url(part["url"]):
            return [Violation(f"{pointer}/url", "data in base64 goes under source")]
    if part["type"] == TOOL_RESULT and isinstance(part.get("content"), list):
        return [
            violation
            for i, inner in enumerate(part["content"])
            for violation in _wrong(inner, f"{pointer}/content/{i}", _IN_RESULTS)
        ]
    return []


def data_url(url: str) -> dict[str, str] | None:
    """The source that a base64 `data:` URL (RFC 2397) spells, or None."""
    found = _DATA_URL.match(url)
    return {"media_type": found[1], "data": found[2]} if found else None


def to_data_url(source: Mapping[str, str]) -> str:
    """The `data:` URL of a source with data; `data_url` reads it back."""
    return f"data:{source['media_type']};base64,{source['data']}"


def text(value: str) -> Part:
    """A text part."""
    return {"type": TEXT, "text": value}


def as_list(content: Content) -> list[Part]:
    """Content as parts; text becomes one part."""
    return [text(content)] if isinstance(content, str) else content


def bare_text(content: Sequence[Part]) -> str | None:
    """The text, if the content is one text part with nothing else to it."""
    if len(content) == 1 and content[0].keys() == {"type", "text"} and content[0]["type"] == TEXT:
        return str(content[0]["text"])
    return None


def read_arguments(written: str) -> dict[str, Any] | str:
    """Arguments as an object, if writing that gives the same text again, else the text.

    Models write JSON with spaces, names twice or numbers beyond 64 bits, or stop halfway; what
    an object could not give back exactly stays text.
    """
    try:
        value = orjson.loads(written)
        if isinstance(value, dict) and write_arguments(value) == written:
            return written if too_deep(value, limits.ARGUMENTS_DEPTH) else value
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        pass
    return written


def write_arguments(arguments: Mapping[str, Any] | str) -> str:
    """The text of arguments: compact JSON, or what stands there already."""
    return arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
