"""Large bodies are read, checked and written where no event loop runs, whatever form they have."""

import asyncio

import orjson
import pytest

from backstory import limits
from backstory.domain import intake, long_json, strict_json
from backstory.processing import pipeline
from backstory.transports.edge.coding import codecs

PATH = "/v1/contexts/team/long"
TEXT = "some words, and more of them; " * 100
ENTRIES = [{"role": "user", "content": f"{n} {TEXT}"} for n in range(900)]
MCP = {"accept": "application/json, text/event-stream"}
META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {},
}


@pytest.fixture
async def doc(put):
    await put("team/long", "document")


@pytest.fixture
def seen(doc, monkeypatch):
    """What was called of the work that takes long; a call in the event loop fails the test."""
    names = []

    def watched(module, name):
        original = getattr(module, name)

        def call(*arguments, **options):
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()
            names.append(name)
            return original(*arguments, **options)

        monkeypatch.setattr(module, name, call)

    watched(long_json, "shape_of")
    watched(intake, "entries")
    watched(pipeline, "transform")
    return names


def commit():
    put = {"op": "put", "context": "team/long", "state": {"text": TEXT * 300}}
    return {"operations": [put, {"op": "append", "context": "team/long", "entries": ENTRIES}]}


LONG = {
    "entries": ("POST", f"{PATH}/entries", {"entries": ENTRIES}),
    "a state": ("PUT", PATH, {"kind": "document", "state": {"text": TEXT * 300}}),
    "a commit": ("POST", "/v1/commits", commit()),
    "messages": ("POST", f"{PATH}/entries?format=openai", {"messages": ENTRIES}),
}


@pytest.mark.parametrize("call", LONG)
async def test_long_json_is_worked_on_aside(http, seen, call):
    method, path, body = LONG[call]
    answer = await http.request(method, path, json=body)
    assert answer.status_code == 200, answer.text
    assert {"shape_of", "transform"} <= set(seen)


async def test_long_arguments_of_a_tool_are_worked_on_aside(http, seen):
    arguments = {"context": "team/long", "entries": ENTRIES}
    params = {"name": "append_entries", "arguments": arguments, "_meta": META}
    headers = MCP | {
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "append_entries",
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    answer = await http.post("/mcp", json=body, headers=headers)
    assert answer.json()["result"]["structuredContent"]["last_seq"] == len(ENTRIES), answer.text
    assert set(seen) == {"shape_of", "entries", "transform"}


async def test_what_is_wrong_with_long_arguments_is_told_as_with_short(http, doc):
    params = {"name": "append_entries", "_meta": META}
    params["arguments"] = {"context": "team/long", "entries": [*ENTRIES, {"role": "USER"}]}
    headers = MCP | {
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": "append_entries",
    }
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    result = (await http.post("/mcp", json=body, headers=headers)).json()["result"]
    assert result["isError"]
    assert result["structuredContent"]["code"] == "schema_violation"


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
async def test_long_pieces_of_a_stream_are_coded_aside(http, doc, monkeypatch, coding):
    body = orjson.dumps(ENTRIES)
    sent = await http.put(f"{PATH}/content", content=body, headers={"content-type": "text/plain"})
    assert sent.status_code == 200
    encoder = type(codecs.BY_NAME[coding].encoder())
    original, lengths = encoder.feed, []

    def feed(self, data):
        if len(data) > limits.INLINE_BYTES:
            with pytest.raises(RuntimeError):
                asyncio.get_running_loop()
            lengths.append(len(data))
        return original(self, data)

    monkeypatch.setattr(encoder, "feed", feed)
    answer = await http.get(f"{PATH}/content", headers={"accept-encoding": coding})
    assert answer.headers["content-encoding"] == coding
    assert answer.content == body
    assert sum(lengths) > len(body) / 2


def test_no_call_gets_more_than_a_slice_of_long_json(monkeypatch):
    """A thread that reads JSON lets others have their turn, since each call of C is short."""
    lengths = []
    scan = strict_json._DECODER.scan_once

    def watched(text, at):
        value, end = scan(text, at)
        lengths.append(end - at)
        return value, end

    decoder = type("Decoder", (), {"scan_once": staticmethod(watched)})
    monkeypatch.setattr(strict_json, "_DECODER", decoder)
    value = {"a": [["x" * 9] * 50_000, "\\n\u00e4" * 200_000], "b": {"c" * 100_000: [[]] * 50_000}}
    assert strict_json.loads(orjson.dumps(value)) == value
    assert max(lengths) <= long_json.SLICE + 1
