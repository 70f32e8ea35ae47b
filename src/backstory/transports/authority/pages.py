"""How the pages look that people see when they sign in. They need no script and load nothing.

Whatever comes from a caller or a client is escaped. A page that has a form says where the form
may lead, and no page may be shown inside another.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Final

from starlette.types import Send

from backstory.security.authority.oauth.asking import Wanted
from backstory.security.authority.records import Account
from backstory.security.authority.redirects import form_source, is_near
from backstory.transports.authority.browser import MARK
from backstory.transports.authority.sending import send_whole

_STYLE: Final = files(__package__).joinpath("style.css").read_text("utf-8")
_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_SAFE: Final = (
    (b"cache-control", b"no-store, no-transform"),  # coded answers could be measured (BREACH)
    (b"x-frame-options", b"DENY"),
    # Not no-referrer, with which browsers hide the Origin of forms from us as well.
    (b"referrer-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
)
_WORDS: Final = {
    "context:read": "read contexts that you may read",
    "context:write": "write contexts that you may write",
    "context:admin": "do everything that you may do, administration included",
}


@dataclass(frozen=True, slots=True)
class Page:
    """One page; `leads` is where its form ends, if not here."""

    status: int
    title: str
    content: str
    leads: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()

    async def send(self, send: Send) -> None:
        body = (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="robots" content="noindex">\n'
            f"<title>{escape(self.title)} · Backstory</title>\n"
            f'<link rel="icon" href="data:,">\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>\n'
            f'<p class="brand">Backstory</p>\n{self.content}\n</main>\n</body>\n</html>\n'
        )
        more = [*_SAFE, (b"content-security-policy", self._policy().encode()), *self.headers]
        await send_whole(send, self.status, b"text/html; charset=utf-8", body.encode(), more)

    def _policy(self) -> str:
        leads = "" if self.leads is None else f" {form_source(self.leads)}"
        return (
            f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; "
            f"form-action 'self'{leads}; base-uri 'none'; frame-ancestors 'none'"
        )


def sign_in(mark: str, client: str, *, name: str = "", wrong: str = "", status: int = 200) -> Page:
    """Who are you; `client` is the application or host that asks."""
    said = f'<p class="wrong" role="alert">{escape(wrong)}</p>\n' if wrong else ""
    first, second = ("", " autofocus") if name else (" autofocus", "")
    return Page(
        status,
        "Sign in",
        f"<h1>Sign in</h1>\n<p>to go on to <strong>{escape(client)}</strong></p>\n{said}"
        f'<form method="post">\n{_hidden(mark)}\n'
        '<label>Name<input name="name" autocomplete="username" autocapitalize="none" '
        f'spellcheck="false" required maxlength="200" value="{escape(name)}"{first}></label>\n'
        '<label>Password<input name="password" type="password" '
        f'autocomplete="current-password" required{second}></label>\n'
        '<button class="main" name="do" value="sign-in">Sign in</button>\n</form>',
    )


def consent(mark: str, wanted: Wanted, host: str, account: Account) -> Page:
    """May this application do that; `host` vouches for it, empty for one registered here."""
    client = wanted.client
    vouched = (
        f"<dt>Its address</dt><dd>{escape(host)}</dd>"
        if host
        else f"<dt>Registered here as</dt><dd>{escape(client.id)}</dd>"
    )
    return Page(
        200,
        "Allow access",
        f"<h1>Allow {escape(client.name)}?</h1>\n"
        f"<p>This application asks to act for you, <strong>{escape(account.name)}</strong>. "
        "It wants to</p>\n"
        f"<ul>{''.join(f'<li>{each}</li>' for each in _said(wanted.scope))}</ul>\n"
        f"<dl>{vouched}<dt>You will be sent to</dt><dd>{escape(_place(wanted.redirect))}</dd></dl>\n"
        f'<p class="soft">{"The name is what the application calls itself. " if host else ""}'
        "Go on only if you have just asked it to connect.</p>\n"
        f'<form method="post">\n{_hidden(mark)}\n<div class="row">'
        '<button class="main" name="do" value="allow">Allow</button>'
        '<button name="do" value="deny">Do not allow</button></div>\n'
        '<p class="row"><button class="link" name="do" value="sign-out">'
        "Sign in as somebody else</button></p>\n</form>",
        leads=wanted.redirect,
    )


def failure(status: int, what: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> Page:
    """It cannot go on, and nobody is sent anywhere."""
    return Page(
        status,
        "Not possible",
        f"<h1>This cannot go on</h1>\n<p>{escape(what)}</p>\n"
        '<p class="soft">Go back to the application and connect again. If that does not help, '
        "tell whoever runs it.</p>",
        headers=tuple(headers),
    )


def _hidden(mark: str) -> str:
    return f'<input type="hidden" name="{MARK}" value="{escape(mark)}">'


def _said(scope: str) -> Iterable[str]:
    for each in scope.split():
        name, _, pattern = each.removeprefix("context:").partition(":")
        words = _WORDS.get(f"context:{name}", each)
        yield escape(f"{words}, in {pattern}" if pattern else words)


def _place(redirect: str) -> str:
    if is_near(redirect):
        return "an application on this computer"
    source = form_source(redirect)
    return f"an application for {source} links" if source.endswith(":") else source
