"""Names: `namespace/name` addresses a context, a pattern a part of the tenant."""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct

from backstory import limits
from backstory.errors import InvalidKeyError

_SEGMENT = re.compile(r"[a-z0-9_-]+\Z")
_NAME = re.compile(r"[A-Za-z0-9._~-]+\Z")

NAMESPACE_RULE = (
    f"a namespace is 1 to {limits.NAMESPACE_SEGMENTS} segments of [a-z0-9_-] with dots between, "
    f"at most {limits.NAMESPACE_BYTES} bytes, such as users.42"
)
NAME_RULE = (
    f"a name is 1 to {limits.NAME_BYTES} characters of [A-Za-z0-9._~-], not '.' or '..', "
    "such as preferences"
)
KEY_RULE = f"a context is named namespace/name: {NAMESPACE_RULE}; {NAME_RULE}"


def check_namespace(text: str) -> str:
    """The namespace itself.

    Raises:
        InvalidKeyError: it breaks the rule, which the detail states.
    """
    segments = text.split(".")
    if (
        len(text) <= limits.NAMESPACE_BYTES
        and len(segments) <= limits.NAMESPACE_SEGMENTS
        and all(map(_SEGMENT.match, segments))
    ):
        return text
    raise InvalidKeyError(f"not a namespace: {shorten(text)}; {NAMESPACE_RULE}")


def check_name(text: str) -> str:
    """The name itself.

    Raises:
        InvalidKeyError: it breaks the rule, which the detail states.
    """
    if len(text) <= limits.NAME_BYTES and _NAME.match(text) and text not in (".", ".."):
        return text
    raise InvalidKeyError(f"not a name: {shorten(text)}; {NAME_RULE}")


def shorten(text: str, most: int = 60) -> str:
    """Foreign text made safe and short enough to stand in a message."""
    return ascii(text if len(text) <= most else text[: most - 3] + "...")


class ContextKey(Struct, frozen=True):
    """The address of a context inside its tenant."""

    namespace: str
    name: str

    @classmethod
    def of(cls, namespace: str, name: str) -> ContextKey:
        """A checked key.

        Raises:
            InvalidKeyError: a part breaks its rule.
        """
        return _checked(namespace, name)

    @classmethod
    def parse(cls, text: str) -> ContextKey:
        """The key that `namespace/name` spells.

        Raises:
            InvalidKeyError: there is not exactly one slash, or a part breaks its rule.
        """
        namespace, slash, name = text.partition("/")
        if not slash or "/" in name:
            raise InvalidKeyError(f"not a context: {shorten(text)}; {KEY_RULE}")
        return cls.of(namespace, name)

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def reserved(self) -> bool:
        """Whether the namespace is one that only admins write."""
        return self.namespace.startswith("_")


@lru_cache(maxsize=limits.KEYS_CHECKED)
def _checked(namespace: str, name: str) -> ContextKey:
    return ContextKey(check_namespace(namespace), check_name(name))


class NamespacePattern(Struct, frozen=True):
    """`users.42` (itself alone), `users.42.*` (itself and all below) or `*` (everything)."""

    base: str
    below: bool

    @classmethod
    def parse(cls, text: str) -> NamespacePattern:
        """The pattern that the text spells.

        Raises:
            InvalidKeyError: it is neither a namespace, nor one with `.*` behind, nor `*`.
        """
        if text == "*":
            return cls("", True)
        if text.endswith(".*"):
            return cls(check_namespace(text[:-2]), True)
        return cls(check_namespace(text), False)

    def matches(self, namespace: str) -> bool:
        """Whether the pattern covers the namespace, by whole segments."""
        if namespace == self.base:
            return True
        return self.below and (not self.base or namespace.startswith(self.base + "."))

    def __str__(self) -> str:
        if not self.base:
            return "*"
        return f"{self.base}.*" if self.below else self.base


EVERYWHERE = NamespacePattern("", True)
