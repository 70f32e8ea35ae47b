"""What large content costs: stored, sent and read, against its own size and a whole read."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import orjson

from backstory.domain.chunking import cut
from benchmarks import servers
from benchmarks.client import Client
from benchmarks.report import Ratio
from benchmarks.timing import medians

SIZE = 6_000_000
MIDDLE = SIZE // 2
ROUNDS = 30
CONTENT = "/v1/contexts/bench/{}/content"
MANIFEST = "application/vnd.backstory.manifest+json"
PLAIN = {"content-type": "text/plain"}


def run(folder: Path) -> Iterator[Ratio]:
    text = _text()
    edited = text[:MIDDLE] + b"x" * 60 + text[MIDDLE + 60 :]
    yield from _stored(folder / "stored.db", text, edited)
    with servers.backstory(folder / "served.db") as port, Client(port) as client:
        yield _sent(client, text, edited)
        yield _read(client)
        yield from _speed(client, text)


def _text() -> bytes:
    source = random.Random(11)
    words = ["".join(source.choices("etaoinshrdlu", k=source.randint(2, 9))) for _ in range(5000)]
    return " ".join(source.choices(words, k=1_200_000)).encode()[:SIZE]


def _stored(file: Path, text: bytes, edited: bytes) -> Iterator[Ratio]:
    """Each in a server of its own, so that the log has gone into the file when it is weighed."""
    sizes = []
    for name, body in (("a", b""), ("b", b""), ("a", text), ("a", edited), ("b", text)):
        with servers.backstory(file) as port, Client(port) as client:
            if body:
                _done(client.request("PUT", CONTENT.format(name), body, **PLAIN))
            else:
                client.json("PUT", f"/v1/contexts/bench/{name}", {"kind": "document"})
        sizes.append(sum(part.stat().st_size for part in file.parent.glob(f"{file.name}*")))
    _, empty, whole, edit, again = sizes
    yield _weight("stored bytes / text of 6 MB", whole - empty, 0.7)
    yield _weight("stored for an edit of 60 bytes / text", edit - whole, 0.01)
    yield _weight("stored for the same content again / text", again - edit, 0.005)


def _done(answer: tuple[int, bytes]) -> None:
    if answer[0] >= 400:
        raise RuntimeError(f"{answer[0]} {answer[1][:300]!r}")


def _weight(work: str, count: int, at_most: float) -> Ratio:
    return Ratio(work, count / SIZE, at_most, f"{count:,} bytes")


def _sent(client: Client, text: bytes, edited: bytes) -> Ratio:
    """The question with every hash, the chunks that are new, the manifest; no answers."""
    client.json("PUT", "/v1/contexts/bench/doc", {"kind": "document"})
    path = CONTENT.format("doc")
    _done(client.request("PUT", path, text, **PLAIN))
    chunks = {chunk.ref.hash.hex(): chunk for chunk in cut(edited)}
    question = orjson.dumps({"hashes": list(chunks)})
    missing = orjson.loads(client.request("POST", f"{path}/missing", question)[1])["missing"]
    for name in missing:
        _done(client.request("PUT", f"{path}/chunks/{name}", chunks[name].data))
    described = [{"hash": c.ref.hash.hex(), "size": c.ref.size} for c in cut(edited)]
    manifest = orjson.dumps({"media_type": "text/plain", "chunks": described})
    _done(client.request("PUT", path, manifest, **{"content-type": MANIFEST}))
    if client.request("GET", path)[1] != edited:
        raise RuntimeError("what was synced is not what was sent")
    sent = len(question) + len(manifest) + sum(chunks[name].ref.size for name in missing)
    return _weight("sent for an edit of 60 bytes by manifest / text", sent, 0.02)


def _read(client: Client) -> Ratio:
    path, span = CONTENT.format("doc"), f"bytes={MIDDLE}-{MIDDLE + 99}"
    # One after the other: 6 MB on their way leave nothing in the processor's caches.
    works = {
        "part": lambda: client.request("GET", path, range=span),
        "whole": lambda: client.request("GET", path),
    }
    taken = {name: medians({name: work}, ROUNDS)[name] for name, work in works.items()}
    detail = f"{taken['part'] * 1000:.2f} ms, {taken['whole'] * 1000:.1f} ms"
    return Ratio("100 bytes from the middle / all", taken["part"] / taken["whole"], 0.02, detail)


def _speed(client: Client, text: bytes) -> Iterator[Ratio]:
    """Seconds for each gigabyte, against copying it in memory: how fast, without a bound."""
    path = CONTENT.format("doc")
    turns = iter(range(10**9))

    def put() -> None:
        body = b"%09d" % next(turns) + random.Random(next(turns)).randbytes(SIZE // 2)
        _done(client.request("PUT", path, body + text[: SIZE // 2], **PLAIN))

    taken = medians({"put": put, "get": lambda: client.request("GET", path)}, 5, warmup=1)
    for name, seconds in taken.items():
        yield Ratio(f"{name} of 6 MB, seconds", seconds, None, f"{SIZE / seconds / 1e6:.0f} MB/s")
