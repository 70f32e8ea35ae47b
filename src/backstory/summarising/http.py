"""A model that is asked over HTTP, within bounds of time, tries and bytes.

What may pass by itself (no connection, no answer in time, 408, 409, 425, 429, 5xx) is tried
again, after a random part of a pause that doubles (full jitter), or as long as `Retry-After`
asks for. No redirect is followed, no coded answer taken, no proxy's word believed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
import orjson

from backstory import limits
from backstory.clock import SECOND, Clock
from backstory.errors import SummariserError
from backstory.ports.summariser import Made, Turn
from backstory.resilience.pace import Pace
from backstory.resilience.retrying import Backoff, retried
from backstory.summarising.requests import ALWAYS, Asked, Provider, asked, text_of

_LATER: Final = frozenset({408, 409, 425, 429})


@dataclass(frozen=True, slots=True)
class Model:
    """Which model is asked where. `url` ends before the provider's path.

    `seconds` are for all tries and pauses together, `try_seconds` for one try.
    """

    provider: Provider
    name: str
    url: str
    key: str | None = field(repr=False)
    seconds: float
    try_seconds: float
    tries: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",
            **ALWAYS.get(self.provider.name, {}),
            **(self.provider.headers(self.key) if self.key else {}),
        }


class HttpSummariser:
    """`ports.summariser.Summariser` by a model behind an API."""

    def __init__(self, model: Model, pace: Pace) -> None:
        self._model = model
        self._pace = pace
        self._client = httpx.AsyncClient(
            follow_redirects=False,
            headers=model.headers,
            timeout=model.try_seconds,
            limits=httpx.Limits(max_connections=limits.SUMMARY_CONNECTIONS),
        )

    async def summarise(self, turns: Sequence[Turn], tokens: int) -> Made:
        """Ask until there is an answer, or time or tries are over.

        Raises:
            SummariserError: the last try's.
        """
        model, pace = self._model, self._pace
        what = asked(model.name, model.url, turns, tokens)
        ends = pace.now() + model.seconds

        async def attempt() -> str:
            return await self._try(what, min(model.try_seconds, ends - pace.now()))

        backoff = Backoff(
            model.tries, limits.SUMMARY_BACKOFF_SECONDS, limits.SUMMARY_BACKOFF_MOST_SECONDS
        )
        text = await retried(attempt, _again, backoff, seconds=model.seconds, pace=pace)
        return Made(text, f"{model.provider.name}:{model.name}")

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _try(self, what: Asked, seconds: float) -> str:
        provider = self._model.provider
        body = orjson.dumps(provider.body(what))
        try:
            async with (
                asyncio.timeout(seconds),
                self._client.stream("POST", what.url + provider.path, content=body) as answer,
            ):
                self._check(answer)
                return text_of(provider, await _read(answer))
        except (TimeoutError, httpx.TimeoutException) as error:
            raise SummariserError("the model did not answer in time", reason="timeout") from error
        except httpx.HTTPError as error:
            raise SummariserError(
                f"the model cannot be reached: {type(error).__name__}", reason="unreachable"
            ) from error

    def _check(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if status in _LATER or status >= 500:
            raise SummariserError(
                f"the provider answered {status}",
                reason="busy" if status in _LATER else "unavailable",
                retry_after=_retry_after(answer.headers.get("retry-after"), self._pace.clock),
            )
        if status != 200:
            raise SummariserError(f"the provider answered {status}", reason="refused")


_AGAIN: Final = frozenset({"timeout", "unreachable", "busy", "unavailable"})


def _again(error: Exception) -> float | None:
    """As long as the provider asks for; None where another try would be no better."""
    if not isinstance(error, SummariserError) or error.reason not in _AGAIN:
        return None
    return error.retry_after or 0


def _retry_after(text: str | None, clock: Clock) -> int | None:
    """Seconds of a `Retry-After` (RFC 9110 section 10.2.3): a number or a date."""
    if text is None:
        return None
    if text.isascii() and text.isdigit():
        return int(text[:9])
    try:
        at = parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0, int(at - clock.now() / SECOND) + 1)


async def _read(answer: httpx.Response) -> bytes:
    """The body as it comes, up to its bound.

    Raises:
        SummariserError: `too_large`; or `malformed`, where it is coded though nobody asked.
    """
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise SummariserError("the answer is in a coding not asked for", reason="malformed")
    body = bytearray()
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > limits.SUMMARY_ANSWER_BYTES:
            raise SummariserError(
                f"the answer has more than {limits.SUMMARY_ANSWER_BYTES} bytes", reason="too_large"
            )
    return bytes(body)
