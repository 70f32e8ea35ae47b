"""Content: a context's large body, as an ordered list of the chunks that it is made of.

A chunk is named by the plain BLAKE3 hash of its bytes, so that clients can compute the names
(`b3sum` does); a store keeps it under a keyed one. The manifest's own hash, its root, names the
content: equal roots mean equal bytes. Different manifests may hold equal bytes, too, since
clients may cut where they like.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import accumulate, chain
from typing import Final

from blake3 import blake3

from backstory import limits
from backstory.domain.keys import shorten
from backstory.domain.policy import Visibility
from backstory.errors import MalformedError, SchemaError, TooLargeError, UploadsFullError

HASH_BYTES: Final = 32
_SIZE_BYTES: Final = 4
ENTRY_BYTES: Final = HASH_BYTES + _SIZE_BYTES
"""One chunk in a packed manifest: its hash, and its size as four bytes, the highest first."""
_SIZES: Final = struct.Struct(f">{HASH_BYTES}xI")

DEFAULT_MEDIA_TYPE: Final = "application/octet-stream"
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # noqa: S105 (RFC 9110 section 5.6.2)
_QUOTED = r'"(?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t\x20-\x7e])*"'
_MEDIA_TYPE = re.compile(rf"{_TOKEN}/{_TOKEN}(?:[ \t]*;[ \t]*{_TOKEN}=(?:{_TOKEN}|{_QUOTED}))*\Z")
_HEX = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class ContentRef:
    """What a context says of its content: the manifest's root, media type and bytes in all."""

    root: bytes
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class ChunkRef:
    """A chunk by its name, with its size in bytes."""

    hash: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """Chunks in their order, packed: `ENTRY_BYTES` each."""

    packed: bytes

    @classmethod
    def of(cls, chunks: Iterable[ChunkRef]) -> Manifest:
        return cls(b"".join(c.hash + c.size.to_bytes(_SIZE_BYTES) for c in chunks))

    @property
    def root(self) -> bytes:
        """BLAKE3 of the packed list."""
        return blake3(self.packed).digest()

    @property
    def count(self) -> int:
        return len(self.packed) // ENTRY_BYTES

    @property
    def size(self) -> int:
        return max(self.ends(), default=0)

    def ends(self) -> list[int]:
        """Where each chunk ends, in bytes from the beginning of the first."""
        whole = memoryview(self.packed)[: self.count * ENTRY_BYTES]
        return list(accumulate(chain.from_iterable(_SIZES.iter_unpack(whole))))

    def __iter__(self) -> Iterator[ChunkRef]:
        return self.between(0, self.count)

    def between(self, first: int, last: int) -> Iterator[ChunkRef]:
        """The chunks whose place in the list is from `first` to `last` (excluded)."""
        packed = self.packed
        for at in range(first * ENTRY_BYTES, min(last * ENTRY_BYTES, len(packed)), ENTRY_BYTES):
            size = int.from_bytes(packed[at + HASH_BYTES : at + ENTRY_BYTES])
            yield ChunkRef(packed[at : at + HASH_BYTES], size)

    def ref(self, media_type: str) -> ContentRef:
        return ContentRef(self.root, media_type, self.size)


@dataclass(frozen=True, slots=True)
class Hold:
    """On what grounds somebody may put chunks together by their names alone.

    `holder` is a keyed hash that stands for who uploaded them. With `visible`, what contexts
    in these namespaces hold may be used, too.
    """

    holder: bytes
    visible: Visibility = field(default_factory=lambda: Visibility(()))


@dataclass(frozen=True, slots=True)
class NewContent:
    """Content that is to be a context's, all of whose chunks were kept before."""

    manifest: Manifest
    media_type: str
    hold: Hold


def check_media_type(text: str) -> str:
    """The media type itself (RFC 9110 section 8.3.1).

    Raises:
        MalformedError: it is none, or longer than `limits.MEDIA_TYPE_BYTES`.
    """
    if len(text) <= limits.MEDIA_TYPE_BYTES and _MEDIA_TYPE.match(text):
        return text
    raise MalformedError(f"not a media type: {shorten(text)}; say one such as text/plain")


def check_manifest(chunks: Iterable[ChunkRef]) -> Manifest:
    """The manifest of chunks that a client names.

    Raises:
        SchemaError: a chunk is empty or larger than a chunk may be.
        TooLargeError: over `limits.CONTENT_BYTES` or `limits.MANIFEST_CHUNKS`.
    """
    found: list[ChunkRef] = []
    size = 0
    for place, chunk in enumerate(chunks):
        if not 0 < chunk.size <= limits.CHUNK_BYTES:
            raise SchemaError(f"chunk {place} must have 1 to {limits.CHUNK_BYTES} bytes")
        size += chunk.size
        check_size(size)
        found.append(chunk)
    if len(found) > limits.MANIFEST_CHUNKS:
        raise TooLargeError(
            f"{len(found)} chunks; a manifest names at most {limits.MANIFEST_CHUNKS}",
            limit="MANIFEST_CHUNKS",
        )
    return Manifest.of(found)


def check_size(size: int) -> None:
    """Pass what content may have in bytes.

    Raises:
        TooLargeError: it is more than `limits.CONTENT_BYTES`.
    """
    if size > limits.CONTENT_BYTES:
        raise TooLargeError(
            f"content may have {limits.CONTENT_BYTES} bytes",
            limit="CONTENT_BYTES",
            bytes=limits.CONTENT_BYTES,
        )


def hash_of(text: str) -> bytes:
    """The hash that 64 hex digits spell.

    Raises:
        MalformedError: they do not.
    """
    if _HEX.match(text):
        return bytes.fromhex(text)
    raise MalformedError(f"a hash is 64 hex digits in lower case, not {shorten(text)}")


def uploads_full(counted: int) -> UploadsFullError:
    """The error where chunks that no content names have so many bytes already."""
    return UploadsFullError(
        f"uploads that no content names have {counted} bytes already; there may be "
        f"{limits.UPLOADS_BYTES}. Name them by a manifest, or wait: after "
        f"{limits.UPLOAD_SECONDS // 3600} hours they are taken away",
        limit="UPLOADS_BYTES",
    )
