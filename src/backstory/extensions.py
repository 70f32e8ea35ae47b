"""What other packages add, found by their entry points.

A package names a maker in a group of its metadata, here in `pyproject.toml`::

    [project.entry-points."backstory.transforms"]
    shout = "my_package:make_shout"

A room that can be extended has a `Group`: it knows which names are ours, and what has to be
true of what a maker makes. Nothing is loaded before somebody asks for a group.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Generic, ParamSpec, TypeVar, cast

from backstory.errors import BackstoryError, BrokenExtensionError, ConfigError

TRANSFORMS: Final = "backstory.transforms"
SUMMARISERS: Final = "backstory.summarisers"
KINDS: Final = "backstory.kinds"
PARSERS: Final = "backstory.parsers"
FORMATS: Final = "backstory.formats"
MCP: Final = "backstory.mcp"
MASTERS: Final = "backstory.masters"

_PREFIX: Final = "backstory."
_UNKNOWN: Final = "unknown"

T = TypeVar("T")
P = ParamSpec("P")


@dataclass(frozen=True, slots=True)
class Extension:
    """One entry point and the package it comes with; `problem` says why it cannot be used.

    One that is `ignored` does no harm: nobody asks for its group.
    """

    group: str
    name: str
    value: str
    package: str = _UNKNOWN
    version: str = _UNKNOWN
    problem: str | None = None
    ignored: bool = False

    @classmethod
    def of(cls, point: EntryPoint) -> Extension:
        # A folder that only looks like an installed package may say nothing of itself.
        about = {} if point.dist is None else point.dist.metadata.json
        package, version = (str(about.get(name, _UNKNOWN)) for name in ("name", "version"))
        return cls(point.group, point.name, point.value, package, version)

    def __str__(self) -> str:
        return (
            f"extension {self.name} of {self.group} ({self.value}, {self.package} {self.version})"
        )


@dataclass(frozen=True, slots=True)
class Group(Generic[T]):
    """What a room does with the extensions of its group.

    `make` gets a maker and gives what the room wants of it; whatever it raises means that the
    extension cannot be used. It is called once for each extension, in order, so that it may
    remember what it saw.
    """

    name: str
    taken: frozenset[str]
    make: Callable[[Extension, Any], T]


def made(group: Group[T]) -> Mapping[str, T]:
    """What the extensions of a group give, by their names.

    Raises:
        ConfigError: one cannot be used; names it, its package and the reason, in one line.
    """
    found: dict[str, T] = {}
    for point in entry_points(group=group.name):
        found[point.name] = _make(group, point, found)
    return found


def inspected(groups: Iterable[Group[Any]]) -> Iterator[Extension]:
    """Every extension, each tried as at a start; those of groups that nobody knows included."""
    known = {group.name: group for group in groups}
    for group in known.values():
        seen: set[str] = set()
        for point in entry_points(group=group.name):
            yield replace(Extension.of(point), problem=_problem(group, point, seen))
            seen.add(point.name)
    others = sorted(name for name in entry_points().groups if name.startswith(_PREFIX))
    for name in (name for name in others if name not in known):
        problem = f"there is no group {name}; there are {', '.join(known)}"
        for point in entry_points(group=name):
            yield replace(Extension.of(point), problem=problem, ignored=True)


def _problem(group: Group[Any], point: EntryPoint, seen: Collection[str]) -> str | None:
    try:
        _make(group, point, seen)
    except ConfigError as error:
        return error.detail
    return None


def _make(group: Group[T], point: EntryPoint, seen: Collection[str]) -> T:
    extension = Extension.of(point)
    if point.name in group.taken or point.name in seen:
        raise ConfigError(f"{extension}: the name is taken")
    try:
        maker = point.load()
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{extension} cannot be loaded: {_told(error)}") from error
    if not callable(maker):
        raise ConfigError(f"{extension} is no function")
    try:
        return group.make(extension, maker)
    except Exception as error:
        raise ConfigError(f"{extension}: {_told(error)}") from error


def product(maker: Callable[[], Any], wanted: type[T]) -> T:
    """What a maker makes, where it is of the type that is wanted.

    Raises:
        ConfigError: it is another thing.
    """
    found = maker()
    require(isinstance(found, wanted), f"made {type(found).__name__}, not {wanted.__name__}")
    return cast("T", found)


def require(holds: bool, otherwise: str) -> None:
    """Nothing, where it holds.

    Raises:
        ConfigError: it does not; the sentence is told behind the extension's name.
    """
    if not holds:
        raise ConfigError(otherwise)


def guarded(extension: Extension, function: Callable[P, T]) -> Callable[P, T]:
    """A function of an extension, whose errors are of our tree or name the extension.

    The function that comes back raises:
        BrokenExtensionError: what it raised is an error of nobody's tree, so it is its own mistake.
    """

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return function(*args, **kwargs)
        except BackstoryError:
            raise
        except Exception as error:
            raise BrokenExtensionError(f"{extension} failed: {type(error).__name__}") from error

    return call


def _told(error: BaseException) -> str:
    """On one line, whatever an extension has to say."""
    text = error.detail if isinstance(error, BackstoryError) else f"{type(error).__name__}: {error}"
    return " ".join(text.split())
