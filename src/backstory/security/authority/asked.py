"""A request to the authorization server, read strictly before OAuth looks at it.

Each parameter stands once, in printable ASCII (RFC 6749 appendix A); those without a value count
as left out (section 3.1).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from backstory import limits
from backstory.errors import InvalidError

_VISIBLE: Final = re.compile(r"[ -~]*\Z")
_QUOTES: Final = frozenset('"\\')
_FREE: Final = frozenset({"state"})  # is handed back as it came


@dataclass(frozen=True, slots=True)
class Asked:
    """Parameters, and who says to ask (`Authorization: Basic`)."""

    method: str
    parameters: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Told:
    """An answer on its way out; `given` is tenant, subject and client of tokens in it."""

    status: int
    body: Mapping[str, object]
    location: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    given: tuple[str, str, str] | None = None


def read(text: bytes) -> dict[str, str]:
    """The parameters of a query or a form.

    Raises:
        InvalidError: it cannot be read, or could be read in two ways.
    """
    try:
        pairs = parse_qsl(
            text.decode("ascii"), errors="strict", max_num_fields=limits.SIGN_IN_FIELDS
        )
    except ValueError as error:
        raise InvalidError("the parameters cannot be read") from error
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in found:
            raise InvalidError("a parameter is sent more than once")
        found[name] = value
    return found


def check(parameters: Mapping[str, str]) -> None:
    """Refuses what no parameter of OAuth has in it; raises `InvalidError`."""
    for name, value in parameters.items():
        plain = _VISIBLE.match(value) and _VISIBLE.match(name)
        if not plain or (name not in _FREE and _QUOTES & set(value)):
            raise InvalidError("a parameter has characters that it may not have")


def check_basic(authorization: str | None) -> None:
    """Refuses credentials that cannot be read; raises `InvalidError`."""
    scheme, _, text = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return
    try:
        plain = base64.b64decode(text.strip(), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidError("the header Authorization cannot be read") from error
    if ":" not in plain or not _VISIBLE.match(plain):
        raise InvalidError("the header Authorization cannot be read")
