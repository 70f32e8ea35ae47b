"""What other packages add, found by their entry points.

A package names a maker in a group of its metadata, here in `pyproject.toml`::

    [project.entry-points."backstory.transforms"]
    shout = "my_package:make_shout"
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

from backstory.errors import ConfigError

TRANSFORMS: Final = "backstory.transforms"
SUMMARISERS: Final = "backstory.summarisers"


@cache
def makers(group: str, taken: Collection[str] = frozenset()) -> Mapping[str, Any]:
    """The makers of a group by their names; `taken` are names that are ours.

    Raises:
        ConfigError: an extension cannot be loaded, or takes a name that is taken.
    """
    loaded: dict[str, Any] = {}
    for point in entry_points(group=group):
        if point.name in taken or point.name in loaded:
            raise ConfigError(f"extension {point.name} of {group}: the name is taken")
        loaded[point.name] = _load(point, group)
    return loaded


def _load(point: EntryPoint, group: str) -> Any:
    try:
        maker = point.load()
    except Exception as error:
        raise ConfigError(
            f"extension {point.name} of {group} ({point.value}) cannot be loaded: "
            f"{type(error).__name__}: {error}"
        ) from error
    if not callable(maker):
        raise ConfigError(f"extension {point.name} of {group} ({point.value}) is no function")
    return maker
