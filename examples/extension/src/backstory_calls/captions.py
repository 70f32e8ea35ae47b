"""A parser of `text/vtt`, the captions (WebVTT) that call recorders write: an entry a turn.

What one speaker says in cues that follow each other is one turn. All are of role `user` but
the speaker that the media type names as ours: `text/vtt; agent="Grace"`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from backstory.extending import MalformedError, Parameters, Parser, Records, decode

_TIME: Final = r"(?:(\d{2,}):)?([0-5]\d):([0-5]\d\.\d{3})"
_TIMING: Final = re.compile(rf"{_TIME}[ \t]+-->[ \t]+{_TIME}(?:[ \t].*)?")
_VOICE: Final = re.compile(r"<v(?:\.[^ \t>]*)?[ \t]+([^>]+)>")
_TAG: Final = re.compile(r"<[^>]*>")
_HEADER: Final = re.compile(r"WEBVTT(?:[ \t].*)?")
_LINE_END: Final = re.compile(r"\r\n|\n|\r")
_NO_CUES: Final = ("NOTE", "STYLE", "REGION")

Block = tuple[int, list[str]]
"""Lines that stand together, and the number of the first, from 1."""


def make() -> Parser:
    return Parser("captions", ("text/vtt",), Records, 4 * 1024 * 1024, parse)


def parse(body: bytes, parameters: Parameters) -> Records:
    """The turns of a call, with their seconds and the speaker in the metadata.

    Raises:
        MalformedError: it does not begin with WEBVTT, or a cue has no timing; `line` says where.
    """
    blocks = list(_blocks(_LINE_END.split(decode(body, parameters))))
    if not blocks or not _HEADER.fullmatch(blocks[0][1][0]):
        raise MalformedError("captions begin with a line WEBVTT", line=1)
    turns: list[dict[str, Any]] = []
    starts: list[int] = []
    for line, lines in blocks[1:]:
        if lines[0].split(maxsplit=1)[0] in _NO_CUES:
            continue
        times, voices = _cue(line, lines)
        for speaker, text in voices:
            if turns and turns[-1]["metadata"].get("speaker") == speaker:
                turns[-1]["content"] += f"\n{text}"
                turns[-1]["metadata"]["end"] = times["end"]
            else:
                turns.append(_turn(speaker, text, times, parameters.get("agent")))
                starts.append(line)
    return Records(tuple(turns), tuple(starts))


def _turn(
    speaker: str | None, text: str, times: Mapping[str, float], agent: str | None
) -> dict[str, Any]:
    if speaker is None:
        return {"role": "user", "content": text, "metadata": dict(times)}
    role = "assistant" if speaker == agent else "user"
    return {"role": role, "content": text, "metadata": {**times, "speaker": speaker}}


def _blocks(lines: list[str]) -> Iterator[Block]:
    block: list[str] = []
    for number, line in enumerate([*lines, ""], 1):
        if line.strip():
            block.append(line)
        elif block:
            yield number - len(block), block
            block = []


def _cue(line: int, lines: list[str]) -> tuple[dict[str, float], list[tuple[str | None, str]]]:
    """From which second to which, and who says what."""
    place = 0 if "-->" in lines[0] else 1  # a cue may have a name before its timing
    timing = _TIMING.fullmatch(lines[place].strip()) if len(lines) > place else None
    if timing is None:
        raise MalformedError(f"line {line}: a cue without its timing", line=line)
    times = {"start": _seconds(*timing.groups()[:3]), "end": _seconds(*timing.groups()[3:])}
    before, *voices = _VOICE.split("\n".join(lines[place + 1 :]))
    said = [
        (None, _plain(before)),
        *zip(map(_plain, voices[::2]), map(_plain, voices[1::2]), strict=True),
    ]
    return times, [(speaker, text) for speaker, text in said if text]


def _plain(text: str) -> str:
    return html.unescape(_TAG.sub("", text)).strip()


def _seconds(hours: str | None, minutes: str, seconds: str) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds)
