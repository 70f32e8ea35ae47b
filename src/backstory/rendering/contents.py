"""Content as a source: text, as much of it as fits, with head and tail where it is too long.

Of long content only what could be shown is read, so a file of 256 MiB costs what its room
costs.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

from backstory.domain.content import ContentRef
from backstory.domain.intake import wrong
from backstory.domain.principals import Trust
from backstory.errors import MissingError, RenderBudgetError, UnsupportedMediaError
from backstory.rendering import aside, cutting, ledger
from backstory.rendering.facts import Fact
from backstory.rendering.logs import Fits, Log, Reads
from backstory.rendering.marks import enclosed
from backstory.rendering.messages import USER, Message
from backstory.rendering.requests import ContentRange
from backstory.rendering.units import Unit

_BYTES: Final = 8  # of content read for one token of room; three parts of four are the head
_LEAST: Final = 64  # characters; where less would be left, nothing is shown
_CONTINUES: Final = 3  # bytes of a character behind its first, at most
_TEXT: Final = re.compile(
    r"text/[\w.+-]+|application/(?:[\w.-]+\+)?(?:json|xml|yaml|javascript|toml|sql|x-ndjson)",
    re.ASCII | re.IGNORECASE,
)
_CHARSET: Final = re.compile(r";\s*charset\s*=\s*\"?([^\";\s]+)", re.IGNORECASE)
_CUT: Final = "\n[... {count} bytes cut ...]\n"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Text of content; where `skipped` bytes were not read, they lie at the character `at`.

    `size` counts the bytes of all of it, read or not.
    """

    text: str
    at: int
    skipped: int
    size: int

    def shown(self, kept: int) -> str:
        """Head and tail of so many characters, three to one, with a mark of the cut."""
        tail, head = kept // 4, kept - kept // 4
        if self.skipped:
            tail, head = min(tail, len(self.text) - self.at), min(head, self.at)
        elif kept >= len(self.text):
            return self.text
        first, last = self.text[:head], self.text[len(self.text) - tail :]
        return first + _CUT.format(count=self.size - len((first + last).encode())) + last


@dataclass(frozen=True, slots=True)
class ContentFact(Fact):
    """Content between marks, which is cut in bytes."""

    excerpt: Excerpt | None = None
    about: str = ""

    def fitted(self, room: int, fits: Fits) -> tuple[Unit | None, str]:
        """As `Fact.fitted`."""
        assert self.excerpt is not None
        if self.unit.tokens <= room:
            return self.unit, ledger.CUT if self.excerpt.skipped else ledger.KEPT
        if fits.cuts:
            message = self.unit.messages[0]

            def unit(kept: int) -> Unit:
                assert self.excerpt is not None
                made = _message(message.mark, self.about, self.excerpt.shown(kept), self.trust)
                return Unit([made], fits.cost([made]))

            kept = cutting.most_that(
                min(len(self.excerpt.text), room * cutting.CHARS),
                lambda kept: unit(kept).tokens <= room,
                guess=len(self.excerpt.text) * room // self.unit.tokens,
            )
            if kept >= _LEAST:
                return unit(kept), ledger.CUT
        return None, fits.too_long(self.unit)


async def content_fact(
    log: Log, reads: Reads, wanted: ContentRange, trust: Trust, room: int, *, pinned: bool
) -> Fact:
    """A piece of the source's content, as far as `room` tokens could show it.

    Raises:
        MissingError: it has no content.
        SchemaError: the range begins behind its end.
        UnsupportedMediaError: it is no text in UTF-8.
        RenderBudgetError: it is pinned and longer than all its room.
    """
    head = log.view.snapshot.head
    if head.content is None:
        raise MissingError(f"{log.name} has no content at version {head.version}")
    ref = head.content
    media_type = _checked(log, ref)
    if wanted.offset > ref.size:
        raise wrong(f"{log.place}/content/offset", f"is behind the end; it has {ref.size} bytes")
    stop = ref.size if wanted.length is None else min(ref.size, wanted.offset + wanted.length)
    excerpt = await _read(log, reads, ref, (wanted.offset, stop), room)
    about = f"{log.name} content {media_type} bytes {wanted.offset} to {stop} of {ref.size}"
    about += f" trust={trust.word}"
    text = excerpt.shown(len(excerpt.text))
    message = _message(log.reader.mark, about, text, trust)
    log.weight += len(text)
    unit = Unit([message], await aside.run(len(text), reads.cost, [message]))
    if pinned and excerpt.skipped:
        raise RenderBudgetError(
            f"the content of {log.name} is pinned and has {stop - wanted.offset} bytes; "
            f"what was read of it alone is {max(0, unit.tokens - room)} tokens over the {room} "
            "that there are",
            source=log.name,
            needed=unit.tokens,
            available=room,
            missing=max(0, unit.tokens - room),
        )
    return ContentFact(ledger.CONTENT, unit, trust, excerpt=excerpt, about=about)


def _checked(log: Log, ref: ContentRef) -> str:
    """The media type without parameters."""
    media_type = ref.media_type.partition(";")[0].strip().lower()
    charset = _CHARSET.search(ref.media_type)
    in_utf8 = charset is None or charset[1].lower() in {"utf-8", "utf8", "us-ascii"}
    if not _TEXT.fullmatch(media_type) or not in_utf8:
        raise _no_text(log, f"it is {ref.media_type}")
    return media_type


def _no_text(log: Log, why: str) -> UnsupportedMediaError:
    return UnsupportedMediaError(
        f"the content of {log.name} cannot be rendered: {why}; only text in UTF-8 can"
    )


async def _read(
    log: Log, reads: Reads, ref: ContentRef, span: tuple[int, int], room: int
) -> Excerpt:
    """All bytes of a range, the last excluded, or its head and tail."""
    start, stop = span
    most = max(1, room) * _BYTES
    if stop - start <= most:
        text = _text(log, await _bytes(reads, ref, start, stop), start, whole=stop == ref.size)
        text = log.reader.guarded.text(text)
        return Excerpt(text, len(text), 0, len(text.encode()))
    middle, behind = start + most * 3 // 4, stop - most // 4
    first = _text(log, await _bytes(reads, ref, start, middle), start, whole=False)
    last = _text(log, await _bytes(reads, ref, behind, stop), behind, whole=stop == ref.size)
    skipped = stop - start - len((first + last).encode())
    first, last = map(log.reader.guarded.text, (first, last))
    text = first + last
    return Excerpt(text, len(first), skipped, skipped + len(text.encode()))


async def _bytes(reads: Reads, ref: ContentRef, start: int, stop: int) -> bytes:
    pieces: list[bytes] = []
    while start < stop:
        piece = await reads.store.read_content(reads.tenant, ref.root, start, stop)
        pieces.append(piece)
        start += len(piece)
    return b"".join(pieces)


def _text(log: Log, raw: bytes, start: int, *, whole: bool) -> str:
    """The bytes as text, but for characters that are cut in two at either end."""
    if start:
        raw = raw[:_CONTINUES].lstrip(bytes(range(0x80, 0xC0))) + raw[_CONTINUES:]
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(raw, final=whole)
    except UnicodeDecodeError as error:
        raise _no_text(log, "its bytes are no UTF-8") from error
    if "\0" in text:
        raise _no_text(log, "there are zero bytes in it")
    return text


def _message(mark: str, about: str, text: str, trust: Trust) -> Message:
    part = {"type": "text", "text": enclosed(mark, about, text)}
    return Message(USER, (part,), mark, trust=trust, marked=True)
