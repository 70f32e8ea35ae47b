"""A person with a browser that runs no scripts, and clients of the built-in authorization server."""

import base64
import hashlib
import html
import json
import re
import secrets
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx
from click.testing import CliRunner

from backstory.cli import main as cli
from serving import SECONDS

PASSWORD = "seven green umbrellas"


def command(store, url, *arguments, given=None, status=0):
    """`backstory ARGUMENTS --json` on the store of a built-in server that is called by the URL."""
    environment = {
        "BACKSTORY_AUTH_SERVER": "on",
        "BACKSTORY_PUBLIC_URL": url,
        "BACKSTORY_STORE": store if "://" in str(store) else f"sqlite:///{store}",
    }
    done = CliRunner().invoke(cli, [*arguments, "--json"], input=given, env=environment)
    assert done.exit_code == status, done.output
    return json.loads(done.stdout) if status == 0 else done.output


def add_user(store, url, name, *arguments):
    given = f"{PASSWORD}\n"
    return command(store, url, "user", "add", name, "--password-file", "-", *arguments, given=given)


def challenge_of(verifier):
    return (
        base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    )


class Request:
    """One authorization request of a client, with what only the client knows of it."""

    def __init__(self, server, app, callback, **more):
        self.verifier, self.state = secrets.token_urlsafe(48), secrets.token_urlsafe(8)
        self.client_id, self.redirect = app, callback
        parameters = {
            "response_type": "code",
            "client_id": app,
            "redirect_uri": callback,
            "state": self.state,
            "scope": "context:read context:write",
            "resource": f"{server}/mcp",
            "code_challenge": challenge_of(self.verifier),
            "code_challenge_method": "S256",
        } | more
        kept = {name: value for name, value in parameters.items() if value is not None}
        self.url = f"{server}/authorize?{urlencode(kept)}"

    def exchange(self, code, **more):
        """The form that changes the code into tokens."""
        return {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect,
            "client_id": self.client_id,
            "code_verifier": self.verifier,
        } | more


class Person:
    """Signs in and agrees. Follows redirects here, and none that leads to a client."""

    def __init__(self, http, name="ada", password=PASSWORD):
        self.http, self.name, self.password = http, name, password
        self.page = None

    def open(self, url):
        self.page = self.http.get(url)
        return self._followed()

    def press(self, do, **fields):
        """Send the form of the page by one of its buttons."""
        mark = re.search(r'name="form" value="([^"]*)"', self.page.text)
        form = {"do": do, **fields} | ({"form": mark[1]} if mark else {})
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(str(self.page.url)))
        self.page = self.http.post(str(self.page.url), data=form, headers={"origin": origin})
        return self._followed()

    def _followed(self):
        while self.page.status_code == 303:
            to = urljoin(str(self.page.url), self.page.headers["location"])
            if urlsplit(to).netloc != urlsplit(str(self.page.url)).netloc:
                break
            self.page = self.http.get(to)
        return self.page

    def sign_in(self, password=None):
        return self.press("sign-in", name=self.name, password=password or self.password)

    def agree(self, url):
        """What the client is told, once the person has signed in where need be and agreed."""
        if "Sign in</h1>" in self.open(url).text:
            self.sign_in()
        assert 'value="allow"' in self.page.text, self.page.text
        self.press("allow")
        return self.answer()

    def answer(self):
        assert self.page.status_code == 303, self.page.text
        query = urlsplit(self.page.headers["location"]).query
        return {name: value[0] for name, value in parse_qs(query).items()}

    def read(self):
        """The page as text."""
        plain = re.sub(r"<style>.*?</style>|<[^>]+>", " ", self.page.text, flags=re.DOTALL)
        return " ".join(html.unescape(plain).split())


def browser(**options):
    return httpx.Client(timeout=SECONDS, follow_redirects=False, **options)
