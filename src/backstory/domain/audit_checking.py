"""Finding what was done to an audit trail: change, removal, insertion, moving; and where."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import orjson

from backstory.domain.audit import CHECK_DIGITS, GENESIS, Block, Tip, check_of

Signed = Callable[[bytes, bytes], bool]
"""Whether a signature (the second) is that of the trail's key on something."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Where the trail is not what it was, and how that shows."""

    where: str
    what: str


@dataclass(slots=True)
class Checker:
    """Is shown the blocks in order, then the end; gathers findings."""

    tenant: str
    signed: Signed
    block: int = 0
    hash: bytes = GENESIS
    events: int = 0
    position: int = 0
    findings: list[Finding] = field(default_factory=list)

    def found(self, where: str, what: str) -> None:
        self.findings.append(Finding(where, what))

    def begin(self, checkpoint: bytes | None, signature: bytes) -> None:
        """What was dropped before the first block; None where nothing was."""
        if checkpoint is None:
            return
        said = _object(checkpoint)
        if not self.signed(checkpoint, signature) or said.get("tenant") != self.tenant:
            self.found("checkpoint", "it is not signed by this trail's key")
        try:
            self.block, self.events = int(said["dropped"]), int(said["events"])
            self.hash, self.position = bytes.fromhex(said["hash"]), int(said["upto"])
        except (KeyError, TypeError, ValueError):
            self.found("checkpoint", "it cannot be read")

    def look(self, block: Block) -> None:
        """The next block."""
        head = _object(block.head)
        number = head.get("block")
        if not isinstance(number, int):
            self.found(f"behind block {self.block}", "there is a block that cannot be read")
            return
        if not self.signed(block.head, block.signature) or head.get("tenant") != self.tenant:
            self.found(f"block {number}", "its head was changed: it is not signed by this key")
        if number <= self.block:
            self.found(f"block {number}", "it stands in the wrong place, or twice")
            return
        if number > self.block + 1:
            self.found(_blocks(self.block + 1, number - 1), "missing")
        else:
            self._compare(number, head)
        self._look_inside(number, head, block.lines)
        self.block, self.hash = number, block.hash
        self.events = _whole(head, "first") + _whole(head, "count") - 1
        self.position = _whole(head, "upto")

    def _compare(self, number: int, head: Mapping[str, Any]) -> None:
        if head.get("before") != self.hash.hex():
            self.found(
                f"block {number}", "it does not follow the one before it: one of both was replaced"
            )
        elif head.get("first") != self.events + 1 or (
            head.get("from") != self.position and self.block  # a trail may begin late
        ):
            self.found(f"block {number}", "its events do not go on from the block before it")

    def _look_inside(self, number: int, head: Mapping[str, Any], lines: bytes) -> None:
        if sha256(lines).hexdigest() == head.get("lines"):
            return
        first, checks = _whole(head, "first"), str(head.get("checks", ""))
        wanted = [checks[at : at + CHECK_DIGITS] for at in range(0, len(checks), CHECK_DIGITS)]
        there = lines.splitlines()
        changed = False
        for what in _differences(first, wanted, there):
            self.found(f"block {number}", what)
            changed = True
        if not changed:
            self.found(f"block {number}", "its events were changed")

    def end(self, tip: Tip) -> None:
        """Where the trail says that it ends."""
        if tip.block > self.block:
            self.found(_blocks(self.block + 1, tip.block), "missing at the end")
        elif tip.block < self.block or tip.hash != self.hash:
            self.found(f"block {self.block}", "it is not the one that the trail ends with")


def _differences(first: int, wanted: Sequence[str], lines: Sequence[bytes]) -> Iterator[str]:
    """Which events of a block were removed, added or changed."""
    there = {}
    for line in lines:
        seq = _object(line).get("seq")
        if seq in there or not isinstance(seq, int) or not 0 <= seq - first < len(wanted):
            yield f"an event was added ({seq})"
        else:
            there[seq] = check_of(line)
    for place, check in enumerate(wanted):
        seq = first + place
        if seq not in there:
            yield f"event {seq} was removed"
        elif there[seq] != check:
            yield f"event {seq} was changed"
    if list(there) != sorted(there):
        yield "its events were moved"


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _whole(head: Mapping[str, Any], name: str) -> int:
    found = head.get(name)
    return found if isinstance(found, int) else 0


def _blocks(first: int, last: int) -> str:
    return f"block {first}" if first == last else f"blocks {first} to {last}"
