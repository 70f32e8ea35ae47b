"""The transform `customer-numbers`: masks numbers such as KD-104233 before they are kept.

transforms = ["hidden", {customer-numbers = {prefix = "KD-", digits = 6}}]
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from backstory.extending import ConfigError, Transform, TransformText

NAME: Final = "customer-numbers"
_PREFIX: Final = re.compile(r"[A-Za-z0-9_-]{1,20}")


class CustomerNumbers:
    """Pure, and done with what it has masked: the mask is no number."""

    name = NAME

    def __init__(self, prefix: str, digits: int) -> None:
        self._prefix = prefix.encode()
        self._number = re.compile(rf"\b{re.escape(prefix)}[0-9]{{{digits}}}\b")

    def suspects(self, raw: bytes) -> bool:
        return self._prefix in raw

    def apply(self, texts: Sequence[TransformText], counts: Counter[str]) -> list[str]:
        changed = []
        for text, _ in texts:
            masked, count = self._number.subn("[customer number]", text)
            if count:
                counts[NAME] += count
            changed.append(masked)
        return changed


def make(options: Mapping[str, Any]) -> Transform:
    """The transform of an operator's rule.

    Raises:
        ConfigError: an option is wrong.
    """
    prefix, digits = options.get("prefix"), options.get("digits", 6)
    if not options.keys() <= {"prefix", "digits"}:
        raise ConfigError(f"options of {NAME} are prefix and digits")
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise ConfigError(f"prefix of {NAME} is 1 to 20 of [A-Za-z0-9_-]")
    if not isinstance(digits, int) or isinstance(digits, bool) or not 1 <= digits <= 20:
        raise ConfigError(f"digits of {NAME} is a number from 1 to 20")
    return CustomerNumbers(prefix, digits)
