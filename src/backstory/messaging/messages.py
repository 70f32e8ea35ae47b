"""What nodes send each other: who sends, and marks of tenants whose logs have grown.

A mark is a hash keyed with the store's secret, so that whoever sees a message learns no name,
and whoever does not know the secret can make none up. A message is printable ASCII: a word for
the sender, then marks, with spaces between. Without marks it only says that it arrives. Words
that are no marks are those of a later release, and are passed over.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass

from backstory import limits
from backstory.domain.sealing import Seal

_MARK_BYTES = 9  # 12 characters; two tenants with one mark cost a look, and nothing else
_MARK = "[A-Za-z0-9_-]{12}"
_MESSAGE = re.compile(rf"{_MARK}(?: [!-~]+)*", re.ASCII)
_MARKS = re.compile(_MARK, re.ASCII)


@dataclass(frozen=True, slots=True)
class Message:
    """Who sends, and the marks."""

    sender: str
    marks: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join((self.sender, *self.marks))


def read(raw: bytes | str) -> Message | None:
    """The message; None where it is none of ours, since others may publish as well."""
    if len(raw) > limits.BUS_MESSAGE_BYTES:
        return None
    text = raw if isinstance(raw, str) else raw.decode("ascii", errors="replace")
    if not _MESSAGE.fullmatch(text):
        return None
    sender, *words = text.split(" ")
    return Message(sender, tuple(word for word in words if _MARKS.fullmatch(word)))


class Marks:
    """The marks of one store's tenants, and the channel on which its nodes meet."""

    def __init__(self, secret: bytes) -> None:
        self._seal = Seal(secret)
        self.any = self._mark("any tenant", "")
        self.channel = "backstory_" + self._seal.hash("change bus: channel").hex()

    def of(self, tenant: str) -> str:
        return self._mark("a tenant", tenant)

    def of_all(self, tenants: Iterable[str]) -> tuple[str, ...]:
        """The marks of these tenants; the one for any where they are too many to be named."""
        found = tuple(map(self.of, tenants))
        return found if len(found) <= limits.BUS_TENANTS else (self.any,)

    def _mark(self, what: str, name: str) -> str:
        digest = self._seal.hash(f"change bus: {what}", name.encode())
        return urlsafe_b64encode(digest[:_MARK_BYTES]).decode("ascii")
