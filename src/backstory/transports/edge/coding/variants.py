"""Coded variants of answers that are asked for again and again."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from hashlib import blake2b

from backstory import limits
from backstory.ports.memories import Hits
from backstory.transports.edge.coding.codecs import Codec


class Variants:
    """Keeps coded bytes under a hash of the plain ones, to `most` bytes, the oldest go first.

    The same bytes have the same variant, whoever asks, so nothing is told across callers.
    """

    def __init__(self, most: int = limits.VARIANT_BYTES) -> None:
        self._most = most
        self._size = 0
        self._kept: OrderedDict[tuple[str, bytes], bytes] = OrderedDict()
        self.seen = Hits()

    @property
    def size(self) -> int:
        """Bytes kept."""
        return self._size

    def find(self, codec: Codec, plain: bytes) -> bytes | None:
        """The coded bytes, or the plain ones where these are better; None where nobody knows."""
        if len(plain) < limits.CODED_LEAST_BYTES:
            return plain
        coded = self.get(self.key(codec, plain))
        return coded if coded is None or len(coded) < len(plain) else plain

    def keep(self, codec: Codec, plain: bytes, coded: bytes) -> bytes:
        """Keep the coded bytes. As `find`, from now on."""
        self.put(self.key(codec, plain), coded)
        return coded if len(coded) < len(plain) else plain

    def made(self, codec: Codec, plain: bytes) -> bytes:
        """As `find`, and made where nobody knows."""
        coded = self.find(codec, plain)
        return self.keep(codec, plain, codec.compress(plain)) if coded is None else coded

    async def made_apart(self, codec: Codec, plain: bytes) -> bytes:
        """The same, in a thread where it takes long."""
        if len(plain) <= limits.INLINE_BYTES:
            return self.made(codec, plain)
        coded = self.find(codec, plain)
        if coded is None:
            coded = self.keep(codec, plain, await asyncio.to_thread(codec.compress, plain))
        return coded

    def key(self, codec: Codec, plain: bytes) -> tuple[str, bytes]:
        return codec.name, blake2b(plain, digest_size=16).digest()

    def get(self, key: tuple[str, bytes]) -> bytes | None:
        coded = self._kept.get(key)
        if coded is not None:
            self._kept.move_to_end(key)
        return self.seen.seen(coded)

    def put(self, key: tuple[str, bytes], coded: bytes) -> None:
        if key in self._kept or len(coded) > self._most // 8:
            return
        self._kept[key] = coded
        self._size += len(coded)
        while self._size > self._most:
            _, dropped = self._kept.popitem(last=False)
            self._size -= len(dropped)
