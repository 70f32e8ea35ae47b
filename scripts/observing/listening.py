"""Small HTTP servers on this machine that keep what is sent to them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MOST_BYTES = 16 * 2**20  # of one request


@dataclass(frozen=True)
class Arrived:
    """One request; names of headers are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Arrived], tuple[int, bytes]]
"""Takes what arrived and gives the status and the JSON of an answer."""


@contextmanager
def listening(answer: Answer, port: int = 0) -> Iterator[int]:
    """A server that answers POST so; the port it listens on."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("content-length", 0))
            if length > MOST_BYTES:
                self.send_error(413)
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, body = answer(Arrived(self.path, headers, self.rfile.read(length)))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Says nothing: what arrived is told elsewhere."""

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()
