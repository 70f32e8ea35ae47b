"""Requests of 2026-07-28 over HTTP, right and wrong, for properties of what answers them."""

import json

from hypothesis import strategies as st

from mcp_serving import JSON_AND_EVENTS, MODERN

VERSION = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES = "io.modelcontextprotocol/clientCapabilities"
CLIENT = "io.modelcontextprotocol/clientInfo"

CONTEXTS = ["users.42/chat", "users.42/notes", "users.42/none", "nonsense", "", "users.42/chät"]
URIS = [
    "context://users.42/chat",
    "context://users.42/chat/entries",
    "context://users.42/notes/content",
    "context://users.42/none",
    "context://",
    "file:///etc/passwd",
    "",
]
READS = st.one_of(
    st.tuples(
        st.sampled_from(["read_context", "list_contexts", "search_contexts", "no_such_tool", ""]),
        st.fixed_dictionaries(
            {},
            optional={
                "context": st.sampled_from(CONTEXTS),
                "part": st.sampled_from(["state", "entries", "content", "all"]),
                "entries": st.sampled_from([0, 1, 5, -1, "5", None]),
                "path": st.sampled_from(["", "/text", "/none", "text"]),
                "query": st.sampled_from(["tea", "", '"']),
                "unknown": st.just(1),
            },
        ),
    ),
)
WRITES = st.one_of(
    st.tuples(
        st.just("append_entries"),
        st.fixed_dictionaries(
            {
                "context": st.sampled_from(CONTEXTS),
                "entries": st.lists(
                    st.fixed_dictionaries(
                        {
                            "role": st.sampled_from(["user", "system", "Bad Role"]),
                            "content": st.text(
                                st.characters(exclude_categories=["Cs"]), max_size=20
                            ),
                        }
                    ),
                    max_size=2,
                ),
            },
            optional={"idempotency_key": st.sampled_from(["a", "b", ""])},
        ),
    ),
    st.tuples(
        st.just("patch_context"),
        st.fixed_dictionaries(
            {"context": st.sampled_from(CONTEXTS), "merge": st.just({"tea": "green"})},
            optional={"if_version": st.sampled_from([1, 2, 99])},
        ),
    ),
)
CALLS = READS | WRITES
IDS = [1, 0, -7, "a", "", "ü", 2**53, True, None, 1.5, ["x"]]
ACCEPTS = [JSON_AND_EVENTS, "application/json", "*/*", "text/html", "application/*;q=0.1", ""]
TYPES = ["application/json", "Application/JSON", "application/json; charset=utf-8", "text/plain"]
STRANGE_HEADERS = [
    ("mcp-param-context", "users.42/chat"),
    ("mcp-session-id", "none"),
    ("cache-control", "no-cache"),
    ("mcp-method", "tools/call"),
    ("mcp-protocol-version", MODERN),
    ("mcp-name", "read_context"),
    ("accept", "text/html"),
]
STRANGE_META = {
    "progressToken": 7,
    "io.modelcontextprotocol/logLevel": "debug",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": "a=b",
    "anything": None,
    CLIENT: "no object",
    VERSION: "2025-11-25",
    CAPABILITIES: {"sampling": 1},
}


@st.composite
def requests(draw, calls=CALLS):
    """Headers and a body: right, or wrong in a few ways."""
    if draw(st.booleans()):
        name, arguments = draw(calls)
        method, params = "tools/call", {"name": name, "arguments": arguments}
    else:
        name = draw(st.sampled_from(URIS))
        method, params = "resources/read", {"uri": name}
    params["_meta"] = {VERSION: MODERN, CAPABILITIES: {}, CLIENT: {"name": "t", "version": "1"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    headers = {
        "accept": JSON_AND_EVENTS,
        "content-type": "application/json",
        "mcp-protocol-version": MODERN,
        "mcp-method": method,
        "mcp-name": name,
    }
    more = []
    for wrong in draw(st.lists(st.sampled_from(sorted(WRONGS)), max_size=2)):
        WRONGS[wrong](draw, message, headers, more)
    compact = {"separators": (",", ":")} if draw(st.booleans()) else {}
    body = json.dumps(message, ensure_ascii=draw(st.booleans()), **compact).encode()
    sent = [(key, value.encode()) for key, value in headers.items()]
    return sent + [(key, value.encode()) for key, value in more], body


def _drop(draw, message, headers, more):
    headers.pop(draw(st.sampled_from(sorted(headers) or ["none"])), None)


def _strange_header(draw, message, headers, more):
    more.append(draw(st.sampled_from(STRANGE_HEADERS)))


def _accept(draw, message, headers, more):
    headers["accept"] = draw(st.sampled_from(ACCEPTS))
    headers["content-type"] = draw(st.sampled_from(TYPES))


def _name(draw, message, headers, more):
    headers["mcp-name"] = draw(
        st.sampled_from(["other", " read_context ", "=?base64?cmVhZF9jb250ZXh0?=", "=?base64?x?="])
    )


def _id(draw, message, headers, more):
    message["id"] = draw(st.sampled_from(IDS))


def _no_id(draw, message, headers, more):
    message.pop("id", None)


def _meta(draw, message, headers, more):
    params = message.get("params")
    if isinstance(params, dict) and isinstance(params.get("_meta"), dict):
        name = draw(st.sampled_from(sorted(STRANGE_META)))
        params["_meta"][name] = STRANGE_META[name]


def _params(draw, message, headers, more):
    message["params"] = draw(st.sampled_from([None, [], {}, "text", {"_meta": {}}]))


def _arguments(draw, message, headers, more):
    if isinstance(message.get("params"), dict):
        message["params"]["arguments"] = draw(st.sampled_from([None, [], "text", {}, {"a": 1}]))


def _member(draw, message, headers, more):
    message[draw(st.sampled_from(["jsonrpc", "method", "extra", "result"]))] = draw(
        st.sampled_from(["2.0", "1.0", "tools/call", 7, None])
    )


def _rounds(draw, message, headers, more):
    if isinstance(message.get("params"), dict):
        message["params"]["requestState"] = "forged"


WRONGS = {
    "header missing": _drop,
    "header added": _strange_header,
    "accept": _accept,
    "name": _name,
    "id": _id,
    "no id": _no_id,
    "meta": _meta,
    "params": _params,
    "arguments": _arguments,
    "member": _member,
    "round": _rounds,
}
