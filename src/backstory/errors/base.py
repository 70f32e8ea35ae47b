"""What every error has, and those that are about the server itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Final

RETRY_AFTER_SECONDS: Final = 1
"""What is said where nothing better is known."""
_PASSES: Final = frozenset({408, 429, 503})


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing wrong with what was sent.

    `pointer` is a JSON Pointer (RFC 6901) into the request body, `detail` a sentence,
    `rule` a JSON Pointer into the schema, where a schema said so.
    """

    pointer: str
    detail: str
    rule: str | None = None


class BackstoryError(Exception):
    """Something failed in a way that has a name.

    `detail` is one sentence for a person, which says what to do where that is known.
    `context` holds machine-readable members of the answer, such as the current version.
    """

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        errors: tuple[Violation, ...] = (),
        retry_after: int | None = None,
        **context: Any,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors
        self.retry_after = retry_after
        self.context = context

    @property
    def waits(self) -> int | None:
        """After how many seconds it may be tried again; None where waiting does not help."""
        if self.retry_after is None and self.status in _PASSES:
            return RETRY_AFTER_SECONDS
        return self.retry_after


class ConfigError(BackstoryError):
    """A setting or an extension is wrong; the start stops with one line that names it."""

    code = "config_invalid"
    title = "Invalid configuration"


class BrokenExtensionError(BackstoryError):
    """An extension failed where it must not; its author has to look, callers learn nothing."""
