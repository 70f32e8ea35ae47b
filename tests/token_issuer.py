"""A stand-in for an identity provider: keys, tokens, metadata and a token endpoint."""

import base64
import contextlib
import hashlib
import json
import threading
import time
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

AUDIENCE = "https://context.example.com"
HOST = {"host": "context.example.com"}
MINUTE = 60


class SigningKey:
    """A private key with its id; RSA keys are slow to make, so most tests use others."""

    def __init__(self, algorithm="ES256", kid=None):
        self.algorithm, self.kid = algorithm, kid or uuid.uuid4().hex[:8]
        if algorithm.startswith(("RS", "PS")):
            self.private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
            self._form = RSAAlgorithm
        elif algorithm == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
            self._form = OKPAlgorithm
        else:
            curves = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}
            self.private = ec.generate_private_key(curves[algorithm]())
            self._form = ECAlgorithm

    @property
    def pem(self):
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def jwk(self, **more):
        public = self._form.to_jwk(self.private.public_key(), as_dict=True)
        return public | {"kid": self.kid, "use": "sig"} | more

    def sign(self, claims, **header):
        head = {"typ": "at+jwt", "kid": self.kid} | header
        return jwt.encode(claims, self.private, self.algorithm, headers=head)


class Issuer:
    """Makes tokens; `url` is what they name as their issuer."""

    def __init__(self, url="https://login.example.com", *keys):
        self.url = url
        self.keys = list(keys) or [SigningKey()]

    def jwks(self):
        return {"keys": [key.jwk() for key in self.keys]}

    def write(self, path):
        """The keys as a file, put in place at once."""
        new = path.with_suffix(".new")
        new.write_text(json.dumps(self.jwks()))
        new.replace(path)
        return f"file:{path}"

    def claims(self, subject="ada", roles=("member",), **more):
        now = int(time.time())
        found = {
            "iss": self.url,
            "sub": subject,
            "aud": AUDIENCE,
            "iat": now,
            "exp": now + 10 * MINUTE,
            "jti": uuid.uuid4().hex,
            "client_id": "cli",
            "tenant": "acme",
            "roles": list(roles),
        } | more
        return {name: value for name, value in found.items() if value is not None}

    def token(self, subject="ada", roles=("member",), key=None, header=None, **more):
        claims = self.claims(subject, roles, **more)
        return (key or self.keys[0]).sign(claims, **(header or {}))

    def lasting(self, subject="ada", roles=("member",)):
        """One that outlives all tests, though it was made before the first of them."""
        return self.token(subject, roles, exp=int(time.time()) + 600 * MINUTE)

    def environment(self, jwks, audience=AUDIENCE, **more):
        """What a server is told of this issuer."""
        return {
            "BACKSTORY_AUTH_ISSUER": self.url,
            "BACKSTORY_AUTH_JWKS": jwks,
            "BACKSTORY_AUTH_AUDIENCE": audience,
            "BACKSTORY_ALLOWED_HOSTS": "127.0.0.1",
        } | more


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def segment(value):
    """A part of a token, made by hand; bytes as they are."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Website:
    """An issuer's site. What it answers, and how, may be changed while it runs."""

    def __init__(self, path=""):
        self.issuer = None
        self.down = False
        self.asked = []
        self.path = path
        self.wait = threading.Event()
        self.wait.set()
        self.clients = {}  # id to (secret, claims)
        self.requested = []
        self.asker = ("backstory", "a secret: of 100%")
        self.opaque = {}  # token to what is told of it
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                site.asked.append(self.path)
                site.wait.wait(30)
                self._answer(*site.get(self.path))

            def do_POST(self):
                length = int(self.headers["content-length"])
                form = {k: v[0] for k, v in parse_qs(self.rfile.read(length).decode()).items()}
                self._answer(*site.post(self.path, form, self.headers.get("authorization", "")))

            def _answer(self, status, value):
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                with contextlib.suppress(BrokenPipeError):  # nobody waits any more
                    self.wfile.write(body)

            def log_message(self, *_):
                """Says nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}{path}"
        self.issuer = Issuer(self.url)

    def get(self, path):
        if self.down:
            return 503, {}
        origin = self.url.removesuffix(self.path)
        if path == "/keys":
            return 200, self.issuer.jwks()
        if path == f"/.well-known/oauth-authorization-server{self.path}":
            return 200, {
                "issuer": self.url,
                "jwks_uri": f"{origin}/keys",
                "authorization_endpoint": f"{origin}/authorize",
                "token_endpoint": f"{origin}/token",
                "response_types_supported": ["code"],
                "grant_types_supported": ["client_credentials"],
                "token_endpoint_auth_methods_supported": ["client_secret_post"],
            }
        return 404, {}

    def post(self, path, form, authorization):
        self.requested.append(form)
        if path == "/introspect":
            return self._tell(form["token"], authorization)
        secret, claims = self.clients.get(form.get("client_id"), (None, {}))
        if secret is None or form.get("client_secret") != secret:
            return 401, {"error": "invalid_client"}
        scope = form.get("scope", "context:read")
        made = {"aud": form["resource"], "scope": scope, "client_id": form["client_id"]} | claims
        token = self.issuer.token(form["client_id"], **made)
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": 600}

    def _tell(self, token, authorization):
        """What stands in `opaque` of a token: claims, or an answer as it is."""
        self.wait.wait(30)
        if self.down:
            return 503, {}
        if authorization != basic(*self.asker):
            return 401, {"error": "invalid_client"}
        found = self.opaque.get(token, {"active": False})
        return found if isinstance(found, tuple) else (200, found)

    def opaque_token(self, subject="ada", **more):
        """A token that only this site can read."""
        token = uuid.uuid4().hex
        self.opaque[token] = self.issuer.claims(subject) | {"active": True} | more
        return token


def basic(name, secret):
    """HTTP Basic for a client, coded as RFC 6749 section 2.3.1 has it."""
    pair = f"{quote(name, safe='')}:{quote(secret, safe='')}"
    return f"Basic {base64.b64encode(pair.encode()).decode()}"


class Prover:
    """A client with a key of its own, which proves that it has it (RFC 9449)."""

    def __init__(self, algorithm="ES256"):
        self.key = SigningKey(algorithm)

    @property
    def jwk(self):
        return {k: v for k, v in self.key.jwk().items() if k in ("kty", "crv", "x", "y", "n", "e")}

    @property
    def confirmed(self):
        """The claim that binds a token to the key."""
        raw = json.dumps(self.jwk, sort_keys=True, separators=(",", ":")).encode()
        return {"jkt": segment(hashlib.sha256(raw).digest())}

    def proof(self, method, url, token, *, header=None, key=None, **more):
        """`None` leaves a claim out."""
        claims = {
            "jti": uuid.uuid4().hex,
            "htm": method,
            "htu": url,
            "iat": int(time.time()),
            "ath": segment(hashlib.sha256(token.encode()).digest()),
        } | more
        claims = {name: value for name, value in claims.items() if value is not None}
        key = key or self.key
        head = {"typ": "dpop+jwt", "jwk": self.jwk} | (header or {})
        return jwt.encode(claims, key.private, key.algorithm, headers=head)


def proven(token, proof):
    return {"authorization": f"DPoP {token}", "dpop": proof}


@contextmanager
def website(path=""):
    site = Website(path)
    thread = threading.Thread(target=site.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield site
    finally:
        site.wait.set()
        site.server.shutdown()
        thread.join()
        site.server.server_close()
