"""The parts of Gemini's contents, as shapes: which one it is says the member that is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import orjson

from backstory.domain.messages import Losses
from backstory.domain.parts import (
    AUDIO,
    FILE,
    IMAGE,
    REASONING,
    TEXT,
    TOOL_CALL,
    TOOL_RESULT,
    Part,
)
from backstory.processing.formats.common import instead, text_only, write_object_arguments
from backstory.processing.formats.shapes import Json, Pair, Shape, Vocabulary, get

NAME: Final = "gemini"

_CALL = "functionCall"
_RESULT = "functionResponse"
_RESPONSE = (_RESULT, "response")


def _has_text(raw: Json) -> bool:
    return "text" in raw and raw.get("thought") is not True


def _kind_of(media_type: Any) -> str:
    if not isinstance(media_type, str):
        return FILE
    return {"image": IMAGE, "audio": AUDIO}.get(media_type.partition("/")[0], FILE)


def _media(kind: str) -> tuple[Shape, ...]:
    def of_kind(media_type: Any) -> bool:
        return isinstance(media_type, str) and _kind_of(media_type) == kind

    return (
        Shape(
            kind,
            (
                Pair(("source", "media_type"), ("inlineData", "mimeType"), accepts=of_kind),
                Pair(("source", "data"), ("inlineData", "data")),
                Pair(("name",), ("inlineData", "displayName"), required=False),
            ),
            when=lambda raw: of_kind(get(raw, ("inlineData", "mimeType"))),
        ),
        Shape(
            kind,
            (
                Pair(("url",), ("fileData", "fileUri")),
                Pair(
                    ("media_type",),
                    ("fileData", "mimeType"),
                    required=kind != FILE,
                    accepts=of_kind,
                ),
                Pair(("name",), ("fileData", "displayName"), required=False),
            ),
            when=lambda raw: (
                "fileData" in raw and _kind_of(get(raw, ("fileData", "mimeType"))) == kind
            ),
        ),
    )


_TEXT = Shape(TEXT, (Pair(("text",), ("text",)),), when=_has_text)
_SEEN = (_TEXT, *_media(IMAGE), *_media(AUDIO), *_media(FILE))


def _said(member: str) -> Callable[[Json], bool]:
    def only(raw: Json) -> bool:
        response = get(raw, _RESPONSE)
        return (
            isinstance(response, dict)
            and response.keys() == {member}
            and isinstance(response[member], str)
        )

    return only


def _text_response(member: str) -> Pair:
    return Pair(
        ("content",),
        _RESPONSE,
        dict,
        accepts=lambda v: isinstance(v, str),
        read=lambda response, _pointer: response[member],
        write=lambda content, _pointer, _losses: {member: content},
    )


def _plain(content: Any) -> bool:
    """An object that does not look like the text of a result or of an error."""
    raw = {_RESULT: {"response": content}}
    return isinstance(content, dict) and not _said("output")(raw) and not _said("error")(raw)


_RESULT_PAIRS = (
    Pair(("tool_call_id",), (_RESULT, "id"), required=False),
    Pair(("name",), (_RESULT, "name")),
)
_RESULTS = (
    Shape(
        TOOL_RESULT,
        (*_RESULT_PAIRS, _text_response("error")),
        when=_said("error"),
        const=(("is_error", True),),
    ),
    Shape(TOOL_RESULT, (*_RESULT_PAIRS, _text_response("output")), when=_said("output")),
    Shape(
        TOOL_RESULT,
        (*_RESULT_PAIRS, Pair(("content",), _RESPONSE, dict, accepts=_plain)),
        when=lambda raw: isinstance(get(raw, _RESPONSE), dict),
    ),
    Shape(
        TOOL_RESULT,
        _RESULT_PAIRS,
        when=lambda raw: _RESULT in raw,
        suits=lambda part: "content" not in part,
    ),
)


def _offered(part: Part, pointer: str, losses: Losses) -> Part | None:
    """What Gemini takes instead: media under the type of their media type, results as text."""
    kind = part["type"]
    if kind in {IMAGE, AUDIO, FILE}:
        media_type = part.get("media_type") or part.get("source", {}).get("media_type")
        if _kind_of(media_type) != kind:
            losses.changed(pointer, "is told apart by its media type alone")
            return {**part, "type": _kind_of(media_type)}
    if kind == TOOL_RESULT:
        return _offered_result(part, pointer, losses)
    return instead(part, pointer, losses)


def _offered_result(part: Part, pointer: str, losses: Losses) -> Part:
    content = part.get("content", "")
    if "name" not in part:
        losses.changed(f"{pointer}/name", "the tool is not known; the id stands for it")
        part = {**part, "name": part.get("tool_call_id", "tool")}
    if isinstance(content, str):
        return part
    losses.changed(f"{pointer}/content", "became text")
    if isinstance(content, dict):
        return {**part, "content": orjson.dumps(content).decode()}
    return {**part, "content": text_only(content, f"{pointer}/content", losses)}


_USER = Vocabulary(NAME, (*_SEEN, *_RESULTS), typed=False, fallback=_offered)
VOCABULARY: Final = {
    "system": Vocabulary(NAME, (_TEXT,), typed=False, fallback=instead),
    "user": _USER,
    "assistant": replace(
        _USER,
        shapes=(
            *_SEEN,
            Shape(
                REASONING,
                (
                    Pair(("text",), ("text",)),
                    Pair(("signature",), ("thoughtSignature",), required=False),
                ),
                ((("thought",), True),),
                lambda raw: "text" in raw,
                const=(("provider", NAME),),
            ),
            Shape(
                TOOL_CALL,
                (
                    Pair(("id",), (_CALL, "id"), required=False),
                    Pair(("name",), (_CALL, "name")),
                    Pair(
                        ("arguments",),
                        (_CALL, "args"),
                        dict,
                        required=False,
                        accepts=lambda v: isinstance(v, str | dict),
                        write=write_object_arguments,
                    ),
                ),
                when=lambda raw: _CALL in raw,
            ),
        ),
    ),
}
"""What may stand in the parts of a content, by our role."""
