"""The trail as lines of JSON, and whether such lines are whole: what needs no store.

The first line names tenant and key, the last how the trail ended when it was written. Between
them each block is a line with its head and signature, and its events as they were sealed. Names
may follow, which are no part of the trail.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from backstory import clock
from backstory.clock import Clock
from backstory.domain.audit import Block, Tip
from backstory.domain.audit_checking import Checker
from backstory.errors import InvalidError
from backstory.ports.audits import Audits
from backstory.security.auditing.signing import Signer, Witness, unpacked
from backstory.security.auditing.verifying import Anchor, Verified, hold

FORM: Final = "backstory audit 1"
_BLOCKS: Final = 16


@dataclass(slots=True)
class Tally:
    """How much was written."""

    blocks: int = 0
    events: int = 0
    names: int = 0


class Exporter:
    """Writes the trails of one store."""

    def __init__(self, store: Audits, secret: bytes, clock: Clock) -> None:
        self._store, self._signer, self._clock = store, Signer(secret), clock
        self.tally = Tally()

    async def lines(self, tenant: str, *, names: bool) -> AsyncIterator[bytes]:
        """All lines of a tenant's trail, each with its end.

        Raises:
            StoreError: the store cannot be read.
        """
        tip = await self._store.audit_tip(tenant) or Tip()
        checkpoint, signature = unpacked(tip.checkpoint)
        begin = {"trail": FORM, "tenant": tenant, "key": self._signer.public}
        if checkpoint is not None:
            begin |= {"checkpoint": checkpoint.decode(), "signature": signature.hex()}
        yield orjson.dumps(begin) + b"\n"
        seq = 0
        while blocks := await self._store.audit_blocks(tenant, seq, _BLOCKS):
            for block in blocks:
                if block.number <= tip.block:
                    yield self._block(block)
            seq = blocks[-1].last + 1
            if names:
                async for line in self._named(tenant, blocks):
                    yield line
        end = orjson.dumps(
            {
                "tenant": tenant,
                "block": tip.block,
                "hash": tip.hash.hex(),
                "at": clock.to_text(self._clock.now()),
            }
        )
        signed = {"end": end.decode(), "signature": self._signer.sign(end).hex()}
        yield orjson.dumps(signed) + b"\n"

    def _block(self, block: Block) -> bytes:
        self.tally.blocks += 1
        self.tally.events += block.lines.count(b"\n") + 1
        head = {"block": block.head.decode(errors="replace"), "signature": block.signature.hex()}
        return orjson.dumps(head) + b"\n" + block.lines + b"\n"

    async def _named(self, tenant: str, blocks: Iterable[Block]) -> AsyncIterator[bytes]:
        events = [event for block in blocks for event in block.events()]
        hashes = {hash_ for event in events for hash_ in event.get("on", ())}
        hashes |= {
            event[name] for event in events for name in ("by", "client", "from") if name in event
        }
        numbers = {event["context"]: event["on"][0] for event in events if "context" in event}
        authors = {event["author"]: event["by"] for event in events if "author" in event}
        found = await self._store.resolve_audit(
            tenant, [bytes.fromhex(each) for each in hashes], list(numbers), list(authors)
        )
        names = {hash_.hex(): text for hash_, text in found.hashes.items()}
        names |= {numbers[number]: text for number, text in found.contexts.items()}
        names |= {authors[number]: text for number, text in found.authors.items()}
        if names:
            self.tally.names += len(names)
            yield orjson.dumps({"names": names}) + b"\n"


@dataclass(slots=True)
class _Reading:
    """Blocks being put together again from lines."""

    head: bytes = b""
    signature: bytes = b""
    lines: list[bytes] = field(default_factory=list)

    def block(self) -> Block:
        said = _object(self.head)
        number, at = said.get("block", 0), said.get("at", 0)
        number = number if isinstance(number, int) else 0
        return Block(number, 0, at, self.head, self.signature, b"\n".join(self.lines))


def verify_lines(
    lines: Iterable[bytes], key: str | None = None, anchor: Anchor | None = None
) -> tuple[Verified, str]:
    """Look through an export; with what key it was signed.

    Raises:
        InvalidError: it is none.
    """
    each = iter(lines)
    first = _object(next(each, b""))
    if first.get("trail") != FORM or not isinstance(first.get("tenant"), str):
        raise InvalidError("this is no export of an audit trail")
    public = key or str(first.get("key"))
    try:
        witness = Witness(public)
    except ValueError:
        raise InvalidError(
            "the key must be 64 hex digits, as `backstory audit head` shows"
        ) from None
    checker = Checker(first["tenant"], witness.signed)
    found = Verified(first["tenant"], findings=checker.findings)
    checkpoint = first.get("checkpoint")
    if isinstance(checkpoint, str):
        checker.begin(checkpoint.encode(), _hex(first.get("signature")))
    ended = False
    for block, end in _parts(each):
        if block is not None:
            checker.look(block)
            hold(checker, anchor, block)
            found.blocks += 1
            found.events += len(block.lines.splitlines())
        if end is not None and (ended or "end" not in end):
            checker.found(f"behind block {checker.block}", "there is a line that is no part of it")
        elif end is not None:
            ended = True
            _end(checker, witness, end, found)
        elif ended:
            checker.found("end of the file", "there is more behind it")
    if not ended:
        checker.found("end of the file", "it is cut off")
    if anchor is not None and not found.tip.kept < anchor.block <= found.tip.block:
        checker.found(f"block {anchor.block}", "the export does not have it")
    return found, public


def _end(checker: Checker, witness: Witness, end: dict[str, Any], found: Verified) -> None:
    text, signature = str(end.get("end")).encode(), _hex(end.get("signature"))
    said = _object(text)
    if not witness.signed(text, signature) or said.get("tenant") != checker.tenant:
        checker.found("end of the file", "it was changed: it is not signed by this key")
        return
    found.tip = Tip(int(said["block"]), checker.events, 0, bytes.fromhex(said["hash"]))
    checker.end(found.tip)


def _parts(lines: Iterator[bytes]) -> Iterator[tuple[Block | None, dict[str, Any] | None]]:
    """Blocks, and what other lines say."""
    reading: _Reading | None = None
    for line in lines:
        said = _object(line)
        if "seq" in said or not said:
            if reading is None:
                reading = _Reading()
            reading.lines.append(line.rstrip(b"\n"))
            continue
        if reading is not None:
            yield reading.block(), None
            reading = None
        if "block" in said:
            reading = _Reading(str(said["block"]).encode(), _hex(said.get("signature")))
        elif "names" not in said:
            yield None, said
    if reading is not None:
        yield reading.block(), None


def _object(raw: bytes) -> dict[str, Any]:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _hex(text: object) -> bytes:
    try:
        return bytes.fromhex(str(text))
    except ValueError:
        return b""
