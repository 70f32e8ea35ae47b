"""What is deprecated says so in each answer, and its callers are told of in the log.

`Deprecation` (RFC 9745), `Sunset` (RFC 8594), and a link to where more is said. Whatever is not
deprecated passes nothing here.
"""

from __future__ import annotations

import datetime as dt
import logging
from email.utils import format_datetime
from typing import Final

from starlette.types import Message, Scope, Send

from backstory import limits
from backstory.domain.deprecations import Deprecation
from backstory.domain.principals import Principal

logger = logging.getLogger(__name__)

ANNOUNCED: Final = "backstory.announced"
"""Where the scope of a request holds headers that the answer has, an error's too."""

Headers = tuple[tuple[bytes, bytes], ...]


def headers(deprecation: Deprecation) -> Headers:
    """The headers that announce it."""
    since = round(_midnight(deprecation.since).timestamp())
    found = [
        (b"deprecation", b"@%d" % since),
        (b"link", f'<{deprecation.about}>; rel="deprecation"'.encode("latin-1")),
    ]
    if deprecation.sunset is not None:
        gone = format_datetime(_midnight(deprecation.sunset), usegmt=True)
        found.append((b"sunset", gone.encode()))
    return tuple(found)


def announcing(scope: Scope, send: Send, announced: Headers) -> Send:
    """Sends on, with these headers; the guard gives them to errors."""
    scope[ANNOUNCED] = announced

    async def announce(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *announced]}
        await send(message)

    return announce


class Uses:
    """Tells of each caller once, while the process remembers."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str, str]] = set()

    def used(self, what: str, deprecation: Deprecation, principal: Principal | None) -> None:
        """Somebody uses it; the line of the log says who, as all lines do."""
        who = ("", "") if principal is None else (principal.tenant, principal.subject)
        if (what, *who) in self._told:
            return
        if len(self._told) >= limits.DEPRECATIONS_TOLD:
            self._told.clear()
        self._told.add((what, *who))
        logger.warning("%s is still used. %s", what, deprecation.sentence, extra={"used": what})


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
