"""Whether a trail is whole: its blocks, and what the change log still has of what they tell."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from backstory.domain.audit import WRITE, Block, Tip, Written
from backstory.domain.audit_checking import Checker, Finding
from backstory.ports.audits import Audits
from backstory.security.auditing.signing import Signer, unpacked

_BLOCKS: Final = 16
_CHANGES: Final = 1000
_COMPARED: Final = ("context", "version", "op", "commit", "at", "author")


@dataclass(frozen=True, slots=True)
class Anchor:
    """A block and its hash, noted elsewhere at an earlier time."""

    block: int
    hash: str


@dataclass(slots=True)
class Verified:
    """What was found, and what was looked at."""

    tenant: str
    blocks: int = 0
    events: int = 0
    tip: Tip = field(default_factory=Tip)
    findings: list[Finding] = field(default_factory=list)


async def verify(
    store: Audits, secret: bytes, tenant: str, anchor: Anchor | None = None
) -> Verified:
    """Look through the whole trail of a tenant, and through its change log beside it.

    Raises:
        StoreError: the store cannot be read.
    """
    checker = Checker(tenant, Signer(secret).signed)
    tip = await store.audit_tip(tenant) or Tip()
    found = Verified(tenant, tip=tip, findings=checker.findings)
    checker.begin(*unpacked(tip.checkpoint))
    log = _Log(store, tenant, checker)
    async for block in _blocks(store, tenant, tip.block):
        before = checker.position if checker.block else _whole(block.head, "from")
        checker.look(block)
        hold(checker, anchor, block)
        await log.compare(block, before)
        found.blocks += 1
        found.events += len(block.lines.splitlines())
    checker.end(tip)
    if anchor is not None and not tip.kept < anchor.block <= tip.block:
        checker.found(f"block {anchor.block}", "the trail does not have it (any more)")
    return found


def hold(checker: Checker, anchor: Anchor | None, block: Block) -> None:
    """Compare with what was noted elsewhere."""
    if anchor is not None and block.number == anchor.block and block.hash.hex() != anchor.hash:
        checker.found(f"block {block.number}", "its hash is not the one that was noted of it")


async def _blocks(store: Audits, tenant: str, last: int) -> AsyncIterator[Block]:
    """All of them; those that are added meanwhile are left out."""
    seq = 0
    while blocks := await store.audit_blocks(tenant, seq, _BLOCKS):
        for block in blocks:
            if block.number <= last:
                yield block
        seq = blocks[-1].last + 1


class _Log:
    """The change log of a tenant, read beside the trail."""

    def __init__(self, store: Audits, tenant: str, checker: Checker) -> None:
        self._store, self._tenant, self._checker = store, tenant, checker
        self._ahead: list[Written] = []
        self._read_to = 0

    async def compare(self, block: Block, before: int) -> None:
        """What a block tells of changes behind a position with what the log has of them."""
        told = {event["position"]: event for event in _writes(block)}
        upto = _whole(block.head, "upto")
        there = {one["position"]: one async for one in self._between(before, upto)}
        where = f"block {block.number}"
        missing = [at for at in range(before + 1, upto + 1) if at not in told]
        if missing:
            self._checker.found(
                where, f"{_span(missing)} of the change log is told by no event of it"
            )
        for at, one in there.items():
            if at in told and any(told[at].get(name) != one[name] for name in _COMPARED):
                self._checker.found(
                    f"change {at}", "the change log says other than the audit trail"
                )
        gone = {at: event for at, event in told.items() if at not in there}
        await self._explain(gone)

    async def _explain(self, gone: Mapping[int, dict[str, Any]]) -> None:
        """Changes may be gone where the past of their context was let go, and only there."""
        contexts = sorted({event["context"] for event in gone.values()})
        kept_from = await self._store.audit_histories(self._tenant, contexts) if contexts else {}
        for at, event in gone.items():
            if event["version"] >= kept_from.get(event["context"], 0):
                self._checker.found(f"change {at}", "it is gone from the change log")

    async def _between(self, after: int, upto: int) -> AsyncIterator[Written]:
        while True:
            while self._ahead and self._ahead[0]["position"] <= upto:
                one = self._ahead.pop(0)
                if one["position"] > after:
                    yield one
            if self._ahead or self._read_to >= upto:
                return
            start = max(after, self._read_to)
            self._ahead = list(await self._store.audit_written(self._tenant, start, _CHANGES))
            self._read_to = self._ahead[-1]["position"] if self._ahead else upto


def _writes(block: Block) -> list[dict[str, Any]]:
    found = []
    for line in block.lines.splitlines():
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue  # told by the checker
        if isinstance(event, dict) and event.get("do") == WRITE and _is_whole(event):
            found.append(event)
    return found


def _is_whole(event: dict[str, Any]) -> bool:
    return all(isinstance(event.get(name), int) for name in ("position", "context", "version"))


def _whole(head: bytes, name: str) -> int:
    try:
        found = orjson.loads(head).get(name)
    except (orjson.JSONDecodeError, AttributeError):
        return 0
    return found if isinstance(found, int) else 0


def _span(positions: list[int]) -> str:
    first, last = positions[0], positions[-1]
    return (
        f"position {first}" if first == last else f"what lies between positions {first} and {last}"
    )
