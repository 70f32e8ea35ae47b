"""A stand-in for an ACME authority (RFC 8555) that checks what it is sent, and signs for real.

Nonces are good once; signatures, their algorithm, key and address are verified; a name is proven
by fetching what http-01 asks for; a request for a certificate has to be signed by its key and to
name what was proven. What it answers may be changed while it runs.
"""

import base64
import datetime as dt
import hashlib
import http.client
import json
import secrets
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding

LIFE = dt.timedelta(days=90)
_MEANT = {"newAccount": "_new_account", "newOrder": "_new_order"}


def decoded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encoded(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def thumbprint(jwk):
    """RFC 7638."""
    members = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    text = json.dumps(members, sort_keys=True, separators=(",", ":"))
    return encoded(hashlib.sha256(text.encode()).digest())


class RefusedError(Exception):
    """A problem document."""

    def __init__(self, kind, detail, status=400):
        super().__init__(detail)
        self.kind, self.status = kind, status


class Authority:
    """Its state; `challenge_port` is where it looks for what hosts show, whatever their name."""

    def __init__(self, challenge_port):
        self.challenge_port = challenge_port
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.nonces, self.accounts, self.orders = set(), {}, {}
        self.terms, self.window, self.broken = None, None, None
        self.life, self.age = LIFE, dt.timedelta(0)
        self.bad_nonces = 0
        self.issued = 0
        self.url = ""
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Stand-in")])
        self.root = self._sign(name, name, self.key.public_key(), [], authority=True)

    def _sign(self, subject, issuer, public, names, *, authority=False):
        now = dt.datetime.now(dt.UTC) - self.age
        made = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + (LIFE * 10 if authority else self.life))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), False
            )
        )
        if names:
            found = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            made = made.add_extension(found, critical=False)
        return made.sign(self.key, hashes.SHA256())

    # -- what is asked -----------------------------------------------------------------

    def nonce(self):
        made = secrets.token_urlsafe(16)
        self.nonces.add(made)
        return made

    def directory(self):
        found = {name: f"{self.url}/{name}" for name in ("newNonce", "newAccount", "newOrder")}
        found["meta"] = {"termsOfService": self.terms} if self.terms else {}
        if self.window is not None:
            found["renewalInfo"] = f"{self.url}/renewal-info"
        return found

    def opened(self, path, raw):
        """The payload and the key of a signed request."""
        jws = json.loads(raw)
        head = json.loads(decoded(jws["protected"]))
        if self.bad_nonces:
            self.bad_nonces -= 1
            raise RefusedError("badNonce", "try again")
        if head["nonce"] not in self.nonces:
            raise RefusedError("badNonce", "this nonce is not good")
        self.nonces.remove(head["nonce"])
        if head["url"] != self.url + path or head["alg"] != "ES256":
            raise RefusedError("malformed", "made for another address, or with another algorithm")
        if ("jwk" in head) == ("kid" in head) or ("jwk" in head) != (path == "/newAccount"):
            raise RefusedError("malformed", "one of jwk and kid")
        if "kid" in head and head["kid"] not in self.accounts:
            raise RefusedError("accountDoesNotExist", "who are you")
        jwk = head.get("jwk") or self.accounts[head["kid"]]
        numbers = [int.from_bytes(decoded(jwk[name])) for name in ("x", "y")]
        public = ec.EllipticCurvePublicNumbers(*numbers, ec.SECP256R1()).public_key()
        signature = decoded(jws["signature"])
        pair = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
        signed = f"{jws['protected']}.{jws['payload']}".encode()
        try:
            public.verify(encode_dss_signature(*pair), signed, ec.ECDSA(hashes.SHA256()))
        except InvalidSignature:
            raise RefusedError("malformed", "the signature is wrong", 403) from None
        payload = decoded(jws["payload"])
        return (json.loads(payload) if payload else None), jwk

    def post(self, path, raw):
        """Status, headers and body."""
        payload, jwk = self.opened(path, raw)
        family, _, rest = path[1:].partition("/")
        return getattr(self, _MEANT.get(family, f"_{family}"))(rest, payload, jwk)

    def _new_account(self, _, payload, jwk):
        if self.terms and not payload.get("termsOfServiceAgreed"):
            raise RefusedError("userActionRequired", "agree to the terms", 403)
        uri = f"{self.url}/account/{thumbprint(jwk)}"
        status = 200 if uri in self.accounts else 201
        self.accounts[uri] = jwk
        return status, {"Location": uri}, {"status": "valid"}

    def _new_order(self, _, payload, jwk):
        number = secrets.token_hex(4)
        names = [each["value"] for each in payload["identifiers"]]
        self.orders[number] = {
            "names": names,
            "tokens": {name: secrets.token_urlsafe(32) for name in names},
            "proven": dict.fromkeys(names, "pending"),
            "errors": {},
            "pem": None,
        }
        return 201, {"Location": f"{self.url}/order/{number}"}, self._view(number)

    def _view(self, number):
        order = self.orders[number]
        states = set(order["proven"].values())
        state = "valid" if order["pem"] else "ready" if states == {"valid"} else "pending"
        view = {
            "status": "invalid" if "invalid" in states else state,
            "identifiers": [{"type": "dns", "value": name} for name in order["names"]],
            "authorizations": [f"{self.url}/authorization/{number}/{n}" for n in order["names"]],
            "finalize": f"{self.url}/finalize/{number}",
        }
        return view | ({"certificate": f"{self.url}/pem/{number}"} if order["pem"] else {})

    def _order(self, number, payload, jwk):
        return 200, {}, self._view(number)

    def _authorization(self, rest, payload, jwk):
        number, _, name = rest.partition("/")
        order = self.orders[number]
        state = order["proven"][name]
        challenge = self._challenge_view(number, name)
        other = {"type": "dns-01", "url": f"{self.url}/x", "status": "pending", "token": "x" * 43}
        found = {"type": "dns", "value": name}
        offered = [other] if self.broken == "no http-01" else [other, challenge]
        return 200, {}, {"status": state, "identifier": found, "challenges": offered}

    def _challenge_view(self, number, name):
        order = self.orders[number]
        view = {
            "type": "http-01",
            "url": f"{self.url}/challenge/{number}/{name}",
            "token": order["tokens"][name],
            "status": order["proven"][name],
        }
        error = order["errors"].get(name)
        return view | ({"error": error} if error else {})

    def _challenge(self, rest, payload, jwk):
        number, _, name = rest.partition("/")
        order = self.orders[number]
        token = order["tokens"][name]
        shown = self._fetch(name, f"/.well-known/acme-challenge/{token}")
        proven = shown == f"{token}.{thumbprint(jwk)}"
        order["proven"][name] = "valid" if proven else "invalid"
        if not proven:
            kind = "urn:ietf:params:acme:error:unauthorized"
            order["errors"][name] = {"type": kind, "detail": f"{name} shows {shown!r}"}
        up = f'<{self.url}/authorization/{number}/{name}>;rel="up"'
        return 200, {"Link": up}, self._challenge_view(number, name)

    def _fetch(self, name, path):
        wire = http.client.HTTPConnection("127.0.0.1", self.challenge_port, timeout=10)
        try:
            wire.request("GET", path, headers={"Host": name})
            return wire.getresponse().read().decode().strip()
        except OSError as error:
            return str(error)
        finally:
            wire.close()

    def _finalize(self, number, payload, jwk):
        order = self.orders[number]
        if set(order["proven"].values()) != {"valid"}:
            raise RefusedError("orderNotReady", "prove the names first", 403)
        if self.broken == "declines":
            raise RefusedError("rateLimited", "too many certificates", 429)
        csr = x509.load_der_x509_csr(decoded(payload["csr"]))
        names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if not csr.is_signature_valid or sorted(names.get_values_for_type(x509.DNSName)) != sorted(
            order["names"]
        ):
            raise RefusedError("badCSR", "another key, or other names")
        made = self._sign(x509.Name([]), self.root.subject, csr.public_key(), order["names"])
        self.issued += 1
        order["pem"] = made.public_bytes(Encoding.PEM) + self.root.public_bytes(Encoding.PEM)
        return 200, {"Location": f"{self.url}/order/{number}"}, self._view(number)

    def _pem(self, number, payload, jwk):
        return 200, {}, self.orders[number]["pem"]


@contextmanager
def authority(challenge_port):
    """One on a free port."""
    found = Authority(challenge_port)

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self._send(200, {}, b"")

        def do_GET(self):
            if self.path == "/directory":
                self._send(200, {}, found.directory())
            elif self.path.startswith("/renewal-info/") and found.window:
                start, end = (each.isoformat() for each in found.window)
                self._send(200, {}, {"suggestedWindow": {"start": start, "end": end}})
            else:
                self._send(404, {}, {"detail": "nothing there"})

        def do_POST(self):
            raw = self.rfile.read(int(self.headers["content-length"]))
            try:
                assert self.headers["content-type"] == "application/jose+json"
                self._send(*found.post(self.path, raw))
            except RefusedError as refused:
                kind = f"urn:ietf:params:acme:error:{refused.kind}"
                problem = {"type": kind, "detail": str(refused), "status": refused.status}
                self._send(refused.status, {}, problem, "application/problem+json")

        def _send(self, status, headers, value, media="application/json"):
            body = value if isinstance(value, bytes) else json.dumps(value).encode()
            if found.broken == "garbage":
                body = b"<html>"
            self.send_response(status)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Replay-Nonce", found.nonce())
            for name, text in headers.items():
                self.send_header(name, text)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
