"""A browser's cookie, and the forms that it sends back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope

from backstory import limits
from backstory.errors import DeniedError, InvalidError
from backstory.security.authority.browsing import Forms
from backstory.security.authority.tickets import fresh
from backstory.transports.authority.tokens import read_form
from backstory.transports.edge import headers

_VALUE: Final = re.compile(r"[A-Za-z0-9_-]{43}\Z")
MARK: Final = "form"


@dataclass(frozen=True, slots=True)
class Browser:
    """One that asks; `is_new` until it has sent its cookie back."""

    cookie: str
    is_new: bool


class Cookies:
    """The cookie of the sign-in page. With HTTPS no other host or page can set or see it."""

    def __init__(self, *, secure: bool) -> None:
        self._name = "__Host-backstory" if secure else "backstory-sign-in"
        self._end = "; Secure" if secure else ""

    def browser(self, scope: Scope) -> Browser:
        """The browser that sends the request; a cookie is made for one that has none."""
        for pair in ";".join(headers.values(scope, b"cookie")).split(";"):
            name, _, value = pair.strip().partition("=")
            if name == self._name and _VALUE.match(value):
                return Browser(value, is_new=False)
        return Browser(fresh(), is_new=True)

    def setting(self, cookie: str) -> tuple[bytes, bytes]:
        """The header that gives the browser its cookie, until it is closed."""
        return self._header(cookie, "")

    def dropping(self) -> tuple[bytes, bytes]:
        """The header that takes it away."""
        return self._header("", "; Max-Age=0")

    def _header(self, value: str, more: str) -> tuple[bytes, bytes]:
        text = f"{self._name}={value}; Path=/; HttpOnly; SameSite=Lax{self._end}{more}"
        return b"set-cookie", text.encode()


async def read(scope: Scope, receive: Receive, browser: Browser, forms: Forms) -> Mapping[str, str]:
    """The fields of a form that this browser was given for this request.

    Raises:
        DeniedError: it was not, or it is too old.
        InvalidError: it cannot be read.
    """
    raw = await read_form(scope, receive)
    try:
        pairs = parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=limits.SIGN_IN_FIELDS,
        )
    except ValueError as error:
        raise InvalidError("the form cannot be read") from error
    fields = dict(pairs)
    mark = fields.get(MARK, "")
    if browser.is_new or not forms.is_ours(mark, browser.cookie, scope["query_string"]):
        raise DeniedError("this form was not made for this browser, or its cookie is gone")
    return fields
