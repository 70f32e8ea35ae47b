"""Formats that conversations come in: one file each, and the table of their names.

A message format without a file of its own is read by `requests.py`.

A format turns the values of a file into conversations and lets through what is bad. It
keeps all of a message: what has no place of its own goes into the entry's metadata, what
belongs to the conversation into its state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO, Final

from backstory.domain.messages import Format
from backstory.processing.conversations import Item
from backstory.processing.formats import FORMATS
from backstory.processing.sources import (
    anthropic,
    gemini,
    jsonl,
    openai,
    responses,
    sgd,
    taskmaster,
)
from backstory.processing.sources.files import values
from backstory.processing.sources.reading import Values
from backstory.processing.sources.requests import Requests


@dataclass(frozen=True, slots=True)
class Source:
    """One format: the sentence that describes it, and what reads it."""

    about: str
    read: Callable[[Values], Iterator[Item]]


def sources(formats: Mapping[str, Format]) -> dict[str, Source]:
    """All sources by name: those of this folder, and each format that has none here."""
    others = (form for form in formats.values() if form.name not in _OWN)
    return {
        **_OWN,
        **{form.name: Source(form.title, Requests(form, _BATCH).read) for form in others},
    }


_BATCH: Final = ("id", "request")  # where a format without a file of its own has them
_OWN: Final[dict[str, Source]] = {
    "openai": Source("ChatGPT data export, or Chat Completions messages", openai.read),
    "openai-responses": Source("Responses API requests", responses.REQUESTS.read),
    "anthropic": Source("Claude data export, or Messages API requests", anthropic.read),
    "gemini": Source("Gemini API requests with contents", gemini.REQUESTS.read),
    "jsonl": Source("Backstory's own lines, as `backstory export` writes them", jsonl.read),
    "taskmaster": Source("Taskmaster-4 dialogs with their API calls", taskmaster.read),
    "sgd": Source("Schema-Guided Dialogue, with the state of each turn", sgd.read),
}


SOURCES: Final = sources(FORMATS)
"""Those of an installation without extensions."""


def read(source: Source, file: BinaryIO, name: str) -> Iterator[Item]:
    """What a file holds, in order; `name` is what the user calls it."""
    return source.read(values(file, name))
