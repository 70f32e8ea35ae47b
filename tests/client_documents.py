"""A website with HTTPS on this machine, that has client ID metadata documents."""

import json
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import trustme


class Site:
    """What it answers to each path may be changed while it runs; `asked` are the paths."""

    def __init__(self, folder):
        self.asked, self.answers = [], {}
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                site.asked.append(self.path)
                status, headers, body = site.answers.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.authority = folder / "documents-ca.pem"
        authority.cert_pem.write_to_path(str(self.authority))
        self.host = f"localhost:{self.server.server_address[1]}"

    @property
    def environment(self):
        """What a server has to be told to read documents here: names it, and trusts its authority."""
        return {
            "BACKSTORY_AUTH_CLIENT_HOSTS": self.host,
            "SSL_CERT_FILE": str(self.authority),
        }

    def url(self, path="/client.json"):
        return f"https://{self.host}{path}"

    def put(self, path="/client.json", **members):
        """A document, with what is given in the place of what a good one says; None leaves out."""
        document = {
            "client_id": self.url(path),
            "client_name": "Notes for <b>everyone</b>",
            "redirect_uris": ["http://127.0.0.1/callback", "http://localhost/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_method": "none",
        } | members
        kept = {name: value for name, value in document.items() if value is not None}
        self.answer(path, json.dumps(kept).encode())
        return self.url(path)

    def answer(self, path, body, status=200, **headers):
        self.answers[path] = (status, {"content-type": "application/json"} | headers, body)
        return self.url(path)


@contextmanager
def website(folder):
    site = Site(folder)
    thread = threading.Thread(target=site.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.server.shutdown()
        thread.join()
        site.server.server_close()
