"""Asking the issuer whether a token is good: introspection over HTTP (RFC 7662).

The one URL that is asked stands in the configuration. No redirect is followed, no coded answer
taken, no more than `limits.ASKED_ANSWER_BYTES` read. An issuer that does not answer is left
alone for a while, so that a flood of tokens waits for nobody.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import httpx

from backstory import limits
from backstory.domain import strict_json
from backstory.errors import IssuerUnavailableError, MalformedError
from backstory.resilience.breaker import Breaker

_FAILURES = (ValueError, OSError, httpx.HTTPError, httpx.InvalidURL, TimeoutError)


@dataclass(frozen=True, slots=True)
class Client:
    """Who the server is to the issuer. `in_body`: says so in the form, else by HTTP Basic."""

    id: str
    secret: str = field(repr=False)
    in_body: bool = False

    def headers(self) -> dict[str, str]:
        """What every question is sent with."""
        sent = {"accept": "application/json", "accept-encoding": "identity"}
        if not self.in_body:  # coded before, RFC 6749 section 2.3.1
            pair = f"{quote(self.id, safe='')}:{quote(self.secret, safe='')}"
            sent["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return sent

    def form(self, token: str) -> dict[str, str]:
        """What is asked."""
        asked = {"token": token, "token_type_hint": "access_token"}
        if self.in_body:
            asked |= {"client_id": self.id, "client_secret": self.secret}
        return asked


class Introspection:
    """Asks the issuer; to be used inside one event loop."""

    def __init__(self, url: str, client: Client, breaker: Breaker | None = None) -> None:
        self._url = url
        self._asker = client
        self._breaker = breaker or Breaker("introspection of tokens")
        self._http = httpx.AsyncClient(
            follow_redirects=False,
            headers=client.headers(),
            timeout=limits.ASKED_TRY_SECONDS,
            limits=httpx.Limits(max_connections=limits.ASKED_CONNECTIONS),
        )

    async def ask(self, token: str) -> dict[str, Any]:
        """What the issuer says of the token.

        Raises:
            IssuerUnavailableError: it says nothing that can be understood.
        """
        held = self._breaker.enter()
        if held is None:
            raise _away("does not answer", self._breaker.retry_after)
        well = None  # a caller who goes away tells nothing of the issuer
        try:
            answer = _read(await self._post(token))
            well = True
        except _FAILURES as error:
            well = False
            raise _away(str(error) or type(error).__name__) from error
        finally:
            self._breaker.leave(held, well=well)
        return answer

    async def _post(self, token: str) -> bytes:
        raw = bytearray()
        form = self._asker.form(token)
        async with (
            asyncio.timeout(limits.ASKED_TRY_SECONDS),
            self._http.stream("POST", self._url, data=form) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise ValueError(f"it answered {answer.status_code}")
            async for piece in answer.aiter_bytes():
                raw += piece
                if len(raw) > limits.ASKED_ANSWER_BYTES:
                    raise ValueError(f"it answered over {limits.ASKED_ANSWER_BYTES} bytes")
        return bytes(raw)

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._http.aclose()


def _read(raw: bytes) -> dict[str, Any]:
    try:
        found = strict_json.loads(raw, depth=16, nodes=limits.ASKED_ANSWER_BYTES)
    except MalformedError as error:
        raise ValueError(f"its answer: {error.detail}") from error
    if not isinstance(found, dict) or not isinstance(found.get("active"), bool):
        raise ValueError("its answer does not say whether the token is active")  # noqa: TRY004
    return found


def _away(reason: str, seconds: int | None = None) -> IssuerUnavailableError:
    error = IssuerUnavailableError(
        "the issuer cannot be asked about the token now; try again", retry_after=seconds
    )
    error.add_note(reason)
    return error
