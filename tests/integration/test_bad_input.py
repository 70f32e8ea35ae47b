"""What is meant to break the server, sent to a real one: it says no, stays small and goes on serving."""

import gzip
import json
import re
from pathlib import Path

import apsw
import brotli
import pytest
from blake3 import blake3

from backstory import limits, zstd
from serving import serving

CODINGS = ("gzip", "br", "zstd")
BOMB_BYTES = limits.CONTENT_BYTES + 16 * limits.MIB
GROWTH_BYTES = 96 * limits.MIB  # what one request may make the server grow by, generously
JSON = "application/json"
EDITS = "application/vnd.backstory.edits+json"
MANIFEST = "application/vnd.backstory.manifest+json"
DOC = "/v1/contexts/team/doc"
CONTENT = f"{DOC}/content"
MCP = {"accept": "application/json, text/event-stream", "content-type": JSON}


pytestmark = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="tells its memory by Linux's /proc"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("server")) as server:
        with server.client() as http:
            assert http.put(DOC, json={"kind": "document"}).status_code == 201
        yield server


@pytest.fixture
def unharmed(server, http):
    """Afterwards the document is what it was, nothing was kept, and the server has not grown."""
    before, kept = http.get(DOC).json()["version"], chunks(server)
    resident = settled(server)
    yield
    assert http.get(DOC).json()["version"] == before
    assert chunks(server) == kept
    assert peak(server) < resident + GROWTH_BYTES


def settled(server):
    """Bytes that the server holds now; its peak begins anew."""
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")
    return memory(server, "VmRSS")


def peak(server):
    return memory(server, "VmHWM")


def memory(server, name):
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(rf"^{name}:\s+(\d+) kB$", status, re.MULTILINE)[1]) * 1024


