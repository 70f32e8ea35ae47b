"""Transforms by name, as an operator writes them down.

A list such as `["hidden", "nfc", {"redact": {"region": "DE"}}, {"truncate": {"characters":
4000}}]`; a name alone takes the defaults. What comes first is done first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from backstory import extensions
from backstory.domain.keys import shorten
from backstory.errors import ConfigError
from backstory.extensions import TRANSFORMS, Group
from backstory.processing.transforms.added import held
from backstory.processing.transforms.characters import Lines, Nfc, RemoveHidden, Whitespace
from backstory.processing.transforms.redaction import CATEGORIES, Redact
from backstory.processing.transforms.transform import Transform
from backstory.processing.transforms.truncation import Truncate

Make = Callable[[Mapping[str, Any]], Transform]
"""Makes a transform of its options. Raises ConfigError, or TypeError for an unknown option."""


def transforms_of(written: Any, makers: Mapping[str, Make] | None = None) -> tuple[Transform, ...]:
    """The transforms that the list names.

    `makers` adds to those that come along, by name.

    Raises:
        ConfigError: a name or an option is not known; says which.
    """
    known = {**MAKERS, **(makers or {})}
    if not isinstance(written, list):
        raise ConfigError("transforms are a list of names, or of objects of a name to options")
    return tuple(_one(item, known) for item in written)


def _one(item: Any, known: Mapping[str, Make]) -> Transform:
    name: Any = item
    options: Any = {}
    if isinstance(item, dict) and len(item) == 1:
        ((name, options),) = item.items()
    if not isinstance(name, str) or name not in known or not isinstance(options, dict):
        raise ConfigError(
            f"no transform {shorten(str(name))} with options; there are {', '.join(sorted(known))}"
        )
    try:
        return known[name](options)
    except TypeError as error:
        raise ConfigError(f"transform {name}: an option is unknown or missing") from error


def _redact(options: Mapping[str, Any]) -> Transform:
    return _redacting(**options)


def _redacting(categories: Any = None, region: Any = None) -> Transform:
    if categories is not None and not (
        isinstance(categories, list) and all(isinstance(each, str) for each in categories)
    ):
        raise ConfigError("categories of redact are a list of names")
    if region is not None and not isinstance(region, str):
        raise ConfigError("region of redact is two letters, such as DE")
    return Redact(CATEGORIES if categories is None else frozenset(categories), region)


def _truncate(options: Mapping[str, Any]) -> Transform:
    return _truncating(**options)


def _truncating(characters: Any) -> Transform:
    if not isinstance(characters, int) or isinstance(characters, bool) or characters < 1:
        raise ConfigError("characters of truncate is a number of at least 1")
    return Truncate(characters)


MAKERS: Final[Mapping[str, Make]] = {
    "hidden": lambda options: RemoveHidden(**options),
    "lines": lambda options: Lines(**options),
    "nfc": lambda options: Nfc(**options),
    "redact": _redact,
    "truncate": _truncate,
    "whitespace": lambda options: Whitespace(**options),
}


GROUP: Final[Group[Make]] = Group(TRANSFORMS, frozenset(MAKERS), held)


def extension_makers() -> Mapping[str, Make]:
    """Makers of the transforms that other packages add.

    Raises:
        ConfigError: as `extensions.made`.
    """
    return extensions.made(GROUP)
