"""Passwords: argon2id (RFC 9106), checked with the same work whether there is an account or not.

One check takes 64 MiB and a good part of a core for a while, on purpose. So only few are made
at the same time, and no more wait than can be served soon.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Any

from backstory import limits
from backstory.errors import InvalidError
from backstory.security.authority.turns import Turns


class Passwords:
    """Hashes and checks."""

    def __init__(self) -> None:
        self._turns = Turns(limits.PASSWORDS_CHECKED, limits.PASSWORDS_WAITING)

    async def hash(self, password: str) -> str:
        """What is kept of a password: parameters, salt and hash in one text."""
        hashed: str = await self._turns.run(lambda: _hasher().hash(_plain(password)))
        return hashed

    async def check(self, kept: str | None, password: str) -> bool:
        """Whether it is the password. None is that of no account, and takes as long.

        Raises:
            BusyError: too many wait already.
        """
        return await self._turns.run(lambda: _check(kept, password))


def check_strength(password: str, name: str) -> None:
    """Refuses what would be guessed, or could not be typed again.

    Raises:
        InvalidError: the detail says what is wrong.
    """
    plain = _plain(password)
    if len(plain) < limits.PASSWORD_CHARS_LEAST or len(plain.encode()) > limits.PASSWORD_BYTES:
        raise InvalidError(
            f"a password has {limits.PASSWORD_CHARS_LEAST} characters at least and "
            f"{limits.PASSWORD_BYTES} bytes at most"
        )
    if len(set(plain)) < 4 or plain.lower().replace(name, "") == "":
        raise InvalidError("this password would be guessed; take several words that you make up")


def _check(kept: str | None, password: str) -> bool:
    from argon2.exceptions import Argon2Error, InvalidHashError

    try:
        good: bool = _hasher().verify(kept or _nobodys(), _plain(password))
    except (Argon2Error, InvalidHashError):
        return False
    return good and kept is not None


@cache
def _hasher() -> Any:
    """The library's defaults: the second recommendation of RFC 9106 (64 MiB, three passes)."""
    from argon2 import PasswordHasher

    return PasswordHasher()


@cache
def _nobodys() -> str:
    hashed: str = _hasher().hash("of nobody")
    return hashed


def _plain(password: str) -> str:
    """The same password however a keyboard composes its letters (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)
