"""Transforms of extensions, held to what transforms promise.

They run inside a commit, where an error that nobody expects would be taken for one of the
disk and cost others their writes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from backstory.errors import BackstoryError, BrokenExtensionError, ConfigError
from backstory.extensions import Extension, guarded
from backstory.processing.transforms.transform import Text, Transform


def held(extension: Extension, maker: Callable[..., Any]) -> Callable[[Mapping[str, Any]], Held]:
    """The maker, whose errors and whose transforms' errors name the extension."""

    def make(options: Mapping[str, Any]) -> Held:
        try:
            made = maker(options)
        except BackstoryError as error:
            raise ConfigError(f"{extension}: {error.detail}") from error
        except Exception as error:
            raise ConfigError(f"{extension}: {type(error).__name__}: {error}") from error
        if not isinstance(made, Transform):
            raise ConfigError(f"{extension} made {type(made).__name__}, which is no Transform")
        return Held(extension, made)

    return make


class Held:
    """One transform of an extension."""

    def __init__(self, extension: Extension, transform: Transform) -> None:
        self.name = transform.name
        self._extension = extension
        self._suspects = guarded(extension, transform.suspects)
        self._apply = guarded(extension, transform.apply)

    def suspects(self, raw: bytes) -> bool:
        return self._suspects(raw)

    def apply(self, texts: Sequence[Text], counts: Counter[str]) -> list[str]:
        changed = self._apply(texts, counts)
        if len(changed) != len(texts) or not all(isinstance(text, str) for text in changed):
            raise BrokenExtensionError(f"{self._extension} gave other than a text for each text")
        return changed