def chunks(server):
    connection = apsw.Connection(str(server.store), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return connection.execute("SELECT count(*) FROM chunks").get
    finally:
        connection.close()


def told(answer):
    return answer.status_code, answer.json()["code"]


# -- coded bodies ------------------------------------------------------------------------
def compress(coding, data):
    if coding == "gzip":
        return gzip.compress(data)
    return brotli.compress(data, quality=1) if coding == "br" else zstd.compress(data)


@pytest.fixture(scope="module")
def bombs():
    """Some kilobytes that stand for a quarter of a gigabyte, by their coding."""
    zeros = bytes(BOMB_BYTES)
    return {coding: compress(coding, zeros) for coding in CODINGS}


@pytest.mark.slow
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(
    "call",
    [
        ("PUT", DOC, JSON, "BODY_BYTES"),
        ("POST", f"{DOC}/entries", "text/plain", "BODY_BYTES"),
        ("POST", f"{DOC}/entries", "application/yaml", "BODY_BYTES"),
        ("PATCH", CONTENT, EDITS, "BODY_BYTES"),
        ("PUT", CONTENT, MANIFEST, "BODY_BYTES"),
        ("PUT", f"{CONTENT}/chunks/{'0' * 64}", "application/octet-stream", "CHUNK_BYTES"),
    ],
)
def test_a_bomb_is_refused_before_memory_grows(http, bombs, unharmed, coding, call):
    method, path, media, limit = call
    assert len(bombs[coding]) < limits.MIB
    headers = {"content-type": media, "content-encoding": coding}
    answer = http.request(method, path, content=bombs[coding], headers=headers)
    assert told(answer) == (413, "too_large")
    assert answer.json()["limit"] == limit


@pytest.mark.slow
@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_sent_as_content_is_refused_and_leaves_nothing(http, bombs, unharmed, coding):
    """Content may be much larger than memory should grow, so it is counted as it is stored."""
    headers = {"content-type": "text/plain", "content-encoding": coding}
    answer = http.put(CONTENT, content=bombs[coding], headers=headers)
    assert told(answer) == (413, "too_large")
    assert answer.json()["limit"] == "CONTENT_BYTES"


@pytest.mark.slow
@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_sent_to_models_tools_is_refused(http, bombs, unharmed, coding):
    answer = http.post("/mcp", content=bombs[coding], headers=MCP | {"content-encoding": coding})
    assert answer.status_code == 413
    assert str(limits.BODY_BYTES) in answer.json()["error"]["message"]


WHOLE = {
    "PUT context": ("PUT", DOC, JSON, b'{"kind": "document", "state": {"a": 1}}'),
    "entries": ("POST", f"{DOC}/entries", "text/plain", b"some words " * 500),
    "PUT content": ("PUT", CONTENT, "text/plain", b"some words " * 50_000),
    "PATCH content": ("PATCH", CONTENT, EDITS, b'{"edits": [{"offset": 0, "insert": "x"}]}'),
    "PUT manifest": ("PUT", CONTENT, MANIFEST, b'{"chunks": []}'),
    "PUT chunk": ("PUT", f"{CONTENT}/chunks/{blake3(b'x' * 9000).hexdigest()}", "", b"x" * 9000),
}


@pytest.mark.parametrize("call", WHOLE)
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("harm", ["cut off", "mislabelled", "plain", "more behind it"])
def test_a_body_that_is_not_coded_as_it_says_is_refused(http, unharmed, call, coding, harm):
    method, path, media, plain = WHOLE[call]
    coded = compress(coding, plain)
    other = CODINGS[CODINGS.index(coding) - 1]
    body = {
        "cut off": coded[:-3],
        "mislabelled": compress(other, plain),
        "plain": plain,
        "more behind it": coded + b"and more",
    }[harm]
    headers = {"content-type": media, "content-encoding": coding}
    assert told(http.request(method, path, content=body, headers=headers)) == (400, "malformed")


@pytest.mark.parametrize("call", WHOLE)
@pytest.mark.parametrize("coding", ["compress", "deflate", "gzip, br", "gzip, gzip", "x"])
def test_a_coding_that_is_not_read_is_told_with_those_that_are(http, unharmed, call, coding):
    method, path, media, plain = WHOLE[call]
    headers = {"content-type": media, "content-encoding": coding}
    answer = http.request(method, path, content=plain, headers=headers)
    assert told(answer) == (415, "unsupported_media_type")
    assert answer.headers["accept-encoding"] == "br, gzip, zstd"


def test_a_window_larger_than_all_have_to_offer_is_not_made(http, unharmed):
    """RFC 8878 section 3.1.1.1.2 lets a frame ask for terabytes."""
    frame = b"\x28\xb5\x2f\xfd" + b"\x00" + b"\xf8" + b"\x01\x00\x00"
    headers = {"content-type": JSON, "content-encoding": "zstd"}
    assert told(http.put(DOC, content=frame, headers=headers)) == (400, "malformed")


def test_good_coded_bodies_are_taken_by_every_call(server, http):
    """So that what is refused above is refused for its harm."""
    for coding in CODINGS:
        for method, path, media, plain in WHOLE.values():
            headers = {"content-type": media, "content-encoding": coding}
            sent = http.request(method, path, content=compress(coding, plain), headers=headers)
            assert sent.status_code < 300, (coding, path, sent.text)


# -- charsets ----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("media", "body", "status"),
    [
        ("application/json", '{"entries": []}'.encode("utf-16"), 400),
        ("application/json; charset=utf-16", '{"entries": []}'.encode("utf-16"), 415),
        ("application/jsonl", b'{"role": "user", "content": "\xe4"}', 400),
        ("text/plain; charset=utf-8", b"\xe4", 400),
        ("text/plain; charset=us-ascii", "ä".encode(), 400),
        ("text/plain; charset=klingon", b"x", 415),
        ("text/plain; charset=rot13", b"x", 415),
        ("text/plain; charset=utf-8", "ä".encode("utf-16"), 415),
        ("text/html", b"<meta charset=utf-8><p>\xe4", 400),
        ("text/html; charset=utf-8", b"<meta charset=latin-1><p>\xe4", 400),
        ("text/csv; charset=utf-16", b"a,b\n1,2\n3", 400),
        ("text/markdown", b"# \xff", 400),
    ],
)
def test_another_charset_than_was_said_is_refused(http, unharmed, media, body, status):
    answer = http.post(f"{DOC}/entries", content=body, headers={"content-type": media})
    assert told(answer) == (status, {400: "malformed", 415: "unsupported_media_type"}[status])


# -- a million small things --------------------------------------------------------------
def members(count):
    return ",".join(f'"{n:x}":0' for n in range(count))


