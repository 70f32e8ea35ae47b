"""The items of OpenAI's Responses API and the parts of their content, as shapes."""

from __future__ import annotations

from typing import Any, Final

from backstory.domain.messages import Losses
from backstory.domain.parts import (
    FILE,
    IMAGE,
    REASONING,
    REFUSAL,
    TEXT,
    TOOL_CALL,
    TOOL_RESULT,
)
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
from backstory.processing.formats.shapes import Json, Pair, Shape, Vocabulary

NAME: Final = "openai-responses"

_TYPE = ("type",)


def _holds(member: str) -> Any:
    return lambda raw: isinstance(raw.get(member), str)


def _media(kind: str, theirs: str, optional: Pair, *, data: str, url: str) -> tuple[Shape, ...]:
    tag = ((_TYPE, theirs),)
    return (
        Shape(kind, (data_pair(data), optional), tag, has_data(data)),
        Shape(kind, (Pair(("url",), (url,)), optional), tag, _holds(url)),
        Shape(kind, (Pair(("source", "file_id"), ("file_id",)), optional), tag, _holds("file_id")),
    )


_INPUT = (
    Shape(TEXT, (Pair(("text",), ("text",)),), ((_TYPE, "input_text"),)),
    *_media(
        IMAGE,
        "input_image",
        Pair(("detail",), ("detail",), required=False),
        data="image_url",
        url="image_url",
    ),
    *_media(
        FILE,
        "input_file",
        Pair(("name",), ("filename",), required=False),
        data="file_data",
        url="file_url",
    ),
)
_OUTPUT = (
    Shape(TEXT, (Pair(("text",), ("text",)),), ((_TYPE, "output_text"),)),
    Shape(REFUSAL, (Pair(("text",), ("refusal",)),), ((_TYPE, "refusal"),)),
)

_READS = Vocabulary(NAME, _INPUT, fallback=instead)
CONTENT: Final = {
    "system": _READS,
    "developer": _READS,
    "user": _READS,
    "assistant": Vocabulary(NAME, _OUTPUT),
}
"""What may stand in a message's content, by role."""


def _read_thought(summary: list[Any], _pointer: str) -> str | list[str]:
    return str(summary[0]["text"]) if len(summary) == 1 else [piece["text"] for piece in summary]


def _write_thought(thought: str | list[str], _pointer: str, _losses: Losses) -> list[Json]:
    pieces = [thought] if isinstance(thought, str) else thought
    return [{"type": "summary_text", "text": piece} for piece in pieces]


def _is_plain(summary: Any) -> bool:
    return isinstance(summary, list) and all(
        isinstance(piece, dict)
        and piece.keys() == {"type", "text"}
        and piece["type"] == "summary_text"
        and isinstance(piece["text"], str)
        for piece in summary
    )


def _thought(*pairs: Pair, **how: Any) -> Shape:
    encrypted = Pair(("encrypted",), ("encrypted_content",), required=False)
    tags = ((_TYPE, "reasoning"), *how.pop("tags", ()))
    return Shape(REASONING, (*pairs, encrypted), tags, const=(("provider", NAME),), **how)


_SUMMARY = Pair(
    ("text",),
    ("summary",),
    list,
    accepts=lambda v: isinstance(v, str | list),
    read=_read_thought,
    write=_write_thought,
)
THOUGHTS: Final = Vocabulary(
    NAME,
    (
        _thought(_SUMMARY, when=lambda raw: bool(raw.get("summary")) and _is_plain(raw["summary"])),
        # A summary with pieces that we do not know stays as it is, under `extra`.
        _thought(
            when=lambda raw: isinstance(raw.get("summary"), list) and not _is_plain(raw["summary"]),
            suits=lambda part: "summary" in part.get("extra", {}).get(NAME, {}),
        ),
        _thought(tags=((("summary",), []),)),
        _thought(_SUMMARY),  # for its error: the summary is missing
    ),
)


def _call(kind: str, arguments: str, **custom: bool) -> Shape:
    return Shape(
        TOOL_CALL,
        (
            Pair(("id",), ("call_id",)),
            Pair(("name",), ("name",)),
            Pair(
                ("arguments",),
                (arguments,),
                accepts=lambda v: isinstance(v, str) or (isinstance(v, dict) and not custom),
                read=(lambda v, _pointer: v) if custom else read_text_arguments,
                write=write_text_arguments,
            ),
        ),
        ((_TYPE, kind),),
        const=tuple(custom.items()),
    )


CALLS: Final = Vocabulary(
    NAME,
    (_call("custom_tool_call", "input", custom=True), _call("function_call", "arguments")),
    fallback=instead,
)


def _read_output(raw: Any, pointer: str) -> Any:
    return read_content(raw, pointer, _READS)


def _write_output(content: Any, pointer: str, losses: Losses) -> Any:
    return write_content(content, pointer, _READS, losses)


def _output(kind: str, form: type, *, strict: bool, **custom: bool) -> Shape:
    return Shape(
        TOOL_RESULT,
        (
            Pair(("tool_call_id",), ("call_id",), required=False),
            Pair(("name",), ("name",), required=False),
            Pair(("content",), ("output",), form, read=_read_output, write=_write_output),
        ),
        ((_TYPE, kind),),
        None if strict else lambda raw: isinstance(raw.get("output"), form),
        tuple(custom.items()),
    )


# The last of each is for its error: the output is missing.
_FORMS: tuple[tuple[str, dict[str, bool]], ...] = (
    ("custom_tool_call_output", {"custom": True}),
    ("function_call_output", {}),
)
OUTPUTS: Final = Vocabulary(
    NAME,
    tuple(
        _output(kind, form, strict=strict, **custom)
        for kind, custom in _FORMS
        for form, strict in ((str, False), (list, False), (str, True))
    ),
    fallback=plain_result,
)
