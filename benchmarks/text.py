"""Messages of a given size that read like language, the same in every run."""

from __future__ import annotations

import random

_WORDS = [
    "the",
    "order",
    "is",
    "ready",
    "and",
    "you",
    "can",
    "pick",
    "it",
    "up",
    "at",
    "the",
    "bar",
    "in",
    "a",
    "few",
    "minutes",
    "please",
    "tell",
    "me",
    "which",
    "size",
    "milk",
    "flavour",
    "table",
    "window",
    "quiet",
    "garden",
    "morning",
    "evening",
    "would",
    "like",
    "another",
    "coffee",
    "tea",
    "water",
    "bread",
    "flight",
    "hotel",
    "train",
    "ticket",
    "weather",
    "tomorrow",
    "yesterday",
    "because",
    "someone",
    "asked",
    "whether",
    "it",
    "could",
    "be",
    "changed",
    "to",
    "two",
    "instead",
    "of",
    "one",
    "without",
    "any",
    "sugar",
]


def messages(count: int, size: int = 250, seed: int = 7) -> list[str]:
    """`count` texts of exactly `size` bytes."""
    source = random.Random(seed)
    return [_message(source, size) for _ in range(count)]


def _message(source: random.Random, size: int) -> str:
    words: list[str] = []
    length = 0
    while length <= size:
        word = source.choice(_WORDS)
        words.append(word)
        length += len(word) + 1
    return " ".join(words)[:size].ljust(size, ".")
