"""A stand-in for three providers, which takes what they take and answers how much it was sent.

Requests are held against the SDKs' own types and the providers' rules: what they would refuse
is refused with 400.
"""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import provider_types


@contextmanager
def listening():
    """The address of a stand-in on a free port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        given = json.loads(self.rfile.read(int(self.headers["content-length"])))
        try:
            answer, status = _ANSWERS[_form(self.path)](given), 200
        except (AssertionError, ValueError) as error:
            answer, status = {"error": {"message": str(error), "type": "invalid_request"}}, 400
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing."""


def _form(path):
    if path.endswith("/chat/completions"):
        return "openai"
    return "anthropic" if path.endswith("/messages") else "gemini"


def _openai(given):
    provider_types.check("openai", {"messages": given["messages"]})
    called = []
    for message in given["messages"]:
        if message["role"] == "tool":
            assert message["tool_call_id"] in called, "a tool message answers no call"
        called += [call["id"] for call in message.get("tool_calls", ())]
    said = {"role": "assistant", "content": _said(given["messages"])}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": given["model"],
        "choices": [{"index": 0, "message": said, "finish_reason": "stop"}],
    }


def _anthropic(given):
    provider_types.check("anthropic", {k: given[k] for k in ("messages", "system") if k in given})
    _alternate([message["role"] for message in given["messages"]])
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": given["model"],
        "content": [{"type": "text", "text": _said(given["messages"])}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    }


def _gemini(given):
    known = {k: given[k] for k in ("contents", "systemInstruction") if k in given}
    provider_types.check("gemini", known)
    _alternate([content["role"] for content in given["contents"]])
    said = {"role": "model", "parts": [{"text": _said(given["contents"])}]}
    return {"candidates": [{"content": said, "finishReason": "STOP", "index": 0}]}


def _alternate(roles):
    assert roles[0] == "user", "the first message must be the user's"
    assert all(a != b for a, b in pairwise(roles)), "roles must alternate"


def _said(messages):
    return f"{len(messages)} messages came, the last from the {messages[-1]['role']}."


_ANSWERS = {"openai": _openai, "anthropic": _anthropic, "gemini": _gemini}
