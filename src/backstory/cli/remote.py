"""A server as the command line sees it: over HTTP, with its errors as those of our own tree."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from backstory import errors
from backstory.errors import BackstoryError, ConfigError, StoreUnavailableError, Violation

DEFAULT_URL: Final = "http://127.0.0.1:8765"
_USER: Final = re.compile(r"//[^/]*@")  # may hold a password, which no error repeats
_SECONDS: Final = 60.0  # between two signs of life


@contextlib.contextmanager
def client(
    url: str, token_file: str | None, seconds: float = _SECONDS, flag: str = "--url"
) -> Iterator[httpx.Client]:
    """A client of the server; what goes wrong with it comes out as a `BackstoryError`.

    `seconds` may pass between two signs of life; `flag` is what the URL was given with.

    Raises:
        ConfigError: the URL is none, or the token cannot be read.
        StoreUnavailableError: the server cannot be reached, or went away.
    """
    where = shown(url)
    if not is_url(url):
        raise ConfigError(f"{flag} must be one such as {DEFAULT_URL}, not {where}")
    headers = {"accept-encoding": "identity"}
    if token_file is not None:
        headers["authorization"] = f"Bearer {token_in(token_file)}"
    try:
        with httpx.Client(base_url=url, timeout=seconds, headers=headers) as opened:
            yield opened
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        raise StoreUnavailableError(
            f"no server can be reached at {where}: {error}; `backstory serve` starts one, "
            f"{flag} names another"
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise StoreUnavailableError(f"the server at {where} could not be used: {error}") from error


def shown(url: str) -> str:
    """As errors may name it."""
    return _USER.sub("//", url)


def is_url(url: str) -> bool:
    """Whether it is one of HTTP, with a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # no port, or no address
        return False


def token_in(file: str) -> str:
    """The token that a file holds.

    Raises:
        ConfigError: it cannot be read, or holds none.
    """
    try:
        token = Path(file).read_text(encoding="ascii").strip()
    except OSError as error:
        raise ConfigError(f"the token in {file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError:
        token = ""
    if not token or not token.isprintable() or " " in token:
        raise ConfigError(f"{file} holds no token: one line of ASCII without blanks")
    return token


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
        raise stranger(answer) from None
    more = {name: problem[name] for name in ("missing",) if name in problem}
    raise _class_of(code)(detail, errors=_violations(problem), **more)


def told(answer: httpx.Response) -> Any:
    """The JSON of an answer.

    Raises:
        BackstoryError: the one that the answer tells of.
        StoreUnavailableError: it is no answer of ours.
    """
    try:
        return checked(answer).json()
    except ValueError:
        raise stranger(answer) from None


def stranger(answer: httpx.Response) -> StoreUnavailableError:
    """The error for an answer that no server of ours gives."""
    where = f"{answer.url.scheme}://{answer.url.netloc.decode('ascii')}"
    return StoreUnavailableError(
        f"what answers at {where} (status {answer.status_code}) is no server of Backstory; "
        "--url names another"
    )


def _violations(problem: dict[str, Any]) -> tuple[Violation, ...]:
    """The wrong places that an answer names."""
    return tuple(
        Violation(str(each.get("pointer", "")), str(each.get("detail", "")), each.get("rule"))
        for each in problem.get("errors", ())
        if isinstance(each, dict)
    )


def _class_of(code: str) -> type[BackstoryError]:
    """The class of the tree with a code; its root for a code of another release."""
    known = (each for each in vars(errors).values() if isinstance(each, type))
    for each in known:
        if issubclass(each, BackstoryError) and each.code == code:
            return each
    return BackstoryError