FEW, MANY, MOST = 40_000, limits.JSON_MEMBERS + 1, 450_000
MERGE = "application/merge-patch+json"
SHAPES = {
    "state": ("PUT", DOC, JSON, '{{"kind": "document", "state": {{{}}}}}'),
    "merge patch": ("PATCH", DOC, MERGE, "{{{}}}"),
    "metadata": (
        "POST",
        f"{DOC}/entries",
        JSON,
        '{{"entries": [{{"role": "user", "content": "x", "metadata": {{{}}}}}]}}',
    ),
    "JSON Lines": (
        "POST",
        f"{DOC}/entries",
        "application/jsonl",
        '{{"role": "user", "content": "x", "metadata": {{{}}}}}',
    ),
    "commit": (
        "POST",
        "/v1/commits",
        JSON,
        '{{"operations": [{{"op": "put", "context": "team/doc", "state": {{{}}}}}]}}',
    ),
    "names of a body": ("POST", f"{DOC}/entries", JSON, "{{{}}}"),
    "a provider's message": (
        "POST",
        f"{DOC}/entries?format=openai",
        JSON,
        '{{"messages": [{{"role": "user", "content": "x", "extra": {{{}}}}}]}}',
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("count", [MANY, MOST])
def test_a_million_small_keys_are_refused_by_a_bound(http, server, shape, count):
    method, path, media, form = SHAPES[shape]
    before, resident = http.get(DOC).json()["version"], settled(server)
    answer = http.request(
        method, path, content=form.format(members(count)), headers={"content-type": media}
    )
    assert told(answer) in {(400, "malformed"), (413, "too_large")}
    assert answer.json()["limit"] in {"JSON_MEMBERS", "JSON_NODES", "RECORD_BYTES"}
    assert http.get(DOC).json()["version"] == before
    assert peak(server) < resident + 4 * GROWTH_BYTES  # they are read before they are counted


@pytest.mark.parametrize("shape", ["state", "metadata", "merge patch"])
def test_many_small_keys_that_fit_are_kept(http, shape):
    method, path, media, form = SHAPES[shape]
    body = form.format(members(FEW))
    answer = http.request(method, path, content=body, headers={"content-type": media})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("schema", "limit"),
    [
        ({"properties": {f"p{n}": True for n in range(limits.SCHEMA_NODES)}}, "SCHEMA_NODES"),
        ({"enum": [f"{n:x}" for n in range(50_000)]}, "SCHEMA_BYTES"),
        ({"required": [f"{n:x}" for n in range(50_000)]}, "SCHEMA_BYTES"),
    ],
)
def test_a_schema_of_a_million_small_things_is_refused(http, schema, limit):
    answer = http.put("/v1/kinds/many", json={"schema": schema})
    assert told(answer) == (413, "too_large")
    assert answer.json()["limit"] == limit
    assert http.get("/v1/kinds/many").status_code == 404


def test_a_million_small_keys_are_refused_over_mcp(http, unharmed):
    arguments = f'{{"context": "team/doc", "kind": "document", "state": {{{members(MANY)}}}}}'
    call = f'{{"name": "write_context", "arguments": {arguments}}}'
    body = f'{{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {call}}}'
    answer = http.post("/mcp", content=body, headers=MCP)
    assert answer.status_code == 400
    assert f"{limits.JSON_MEMBERS} members" in answer.json()["error"]["message"]


# -- schemas -----------------------------------------------------------------------------
def doubling(levels):
    defs = {f"d{n}": {"allOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(levels)} | {
        f"d{levels}": {}
    }
    return {"$ref": "#/$defs/d0", "$defs": defs}


@pytest.mark.parametrize(
    ("schema", "status", "says"),
    [
        ({"$ref": "#"}, 422, "circle"),
        ({"properties": {"a": {"$ref": "#"}}}, 422, "circle"),
        (doubling(40), 413, "references followed"),
        ({"$ref": "http://127.0.0.1:1/schema.json"}, 422, "nothing is ever fetched"),
        ({"$ref": "file:///etc/passwd"}, 422, "nothing is ever fetched"),
        ({"$id": "http://127.0.0.1:1/x", "$ref": "y"}, 422, "nothing is ever fetched"),
        ({"$schema": "http://127.0.0.1:1/meta"}, 422, "must be https://json-schema.org"),
        ({"pattern": r"^(a+)+\1$"}, 422, "pattern"),
        ({"pattern": "(((a{100}){100}){100}){100}"}, 422, "pattern"),
        ({"patternProperties": {"(?<!a)b": {}}}, 422, "patternProperties"),
    ],
)
def test_a_schema_that_could_cost_without_bound_is_refused(http, schema, status, says):
    answer = http.put("/v1/kinds/trap", json={"schema": schema})
    assert answer.status_code == status, answer.text
    assert says in answer.text
    assert http.get("/v1/kinds/trap").status_code == 404


def test_a_pattern_that_blows_up_elsewhere_costs_nothing_here(http):
    """`(a+)+$` on this text would take an engine that backtracks longer than the universe is old."""
    kind = {"schema": {"properties": {"t": {"pattern": "^(a+)+$"}}}}
    assert http.put("/v1/kinds/greedy", json=kind).status_code == 201
    state = {"t": "a" * 100_000 + "!"}
    answer = http.put("/v1/contexts/team/greedy", json={"kind": "greedy", "state": state})
    assert told(answer) == (422, "schema_violation")
    assert answer.json()["errors"][0]["rule"] == "/properties/t/pattern"


def test_a_reference_is_not_followed_to_a_server_that_listens(http, server):
    """The only connection that a schema could make is one to somebody; here it is to ourselves."""
    schema = {"$ref": f"{server.url}/openapi.json"}
    answer = http.put("/v1/kinds/remote", json={"schema": schema})
    assert answer.json()["errors"][0]["pointer"] == "/schema/$ref"


# -- documents ---------------------------------------------------------------------------
LAUGHS = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
)


@pytest.mark.parametrize(
    "case",
    [
        ("application/yaml", LAUGHS, (413, "too_large"), "YAML_NODES"),
        ("application/yaml", "&a [*a]", (400, "malformed"), "alias"),
        ("application/yaml", "- &a " + "x" * 60_000 + "\n- *a" * 200, (413, "too_large"), "YAML"),
        ("application/yaml", "[" * 5000, (413, "too_large"), "levels"),
        ("application/yaml", "!!python/object/apply:os.system [id]", (400, "malformed"), "tag"),
        ("text/csv", "a,b\n1,2\n3\n", (400, "malformed"), "lines"),
        ("text/csv", "a,b\n1,2\n3,4,5\n", (400, "malformed"), "lines"),
        ("text/html", "<div>" * 100_000, (413, "too_large"), "HTML_DEPTH"),
        ("text/markdown", ">" * 100_000, (413, "too_large"), "HTML_DEPTH"),
    ],
)
def test_a_document_that_costs_more_than_it_weighs_is_refused(http, unharmed, case):
    media, body, told_as, says = case
    answer = http.post(f"{DOC}/entries", content=body, headers={"content-type": media})
    assert told(answer) == told_as, answer.text
    assert says in answer.text


ENTITIES = "".join(f'<!ENTITY e{n} "&e{n - 1};&e{n - 1};">' for n in range(1, 40))


@pytest.mark.parametrize("media", ["text/html", "application/xhtml+xml"])
@pytest.mark.parametrize(
    "entity",
    [
        f'<!DOCTYPE x [<!ENTITY e0 "ha">{ENTITIES}]><p>&e39;</p>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><p>&e;</p>',
        '<?xml version="1.0"?><!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><p>&e;</p>',
        "<p>" + "&#x1F600;" * 10_000 + "</p>",
        "<p>&" + "a" * 100_000 + ";</p>",
    ],
)
def test_entities_are_neither_expanded_nor_fetched(http, server, media, entity):
    resident = settled(server)
    with server.client() as own:
        name = f"/v1/contexts/team/page-{abs(hash((media, entity)))}"
        assert own.put(name, json={"kind": "document"}).status_code == 201
        sent = own.post(
            f"{name}/entries", content=f"{entity}<p>end", headers={"content-type": media}
        )
        assert sent.status_code in {200, 415}, sent.text
        if sent.status_code == 200:
            (entry,) = own.get(f"{name}/entries").json()["items"]
            assert entry["content"].endswith("end")
            assert len(entry["content"]) <= len(entity) + 10
            assert Path("/etc/hostname").read_text().strip() not in entry["content"]
    assert peak(server) < resident + GROWTH_BYTES


# -- chunks ------------------------------------------------------------------------------
def test_a_chunk_whose_bytes_are_others_is_refused(http, unharmed):
    name = blake3(b"these").hexdigest()
    answer = http.put(f"{CONTENT}/chunks/{name}", content=b"those")
    assert told(answer) == (422, "chunk_mismatch")
    assert answer.json()["hash"] == blake3(b"those").hexdigest()
    assert http.post(f"{CONTENT}/missing", json={"hashes": [name]}).json() == {"missing": [name]}


def test_a_manifest_of_chunks_that_nobody_sent_is_refused(http, unharmed):
    absent = [{"hash": blake3(b"%d" % n).hexdigest(), "size": 9} for n in range(3)]
    body = json.dumps({"chunks": absent})
    answer = http.put(CONTENT, content=body, headers={"content-type": MANIFEST})
    assert told(answer) == (409, "chunks_missing")
    assert answer.json()["missing"] == [chunk["hash"] for chunk in absent]


def test_a_manifest_that_lies_about_a_size_is_refused(http):
    data = b"a chunk of content"
    name = blake3(data).hexdigest()
    assert http.put(f"{CONTENT}/chunks/{name}", content=data).status_code == 204
    for size in (1, len(data) - 1, len(data) + 1, limits.CHUNK_BYTES):
        body = json.dumps({"chunks": [{"hash": name, "size": size}]})
        answer = http.put(CONTENT, content=body, headers={"content-type": MANIFEST})
        assert told(answer) == (409, "chunks_missing")
