"""`backstory health`, which a container asks of itself."""

import contextlib
import http.server
import json
import ssl
import threading

import pytest
import trustme
from click.testing import CliRunner

from backstory.cli import main
from postgres_server import free_port
from serving import serving


def health(*arguments):
    answer = CliRunner().invoke(main, ["health", *map(str, arguments)])
    return answer.exit_code, answer.output


@contextlib.contextmanager
def answering(code, body, certificate=None):
    """A server that gives one answer to whoever asks; the port, and the paths it was asked for."""
    asked = []

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers["Host"]))
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.configure_cert(context)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1], asked
        finally:
            server.shutdown()
            thread.join()


def test_a_server_is_ready_and_live_until_it_is_gone(tmp_path):
    with serving(tmp_path, "--ops-port", "0") as server:
        port, ops = (server.said[name].split(":")[2].split("/")[0] for name in ("url", "ops"))
        assert health("--port", port) == (0, f"http://127.0.0.1:{port}/readyz: ok\n")
        assert health("--port", port, "--live") == (0, f"http://127.0.0.1:{port}/livez: ok\n")
        assert health("--port", 1, "--ops-port", ops)[0] == 0
        # One that listens everywhere is asked on this machine.
        assert health("--port", port, "--host", "0.0.0.0")[0] == 0
        code, said = health("--port", port, "--json")
        assert json.loads(said) == {"url": f"http://127.0.0.1:{port}/readyz", "status": "ok"}
        assert server.stop() == 0
    code, said = health("--port", port)
    assert code == 1
    assert "no server answers" in said
    assert "(store_unavailable)" in said


def test_one_that_drains_is_not_ready():
    with answering(503, b'{"status": "draining"}') as (port, asked):
        code, said = health("--port", port)
    assert code == 1
    assert "answers 503, draining" in said
    assert asked == [("/readyz", "localhost")]


@pytest.mark.parametrize("body", [b"hello", b"[]", b'"ok"', b'{"status": 1}', b"\xff"])
def test_another_server_on_the_port_is_not_taken_for_one_of_ours(body):
    with answering(200, body) as (port, _):
        code, said = health("--port", port)
    assert code == 1
    assert "not like a server of ours" in said


def test_over_tls_the_name_in_the_certificate_is_not_asked_for():
    certificate = trustme.CA().issue_cert("context.example.com")
    with answering(200, b'{"status": "ok"}', certificate) as (port, _):
        said = health("--port", port, "--tls-certificate", "/etc/backstory/server.pem")
    assert said == (0, f"https://127.0.0.1:{port}/readyz: ok\n")


def test_a_free_port_is_one_that_nobody_knows():
    code, said = health("--port", 0)
    assert code == 2
    assert "name one" in said


def test_nobody_there_is_told_in_one_line():
    code, said = health("--port", free_port(), "--host", "::1")
    assert code == 1
    assert "http://[::1]:" in said
