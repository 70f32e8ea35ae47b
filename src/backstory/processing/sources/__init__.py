"""Formats that conversations come in: one file each, and the table of their names.

A format turns the values of a file into conversations and lets through what is bad. It
keeps all of a message: what has no place of its own goes into the entry's metadata, what
belongs to the conversation into its state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from backstory.processing.conversations import Item
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


@dataclass(frozen=True, slots=True)
class Source:
    """One format: the sentence that describes it, and what reads it."""

    about: str
    read: Callable[[Values], Iterator[Item]]


SOURCES: Final[dict[str, Source]] = {
    "openai": Source("ChatGPT data export, or Chat Completions messages", openai.read),
    "openai-responses": Source("Responses API requests", responses.REQUESTS.read),
    "anthropic": Source("Claude data export, or Messages API requests", anthropic.read),
    "gemini": Source("Gemini API requests with contents", gemini.REQUESTS.read),
    "jsonl": Source("Backstory's own lines, as `backstory export` writes them", jsonl.read),
    "taskmaster": Source("Taskmaster-4 dialogs with their API calls", taskmaster.read),
    "sgd": Source("Schema-Guided Dialogue, with the state of each turn", sgd.read),
}


def read(source: str, file: BinaryIO, name: str) -> Iterator[Item]:
    """What a file of one of `SOURCES` holds, in order; `name` is what the user calls it."""
    return SOURCES[source].read(values(file, name))
