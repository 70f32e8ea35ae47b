"""The audit trail: events in blocks, each of which names the hash of the block before.

An event is one line of JSON. A block is a head and its lines. The head holds the hash of the
head before it, the hash of its own lines, the numbers of its events and how far the change log
is told, so that whoever changes, removes, adds or moves anything has to change every head from
there on; and each head is signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson

GENESIS: Final = bytes(32)
"""Stands for the hash before the first block."""
FORM: Final = 1
CHECK_DIGITS: Final = 4
WRITE: Final = "write"
"""What an event says was done that the change log tells of."""


@dataclass(frozen=True, slots=True)
class Tip:
    """Where a tenant's trail ends: its newest block, event and change, and what was dropped.

    `kept` is the number of the newest block that was dropped, `checkpoint` what was signed of it.
    """

    block: int = 0
    events: int = 0
    position: int = 0
    hash: bytes = GENESIS
    kept: int = 0
    checkpoint: bytes | None = None


Written = dict[str, Any]
"""A change as an event of the trail: numbers and keyed hashes stand in the place of names.

`position` is its place in the change log, `context` and `author` the numbers of the store's rows.
"""


@dataclass(frozen=True, slots=True)
class Name:
    """What a keyed hash stands for, while that is not erased.

    `namespace` is where whoever erases a subject finds it: that of a context, or a person's own.
    """

    hash: bytes
    kind: str
    namespace: str
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """Events that were sealed together. `last` is the number of the last of them."""

    number: int
    last: int
    at: int
    head: bytes
    signature: bytes
    lines: bytes

    @property
    def hash(self) -> bytes:
        return sha256(self.head).digest()

    def events(self) -> list[dict[str, Any]]:
        """Each as it was, with its number; those that can be read."""
        return [event for line in self.lines.splitlines() if (event := event_of(line))]


def event_of(line: bytes) -> dict[str, Any]:
    """An event from its line; nothing where that was damaged."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def check_of(line: bytes) -> str:
    """By which a line that was changed is found in its block."""
    return sha256(line).hexdigest()[:CHECK_DIGITS]


def lines_of(first: int, events: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """The events as lines, numbered from `first` on."""
    return [orjson.dumps({"seq": seq, **event}) for seq, event in enumerate(events, first)]


def head_of(tenant: str, tip: Tip, each: Sequence[bytes], *, position: int, at: int) -> bytes:
    """The head of the block that comes after `tip`, with these lines."""
    return orjson.dumps(
        {
            "form": FORM,
            "tenant": tenant,
            "block": tip.block + 1,
            "before": tip.hash.hex(),
            "first": tip.events + 1,
            "count": len(each),
            "from": tip.position,
            "upto": position,
            "at": at,
            "lines": sha256(b"\n".join(each)).hexdigest(),
            "checks": "".join(map(check_of, each)),
        }
    )


def after(tip: Tip, block: Block, position: int) -> Tip:
    """Where the trail ends once the block is in it."""
    return Tip(block.number, block.last, position, block.hash, tip.kept, tip.checkpoint)


def checkpoint_of(tenant: str, block: Block, at: int) -> bytes:
    """What is signed of the newest block that is dropped, for those behind it to lean on."""
    head = orjson.loads(block.head)
    return orjson.dumps(
        {
            "form": FORM,
            "tenant": tenant,
            "dropped": block.number,
            "hash": block.hash.hex(),
            "events": block.last,
            "upto": head["upto"],
            "at": at,
        }
    )
