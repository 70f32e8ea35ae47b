"""The authorization endpoint: people sign in there, and agree or not (RFC 6749 section 3.1).

Who is not signed in gets no further than the sign-in page: until then nothing is fetched for a
client that is known by a document only. Whatever cannot be answered to the client safely ends
on a page here.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.types import Receive, Scope, Send

from backstory import limits
from backstory.errors import (
    BackstoryError,
    BusyError,
    DeniedError,
    InvalidError,
    MethodError,
    RateLimitedError,
)
from backstory.ports.events import OK
from backstory.security.authority import asked as asking
from backstory.security.authority.asked import Asked, Told
from backstory.security.authority.documents import host_of
from backstory.security.authority.oauth import asking as oauth
from backstory.security.authority.records import Account, Client
from backstory.security.authority.service import Service
from backstory.transports.authority import browser as browsers
from backstory.transports.authority import pages
from backstory.transports.authority.browser import Browser, Cookies
from backstory.transports.authority.pages import Page
from backstory.transports.authority.telling import REFUSED, Telling

_SEE_OTHER = 303


class Consent:
    """The page with its forms."""

    def __init__(self, service: Service, cookies: Cookies, telling: Telling) -> None:
        self._service, self._cookies, self._telling = service, cookies, telling

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] not in ("GET", "HEAD", "POST"):
            raise MethodError("this is a page with a form", allow="GET, HEAD, POST")
        try:
            asked = _asked(scope)
            if scope["method"] == "POST":
                await self._take(scope, receive, send, asked)
            else:
                await self._show(scope, send, asked)
        except (InvalidError, DeniedError, BusyError) as error:
            await _failure(error).send(send)

    # -- showing -----------------------------------------------------------------------

    async def _show(self, scope: Scope, send: Send, asked: Asked) -> None:
        browser = self._cookies.browser(scope)
        account = None if browser.is_new else await self._service.sessions.account(browser.cookie)
        client_id = asked.parameters.get("client_id", "")
        mark = self._service.forms.mark(browser.cookie, scope["query_string"])
        cookie = self._cookies.setting(browser.cookie) if browser.is_new else None
        if account is None and host_of(client_id) and asked.parameters.get("prompt") != "none":
            await _send(pages.sign_in(mark, host_of(client_id)), send, cookie)
            return
        client = await self._client(client_id, account)
        wanted = await oauth.wanted(self._service, asked, client)
        if isinstance(wanted, Told):
            await _answer(wanted, send)
        elif account is None:
            await _send(pages.sign_in(mark, wanted.client.name), send, cookie)
        else:
            await pages.consent(mark, wanted, host_of(client_id), account).send(send)

    async def _client(self, client_id: str, account: Account | None) -> Client | None:
        """None for a document that nobody is signed in for; it is not fetched."""
        if host_of(client_id) and account is None:
            return None
        return await self._service.client(client_id)

    # -- taking ------------------------------------------------------------------------

    async def _take(self, scope: Scope, receive: Receive, send: Send, asked: Asked) -> None:
        browser = self._cookies.browser(scope)
        fields = await browsers.read(scope, receive, browser, self._service.forms)
        match fields.get("do"):
            case "sign-in":
                await self._sign_in(scope, send, asked, fields)
            case "sign-out":
                await self._service.sessions.end(browser.cookie)
                await _redirect(send, _here(scope), self._cookies.dropping())
            case "allow" | "deny" as decision:
                await self._decide(scope, send, asked, browser, agreed=decision == "allow")
            case _:
                raise InvalidError("the form does not say what to do")

    async def _sign_in(
        self, scope: Scope, send: Send, asked: Asked, fields: Mapping[str, str]
    ) -> None:
        name, password = fields.get("name", ""), fields.get("password", "")
        wrong, status, wait = "The name or the password is wrong.", 403, None
        try:
            account = await self._service.accounts.sign_in(
                name, password, self._telling.address(scope)
            )
        except RateLimitedError as error:
            account, status, wait = None, error.status, error.retry_after
            minutes = -(-(wait or 60) // 60)
            wrong = f"Too many wrong passwords. Try again in {minutes} minutes."
        client_id = asked.parameters.get("client_id", "")
        known = account or await self._service.accounts.find(name.strip().lower())
        out = OK if account else REFUSED
        self._telling.by(scope, "sign-in", known, client_id[: limits.SUBJECT_BYTES], out)
        if account is not None:
            cookie = await self._service.sessions.begin(account)
            await _redirect(send, _here(scope), self._cookies.setting(cookie))
            return
        client = await self._client(client_id, None)
        shown = host_of(client_id) or (client.name if client else client_id)
        mark = fields[browsers.MARK]
        page = pages.sign_in(mark, shown, name=name[:200], wrong=wrong, status=status)
        later = None if wait is None else (b"retry-after", b"%d" % wait)
        await _send(page, send, later)

    async def _decide(
        self, scope: Scope, send: Send, asked: Asked, browser: Browser, *, agreed: bool
    ) -> None:
        account = await self._service.sessions.account(browser.cookie)
        if account is None:  # the sign-in has ended while they thought about it
            await _redirect(send, _here(scope))
            return
        client = await self._service.client(asked.parameters.get("client_id", ""))
        told = await oauth.decided(self._service, asked, client, account if agreed else None)
        if client is not None:
            self._telling.by(scope, "allow" if agreed else "deny", account, client.id)
        await _answer(told, send)


def _asked(scope: Scope) -> Asked:
    parameters = asking.read(scope["query_string"])
    asking.check(parameters)
    return Asked("GET", parameters)


def _here(scope: Scope) -> str:
    """The same request again, wherever a proxy shows it."""
    return f"?{scope['query_string'].decode('ascii')}"


async def _answer(told: Told, send: Send) -> None:
    if told.location is not None:
        await _redirect(send, told.location)
        return
    what = told.body.get("error_description") or told.body.get("error") or "It is not possible."
    await pages.failure(400, str(what)).send(send)


async def _send(page: Page, send: Send, header: tuple[bytes, bytes] | None = None) -> None:
    more = (*page.headers, *([header] if header else []))
    await Page(page.status, page.title, page.content, page.leads, more).send(send)


async def _redirect(send: Send, location: str, *more: tuple[bytes, bytes]) -> None:
    headers = [
        (b"location", location.encode("ascii")),
        (b"content-length", b"0"),
        (b"cache-control", b"no-store"),
        (b"referrer-policy", b"same-origin"),
        *more,
    ]
    await send({"type": "http.response.start", "status": _SEE_OTHER, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _failure(error: BackstoryError) -> Page:
    wait = error.retry_after
    later = [] if wait is None else [(b"retry-after", b"%d" % wait)]
    return pages.failure(error.status, f"{error.detail[:1].upper()}{error.detail[1:]}.", later)
