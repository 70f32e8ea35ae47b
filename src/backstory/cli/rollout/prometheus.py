"""What a Prometheus is asked, over its HTTP API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

import httpx

from backstory import limits
from backstory.cli import remote
from backstory.errors import ConfigError

DEFAULT_URL: Final = "http://127.0.0.1:9090"
_API: Final = "/api/v1/query"


class SilentError(Exception):
    """It cannot be asked now; says why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One series of an answer: its labels and its value."""

    labels: Mapping[str, str]
    value: float


class Prometheus:
    """Answers queries, all as of one moment of its own clock."""

    def __init__(self, http: httpx.Client, shown: str) -> None:
        self._http, self._shown = http, shown
        self._at = self._now()

    def _now(self) -> str:
        _, at = self._asked({"query": "time()"}, "scalar")
        return str(at)

    def rows(self, query: str) -> list[Row]:
        """The series that a query gives, but for those that have no number.

        Raises:
            SilentError: it cannot be reached, or cannot answer now.
            ConfigError: the query makes no sense to it, or it is no Prometheus.
        """
        result = self._asked({"query": query, "time": self._at}, "vector")
        try:
            found = [Row(dict(one["metric"]), float(one["value"][1])) for one in result]
        except (KeyError, IndexError, TypeError, ValueError):
            raise self._stranger() from None
        return [row for row in found if isfinite(row.value)]

    def one(self, query: str) -> float:
        """The value of a query that gives one series; 0 where it gives none."""
        return sum(row.value for row in self.rows(query))

    def _asked(self, form: dict[str, str], kind: str) -> list[Any]:
        try:
            answer = self._http.post(_API, data=form)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            told = str(error) or type(error).__name__
            raise SilentError(f"Prometheus cannot be asked at {self._shown}: {told}") from error
        if answer.status_code in (401, 403):
            raise ConfigError(
                f"the Prometheus at {self._shown} asks for another token "
                f"(status {answer.status_code}); --prometheus-token-file names one"
            )
        if answer.status_code in (408, 429) or answer.status_code >= 500:
            raise SilentError(
                f"the Prometheus at {self._shown} cannot answer now (status {answer.status_code})"
            )
        return self._result(answer, form["query"], kind)

    def _result(self, answer: httpx.Response, query: str, kind: str) -> list[Any]:
        try:
            body = answer.json()
            if body["status"] == "error":
                said = " ".join(str(body["error"]).split())
                raise ConfigError(f"Prometheus does not take the query {query}: {said}")
            result = body["data"]["result"]
            if body["data"]["resultType"] != kind or not isinstance(result, list):
                raise self._stranger()
        except (ValueError, KeyError, TypeError):
            raise self._stranger() from None
        return result

    def _stranger(self) -> ConfigError:
        return ConfigError(f"what answers at {self._shown} is no Prometheus; --prometheus names it")


@contextmanager
def asking(url: str, token_file: str | None) -> Iterator[Prometheus]:
    """A Prometheus that answers.

    Raises:
        SilentError, ConfigError: as `Prometheus.rows`; the URL is none; the token cannot be read.
    """
    shown = remote.shown(url)
    if not remote.is_url(url):
        raise ConfigError(f"--prometheus must be a URL such as {DEFAULT_URL}, not {shown}")
    headers = {}
    if token_file is not None:
        headers["authorization"] = f"Bearer {remote.token_in(token_file)}"
    bound = limits.ROLLOUT_SECONDS
    with httpx.Client(base_url=url.rstrip("/"), timeout=bound, headers=headers) as http:
        yield Prometheus(http, shown)
