"""Requests with bodies and answers of about 5 MB, of every form that there is."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from backstory import limits
from backstory.domain.chunking import Chunk
from benchmarks import text

SIZE = 5_000_000
ENTRIES = 1000
JSON = "application/json"
EDITS = "application/vnd.backstory.edits+json"
MANIFEST = "application/vnd.backstory.manifest+json"
CREATE = ("PUT", "/v1/contexts/bench/{}", b'{"kind":"document"}')
HERE = "/v1/contexts/bench/{}"


@dataclass(frozen=True, slots=True)
class Case:
    """One request. In paths, `{}` is the turn; `before` is done first, and not measured."""

    name: str
    method: str
    path: str
    body: Callable[[int], bytes]
    media: str = JSON
    status: int = 200
    coding: str = ""
    before: tuple[tuple[str, str, bytes], ...] = (CREATE,)
    accept: dict[str, str] = field(default_factory=dict)

    @property
    def headers(self) -> dict[str, str]:
        return {"content-type": self.media, **self.accept}


def cases() -> Iterator[Case]:
    yield from _content()
    yield from _entries()
    yield from _formats()
    yield from _hostile()
    yield from _others()
    yield from _answers()


def _prose(size: int, seed: int = 11) -> bytes:
    source = random.Random(seed)
    words = ["".join(source.choices("etaoinshrdlu", k=source.randint(2, 9))) for _ in range(5000)]
    return " ".join(source.choices(words, k=size // 4)).encode()[:size]


PROSE = _prose(SIZE)


def _varied(body: bytes) -> Callable[[int], bytes]:
    """Different in each turn, so that nothing is known already."""
    return lambda turn: b"%09d" % turn + body[9:]


def _content() -> Iterator[Case]:
    path = f"{HERE}/content"
    for coding in ("", "gzip", "br", "zstd"):
        name = f"PUT content {coding}".strip()
        yield Case(name, "PUT", path, _varied(PROSE), "text/plain", coding=coding)
    put = (CREATE, ("PUT", path, b"0123456789" * 500_000))
    one = orjson.dumps({"edits": [{"offset": 5, "insert": PROSE.decode()}]})
    many = orjson.dumps(
        {"edits": [{"offset": n * 400, "insert": "x" * 400} for n in range(10_000)]}
    )
    yield Case("PATCH content, one edit", "PATCH", path, lambda _: one, EDITS, before=put)
    yield Case("PATCH content, 10,000 edits", "PATCH", path, lambda _: many, EDITS, before=put)
    chunk = Chunk.of(b"x" * 1000)
    sent = ("PUT", f"{path}/chunks/{chunk.ref.hash.hex()}", b"x" * 1000)
    described = [{"hash": chunk.ref.hash.hex(), "size": 1000}] * 65_536
    manifest = orjson.dumps({"media_type": "text/plain", "chunks": described})
    yield Case("PUT manifest", "PUT", path, lambda _: manifest, MANIFEST, before=(CREATE, sent))
    hashes = orjson.dumps({"hashes": [random.Random(n).randbytes(32).hex() for n in range(8192)]})
    yield Case("POST missing", "POST", f"{path}/missing", lambda _: hashes)


def _messages() -> list[str]:
    size = SIZE // ENTRIES
    return [PROSE[n * size : (n + 1) * size].decode() for n in range(ENTRIES)]


def _entries() -> Iterator[Case]:
    path = f"{HERE}/entries"
    listed = [{"role": "user", "content": message} for message in _messages()]
    whole = orjson.dumps({"entries": listed})
    for coding in ("", "gzip", "br", "zstd"):
        yield Case(f"entries, JSON {coding}".strip(), "POST", path, lambda _: whole, coding=coding)
    lines = b"\n".join(map(orjson.dumps, listed))
    yield Case("entries, JSON Lines", "POST", path, lambda _: lines, "application/jsonl")
    part = orjson.dumps({"entries": [{**one, "content": one["content"][:900]} for one in listed]})
    yield Case("entries, YAML", "POST", path, lambda _: part, "application/yaml")
    table = b"a,b,c\n" + b"one,two,three\n" * 60_000
    yield Case("an entry, CSV", "POST", path, lambda _: table, "text/csv")
    page = b"<p>word <b>word</b> word</p>\n" * 40_000
    yield Case("an entry, HTML", "POST", path, lambda _: page, "text/html")
    marked = b"# Title\n\n" + b"Some *words* and `code`.\n\n" * 35_000
    yield Case("an entry, Markdown", "POST", path, lambda _: marked, "text/markdown")
    yield Case("an entry, text over its bound", "POST", path, lambda _: PROSE, "text/plain", 413)
    plain = PROSE[:1_000_000]
    yield Case("an entry, text", "POST", path, lambda _: plain, "text/plain")


def _formats() -> Iterator[Case]:
    path, roles = f"{HERE}/entries?format=", ("user", "assistant")
    said = [(roles[n % 2], message) for n, message in enumerate(_messages())]
    chat: list[Any] = [{"role": role, "content": message} for role, message in said]
    blocks = [{"role": r, "content": [{"type": "text", "text": m}]} for r, m in said]
    turns = [{"role": "user" if r == "user" else "model", "parts": [{"text": m}]} for r, m in said]
    for form, body in (
        ("openai", {"messages": chat}),
        ("openai-responses", {"input": chat}),
        ("anthropic", {"messages": blocks}),
        ("gemini", {"contents": turns}),
    ):
        raw = orjson.dumps(body)
        yield Case(f"entries, {form}", "POST", path + form, lambda _, raw=raw: raw)


def _hostile() -> Iterator[Case]:
    """JSON that costs most for its bytes; refused in the end, or not."""
    path = f"{HERE}/entries"
    lists = b'{"entries":[' + b"[]," * 330_000 + b"[]]}"
    yield Case("entries, empty lists", "POST", path, lambda _: lists, status=413)
    words = b'{"entries":[{"role":"user","content":"x","metadata":{"a":[' + b'"abcdefgh",' * 450_000
    words += b'""]}}]}'
    yield Case("entries, a list of words", "POST", path, lambda _: words, status=413)
    escaped = b'{"entries":[{"role":"user","content":"' + b"\\n" * 2_500_000 + b'"}]}'
    yield Case("entries, escapes", "POST", path, lambda _: escaped, status=413)
    keys = ",".join(f'"{n:x}":null' for n in range(450_000))
    named = f'{{"entries":[{{"role":"user","content":"x","metadata":{{{keys}}}}}]}}'.encode()
    yield Case("entries, small keys", "POST", path, lambda _: named, status=400)
    few = ",".join(f'"{n:x}":"{n:x}"' for n in range(limits.JSON_MEMBERS))
    state = f'{{"kind":"document","state":{{{few}}}}}'.encode()
    yield Case("PUT state, small keys", "PUT", HERE, lambda _: state)


def _state(size: int) -> dict[str, Any]:
    return {f"k{n}": message for n, message in enumerate(text.messages(size // 260, 250))}


def _others() -> Iterator[Case]:
    state = {"kind": "document", "state": _state(1_000_000)}
    put = orjson.dumps(state)
    yield Case("PUT state", "PUT", HERE, _turned(state))
    changed = orjson.dumps({"k1": "changed"})
    merge = "application/merge-patch+json"
    before = (("PUT", HERE, put),)
    yield Case("PATCH of a large state", "PATCH", HERE, lambda _: changed, merge, before=before)
    puts = [
        {"op": "put", "context": f"bench/c{n}", "kind": "document", "state": _state(900_000)}
        for n in range(5)
    ]
    yield Case("a commit of five states", "POST", "/v1/commits", _operations(puts), before=())
    entries = [{"role": "user", "content": message} for message in _messages()]
    appends = [
        {"op": "append", "context": f"bench/c{n % 5}", "entries": entries[n * 10 : n * 10 + 10]}
        for n in range(100)
    ]
    yield Case("a commit of 100 appends", "POST", "/v1/commits", _operations(appends), before=())
    message = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {
            "name": "append_entries",
            "arguments": {"context": "bench/c0", "entries": entries},
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    }
    raw = orjson.dumps(message)
    headers = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "append_entries",
    }
    yield Case("MCP append_entries", "POST", "/mcp", lambda _: raw, before=(), accept=headers)


def _turned(body: dict[str, Any]) -> Callable[[int], bytes]:
    return lambda turn: orjson.dumps({**body, "state": {**body["state"], "turn": turn}})


def _operations(operations: list[dict[str, Any]]) -> Callable[[int], bytes]:
    def body(turn: int) -> bytes:
        labelled = [
            {**each, "state": {**each["state"], "turn": turn}} if "state" in each else each
            for each in operations
        ]
        return orjson.dumps({"operations": labelled})

    return body


def _answers() -> Iterator[Case]:
    put = orjson.dumps({"kind": "document", "state": _state(1_000_000)})
    entries = orjson.dumps({"entries": [{"role": "user", "content": m} for m in _messages()]})
    stored = (("PUT", HERE, put), ("POST", f"{HERE}/entries", entries))
    content = (CREATE, ("PUT", f"{HERE}/content", PROSE))
    read = {
        "a state": (HERE, stored),
        "a page of entries": (f"{HERE}/entries?limit=1000", stored),
        "a page of messages": (f"{HERE}/entries?limit=1000&format=anthropic", stored),
        "catching up": (f"{HERE}?since=1&limit=1000", stored),
        "a difference": (f"{HERE}/diff?from=1&to=2", stored),
        "content": (f"{HERE}/content", content),
        "a manifest": (f"{HERE}/content/manifest?limit=1000", content),
    }
    for name, (path, before) in read.items():
        for coding in ("identity", "gzip", "br", "zstd"):
            accept = {"accept-encoding": coding}
            called = f"GET {name}" + ("" if coding == "identity" else f", {coding}")
            yield Case(called, "GET", path, lambda _: b"", before=before, accept=accept)
