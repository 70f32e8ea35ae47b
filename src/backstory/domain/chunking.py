"""Where content is cut into chunks: FastCDC 2020, the same on the server and in its clients.

A cut depends only on the bytes since the cut before it, so an edit moves the cuts around it
and no others; whoever cuts equal bytes with these numbers gets equal chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from blake3 import blake3
from pyfastcdc import FastCDC

from backstory.domain.content import ChunkRef

MIN_BYTES: Final = 8 * 1024
AVERAGE_BYTES: Final = 16 * 1024
MAX_BYTES: Final = 64 * 1024
NORMALIZATION: Final = 2


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk with its bytes."""

    ref: ChunkRef
    data: bytes

    @classmethod
    def of(cls, data: bytes) -> Chunk:
        return cls(ChunkRef(blake3(data).digest(), len(data)), data)


class Chunker:
    """Cuts what it is fed piece by piece. Holds on to less than `MAX_BYTES` between calls."""

    def __init__(self) -> None:
        self._fastcdc = FastCDC(
            AVERAGE_BYTES,
            min_size=MIN_BYTES,
            max_size=MAX_BYTES,
            normalized_chunking=NORMALIZATION,
        )
        self._rest = b""

    @property
    def pending(self) -> int:
        """Bytes that were fed and not cut yet."""
        return len(self._rest)

    def feed(self, data: bytes) -> list[Chunk]:
        """The chunks that end within what was fed so far."""
        buffer = self._rest + data
        cuts = list(self._cuts(buffer))
        # Where the buffer ends is no cut, unless it is as far away as a cut can be.
        if cuts and cuts[-1][1] - cuts[-1][0] < MAX_BYTES:
            del cuts[-1]
        end = cuts[-1][1] if cuts else 0
        self._rest = buffer[end:]
        return [Chunk.of(buffer[first:last]) for first, last in cuts]

    def finish(self) -> list[Chunk]:
        """What is left, at the end of the content."""
        rest, self._rest = self._rest, b""
        return [Chunk.of(rest[first:last]) for first, last in self._cuts(rest)]

    def _cuts(self, buffer: bytes) -> Iterator[tuple[int, int]]:
        if buffer:
            for cut in self._fastcdc.cut_buf(buffer):
                yield cut.offset, cut.offset + cut.length


def cut(data: bytes) -> list[Chunk]:
    """The chunks of content that is at hand as a whole."""
    chunker = Chunker()
    return chunker.feed(data) + chunker.finish()
