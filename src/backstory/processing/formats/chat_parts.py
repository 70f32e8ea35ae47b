"""The parts of OpenAI's chat messages, as shapes."""

from __future__ import annotations

from typing import Any, Final

from backstory.domain.messages import Losses
from backstory.domain.parts import AUDIO, FILE, IMAGE, REFUSAL, TEXT, TOOL_CALL, TOOL_RESULT
from backstory.processing.formats.common import (
    data_pair,
    has_data,
    instead,
    plain_result,
    read_content,
    read_text_arguments,
    write_content,
    write_text_arguments,
)
from backstory.processing.formats.shapes import Pair, Shape, Vocabulary, get
from backstory.processing.formats.turns import ASSISTANT, DEVELOPER, SYSTEM, TOOL, USER

NAME: Final = "openai"

_TYPE = ("type",)
_URL = ("image_url", "url")
_FILE_DATA = ("file", "file_data")


_TEXT = Shape(TEXT, (Pair(("text",), ("text",)),), ((_TYPE, "text"),))
_REFUSAL = Shape(REFUSAL, (Pair(("text",), ("refusal",)),), ((_TYPE, "refusal"),))
_DETAIL = Pair(("detail",), ("image_url", "detail"), required=False)
_FILE_NAME = Pair(("name",), ("file", "filename"), required=False)
_MEDIA = (
    Shape(IMAGE, (data_pair(*_URL), _DETAIL), ((_TYPE, "image_url"),), has_data(*_URL)),
    Shape(IMAGE, (Pair(("url",), _URL), _DETAIL), ((_TYPE, "image_url"),)),
    Shape(
        AUDIO,
        (
            Pair(
                ("source", "media_type"),
                ("input_audio", "format"),
                accepts=lambda v: v in {"audio/wav", "audio/mp3"},
                read=lambda v, _pointer: f"audio/{v}",
                write=lambda v, _pointer, _losses: v.removeprefix("audio/"),
            ),
            Pair(("source", "data"), ("input_audio", "data")),
        ),
        ((_TYPE, "input_audio"),),
        lambda raw: get(raw, ("input_audio", "format")) in ("wav", "mp3"),
    ),
    Shape(
        FILE,
        (Pair(("source", "file_id"), ("file", "file_id")), _FILE_NAME),
        ((_TYPE, "file"),),
        lambda raw: isinstance(get(raw, ("file", "file_id")), str),
    ),
    Shape(
        FILE,
        (data_pair(*_FILE_DATA), _FILE_NAME),
        ((_TYPE, "file"),),
        has_data(*_FILE_DATA),
    ),
)

_TEXTS = Vocabulary(NAME, (_TEXT,), fallback=instead)
CONTENT: Final = {
    SYSTEM: _TEXTS,
    DEVELOPER: _TEXTS,
    USER: Vocabulary(NAME, (_TEXT, *_MEDIA), fallback=instead),
    ASSISTANT: Vocabulary(NAME, (_TEXT, _REFUSAL)),
}


def _write_result(content: Any, pointer: str, losses: Losses) -> Any:
    return write_content(content, pointer, _TEXTS, losses)


def _read_result(content: Any, pointer: str) -> Any:
    return read_content(content, pointer, _TEXTS)


def _call(kind: str, arguments: str, **custom: bool) -> Shape:
    return Shape(
        TOOL_CALL,
        (
            Pair(("id",), ("id",)),
            Pair(("name",), (kind, "name")),
            Pair(
                ("arguments",),
                (kind, arguments),
                accepts=lambda v: isinstance(v, str) or (isinstance(v, dict) and not custom),
                read=(lambda v, _pointer: v) if custom else read_text_arguments,
                write=write_text_arguments,
            ),
        ),
        ((_TYPE, kind),),
        const=tuple(custom.items()),
    )


CALLS: Final = Vocabulary(
    NAME, (_call("custom", "input", custom=True), _call("function", "arguments")), fallback=instead
)
_RESULT_PAIR = Pair(("tool_call_id",), ("tool_call_id",))
RESULTS: Final = Vocabulary(
    NAME,
    (
        Shape(
            TOOL_RESULT,
            (_RESULT_PAIR, Pair(("content",), ("content",), read=_read_result)),
            ((("role",), TOOL),),
            lambda raw: isinstance(raw.get("content"), str),
        ),
        Shape(
            TOOL_RESULT,
            (
                _RESULT_PAIR,
                Pair(("content",), ("content",), list, read=_read_result, write=_write_result),
            ),
            ((("role",), TOOL),),
        ),
    ),
    typed=False,
    fallback=plain_result,
)
