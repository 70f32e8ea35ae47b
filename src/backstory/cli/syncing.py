"""Syncing a file to a server: cut it as the server would, and send only what is not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import orjson

from backstory import limits
from backstory.cli.progress import Bar
from backstory.cli.remote import checked, told
from backstory.domain.chunking import Chunk, Chunker
from backstory.errors import ChunksMissingError, InvalidError, MissingError

MANIFEST: Final = "application/vnd.backstory.manifest+json"
_ATTEMPTS: Final = 3  # at a manifest whose chunks go away meanwhile


@dataclass(frozen=True, slots=True)
class Synced:
    """What came of it. `sent_bytes` counts chunks and all that was said about them."""

    version: int
    size: int
    chunks: int
    sent_chunks: int
    sent_bytes: int

    def members(self) -> dict[str, int]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Place:
    """A chunk of the file: its hash, where it begins and how long it is."""

    hash: str
    start: int
    size: int


def sync_file(http: httpx.Client, path: str, file: Path, media_type: str) -> Synced:
    """Make the content at a path equal to a file.

    Raises:
        BackstoryError: what the server answers.
        InvalidError: the file changes while it is read.
    """
    return _Sync(http, path, file).run(media_type)


class _Sync:
    def __init__(self, http: httpx.Client, path: str, file: Path) -> None:
        self._http, self._path, self._file = http, path, file
        self._sent_bytes = self._sent_chunks = 0

    def run(self, media_type: str) -> Synced:
        places = _cut(self._file)
        by_hash = {place.hash: place for place in places}
        there = self._there()
        missing = self._missing([name for name in by_hash if name not in there])
        for _ in range(_ATTEMPTS - 1):
            self._send([by_hash[name] for name in missing])
            try:
                return self._done(places, media_type)
            except ChunksMissingError as error:  # they went away since the question
                missing = [name for name in error.context["missing"] if name in by_hash]
        self._send([by_hash[name] for name in missing])
        return self._done(places, media_type)

    def _done(self, places: Sequence[_Place], media_type: str) -> Synced:
        version = self._commit(places, media_type)
        size = sum(place.size for place in places)
        return Synced(version, size, len(places), self._sent_chunks, self._sent_bytes)

    def _there(self) -> frozenset[str]:
        """The chunks of the content as it stands on the server."""
        found: set[str] = set()
        after: int | None = 0
        while after is not None:
            asked = {"after": after, "limit": limits.PAGE_MAX}
            try:
                page = told(self._http.get(f"{self._path}/manifest", params=asked))
            except MissingError:
                return frozenset()
            found.update(item["hash"] for item in page["items"])
            after = page["next"]
        return frozenset(found)

    def _missing(self, names: Sequence[str]) -> list[str]:
        found: list[str] = []
        for first in range(0, len(names), limits.CHUNKS_ASKED):
            asked = {"hashes": names[first : first + limits.CHUNKS_ASKED]}
            found += self._say("POST", f"{self._path}/missing", asked)["missing"]
        return found

    def _send(self, places: Sequence[_Place]) -> None:
        with (
            self._file.open("rb") as source,
            Bar("sending", sum(place.size for place in places)) as bar,
        ):
            for place in places:
                source.seek(place.start)
                data = source.read(place.size)
                if Chunk.of(data).ref.hash.hex() != place.hash:
                    raise InvalidError(f"{self._file} has changed meanwhile; sync it again")
                checked(self._http.put(f"{self._path}/chunks/{place.hash}", content=data))
                self._sent_bytes += len(data)
                self._sent_chunks += 1
                bar.advance(len(data))

    def _commit(self, places: Sequence[_Place], media_type: str) -> int:
        chunks = [{"hash": place.hash, "size": place.size} for place in places]
        body = {"media_type": media_type, "chunks": chunks}
        version: int = self._say("PUT", self._path, body, MANIFEST)["version"]
        return version

    def _say(
        self, method: str, path: str, body: Mapping[str, Any], media: str = "application/json"
    ) -> Any:
        raw = orjson.dumps(body)
        self._sent_bytes += len(raw)
        headers = {"content-type": media}
        return told(self._http.request(method, path, content=raw, headers=headers))


def _cut(file: Path) -> list[_Place]:
    """The chunks of a file, which is read piece by piece."""
    chunker, places, start = Chunker(), list[_Place](), 0
    with file.open("rb") as source, Bar("reading", file.stat().st_size) as bar:
        more = True
        while more:
            data = source.read(limits.CONTENT_FEED_BYTES)
            more = bool(data)
            for chunk in chunker.feed(data) if more else chunker.finish():
                places.append(_Place(chunk.ref.hash.hex(), start, chunk.ref.size))
                start += chunk.ref.size
            bar.advance(len(data))
    return places
