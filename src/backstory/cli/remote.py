"""A server as the command line sees it: over HTTP, with its errors as those of our own tree."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from backstory import errors
from backstory.errors import BackstoryError, ConfigError, StoreUnavailableError

DEFAULT_URL: Final = "http://127.0.0.1:8765"
_SECONDS: Final = 60.0  # between two signs of life


@contextlib.contextmanager
def client(url: str, token_file: str | None, seconds: float = _SECONDS) -> Iterator[httpx.Client]:
    """A client of the server; what goes wrong with it comes out as a `BackstoryError`.

    `seconds` may pass between two signs of life.

    Raises:
        ConfigError: the URL is none, or the token cannot be read.
        StoreUnavailableError: the server cannot be reached, or went away.
    """
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
        raise ConfigError(f"--url must be one such as {DEFAULT_URL}, not {url}")
    headers = {"accept-encoding": "identity"}
    if token_file is not None:
        headers["authorization"] = f"Bearer {_token(token_file)}"
    try:
        with httpx.Client(base_url=url, timeout=seconds, headers=headers) as opened:
            yield opened
    except httpx.HTTPError as error:
        raise StoreUnavailableError(f"the server at {url} could not be used: {error}") from error


def _token(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the token in {file} cannot be read: {error}") from error


def checked(answer: httpx.Response) -> httpx.Response:
    """The answer itself, or the error that it tells of.

    Raises:
        BackstoryError: the one of the tree with the code that the server gave.
    """
    if answer.is_success:
        return answer
    answer.read()
    try:
        problem: dict[str, Any] = answer.json()
        code, detail = str(problem["code"]), str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        raise BackstoryError(f"the server answered {answer.status_code}") from None
    more = {name: problem[name] for name in ("missing",) if name in problem}
    raise _class_of(code)(detail, **more)


def _class_of(code: str) -> type[BackstoryError]:
    """The class of the tree with a code; its root for a code of another release."""
    known = (each for each in vars(errors).values() if isinstance(each, type))
    for each in known:
        if issubclass(each, BackstoryError) and each.code == code:
            return each
    return BackstoryError
