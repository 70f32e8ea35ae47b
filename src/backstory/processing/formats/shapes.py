"""How one kind of a provider's part is written in ours, in both directions from one table.

A shape names the members that mean the same on both sides. Members it does not name travel
under `extra` and parts without a shape as `other`, so nothing a provider sends is lost, and
nothing stored under `extra` or `other` can become something else when it is written out: what
is rendered from them must read back as them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from backstory.domain.intake import wrong
from backstory.domain.messages import Losses
from backstory.domain.parts import EXTRA, OTHER, Part
from backstory.errors import SchemaError

Path = tuple[str, ...]
Json = dict[str, Any]
_ABSENT = object()


def as_read(value: Any, _pointer: str) -> Any:
    """The provider's value is ours."""
    return value


def as_kept(value: Any, _pointer: str, _losses: Losses) -> Any:
    """Our value is the provider's."""
    return value


@dataclass(frozen=True, slots=True)
class Pair:
    """One member on both sides, each as a path of at most two names.

    `kind` is the JSON type of the provider's value; `accepts` says which of our values can be
    written. An optional member of another type stays with `extra`, or is a loss.
    """

    ours: Path
    theirs: Path
    kind: type = str
    required: bool = True
    accepts: Callable[[Any], bool] | None = None
    read: Callable[[Any, str], Any] = as_read
    write: Callable[[Any, str, Losses], Any] = as_kept

    def can_write(self, value: Any) -> bool:
        """Whether our value has a form in the provider's."""
        return isinstance(value, self.kind) if self.accepts is None else self.accepts(value)


@dataclass(frozen=True, slots=True)
class Shape:
    """A provider's part that has a meaning in ours.

    `tags` are the members by which it is known, `when` a further look; `const` are members
    that every such part has on our side, `suits` a further look at it.
    """

    type: str
    pairs: tuple[Pair, ...]
    tags: tuple[tuple[Path, Any], ...] = ()
    when: Callable[[Json], bool] | None = None
    const: tuple[tuple[str, Any], ...] = ()
    suits: Callable[[Part], bool] | None = None

    def owns(self, raw: Json) -> bool:
        """Whether this is how the part is read."""
        return all(_is(get(raw, path), value) for path, value in self.tags) and (
            self.when is None or self.when(raw)
        )

    def read(self, raw: Json, pointer: str, provider: str) -> Part:
        """Our part.

        Raises:
            SchemaError: a member that must be there is not, or of another type.
        """
        part: Part = {"type": self.type, **dict(self.const)}
        rest = {k: dict(v) if isinstance(v, dict) else v for k, v in raw.items()}
        for path, _ in self.tags:
            _remove(rest, path)
        for pair in self.pairs:
            value = get(raw, pair.theirs)
            if isinstance(value, pair.kind):
                place = f"{pointer}/{'/'.join(pair.theirs)}"
                put(part, pair.ours, pair.read(value, place))
                _remove(rest, pair.theirs)
            elif pair.required:
                raise wrong(f"{pointer}/{'/'.join(pair.theirs)}", f"must be {_NAMES[pair.kind]}")
        rest = {k: v for k, v in rest.items() if v != {} or raw[k] == {}}
        return {**part, EXTRA.name: {provider: rest}} if rest else part

    def fits(self, part: Part) -> bool:
        """Whether our part can be written so."""
        return (
            part["type"] == self.type
            and (self.suits is None or self.suits(part))
            and all(_is(part.get(name, _ABSENT), value) for name, value in self.const)
            and all(pair.can_write(get(part, pair.ours)) for pair in self.pairs if pair.required)
        )

    def write(self, part: Part, pointer: str, losses: Losses) -> Json:
        """The provider's part, without what stands under `extra`."""
        raw: Json = {}
        for path, value in self.tags:
            put(raw, path, deepcopy(value))
        for pair in self.pairs:
            value = get(part, pair.ours)
            place = f"{pointer}/{'/'.join(pair.ours)}"
            if value is not _ABSENT and not pair.can_write(value):
                losses.dropped(place, "has no such value in this format")
            elif value is not _ABSENT:
                put(raw, pair.theirs, pair.write(value, place, losses))
        named = {"type", EXTRA.name, *dict(self.const), *(pair.ours[0] for pair in self.pairs)}
        for name in part:
            if name not in named:
                losses.dropped(f"{pointer}/{name}", "has no place in this format")
        return raw


Fallback = Callable[[Part, str, Losses], Part | None]


def _no_fallback(_part: Part, _pointer: str, _losses: Losses) -> Part | None:
    return None


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The parts that may stand in one place of a provider's messages.

    `fallback` offers another part of ours in place of one that has no shape, and notes it.
    """

    provider: str
    shapes: tuple[Shape, ...]
    typed: bool = True
    fallback: Fallback = _no_fallback

    def read(self, raw: Any, pointer: str) -> Part:
        """Our part for a provider's; `other` where there is no shape.

        Raises:
            SchemaError: it is no object, has no type, or a member of its shape is wrong.
        """
        found = as_object(raw, pointer)
        if self.typed and not isinstance(found.get("type"), str):
            raise wrong(f"{pointer}/type", "must be text")
        for shape in self.shapes:
            if shape.owns(found):
                return shape.read(found, pointer, self.provider)
        return {"type": OTHER, "provider": self.provider, "value": found}

    def read_all(self, raw: Sequence[Any], pointer: str) -> list[Part]:
        """Our parts for a list of a provider's."""
        return [self.read(item, f"{pointer}/{i}") for i, item in enumerate(raw)]

    def write(self, part: Part, pointer: str, losses: Losses) -> Json | None:
        """The provider's part, or None and a loss."""
        if part["type"] == OTHER:
            return self._write_other(part, pointer, losses)
        found = self._shape(part)
        if found is None:
            offered = self.fallback(part, pointer, losses)
            found = self._shape(offered) if offered is not None else None
            if offered is None or found is None:
                losses.dropped(pointer, f"a {part['type']} part like this has no place here")
                return None
            part = offered
        return self._with_extra(found.write(part, pointer, losses), part, pointer, losses)

    def write_all(
        self, parts: Sequence[Part], pointer: str, losses: Losses, first: int = 0
    ) -> list[Json]:
        """The provider's parts, without those that were lost; `first` is the index of the first."""
        written = (
            self.write(part, f"{pointer}/{i}", losses) for i, part in enumerate(parts, first)
        )
        return [raw for raw in written if raw is not None]

    def _shape(self, part: Part) -> Shape | None:
        return next((shape for shape in self.shapes if shape.fits(part)), None)

    def _write_other(self, part: Part, pointer: str, losses: Losses) -> Json | None:
        """Word for word, unless it would be read as something else than was stored."""
        if part["provider"] != self.provider:
            losses.dropped(pointer, f"only {part['provider']} knows this part")
            return None
        value: Json = part["value"]
        untyped = self.typed and not isinstance(value.get("type"), str)
        if untyped or any(shape.owns(value) for shape in self.shapes):
            losses.dropped(f"{pointer}/value", "is a known part in the dress of an unknown one")
            return None
        foreign_extra(part, self.provider, pointer, losses, own=False)
        return value

    def _with_extra(self, raw: Json, part: Part, pointer: str, losses: Losses) -> Json:
        foreign_extra(part, self.provider, pointer, losses, own=True)
        extra = part.get(EXTRA.name, {}).get(self.provider)
        if not extra:
            return raw
        merged = merge(raw, extra)
        try:
            again = self.read(merged, pointer)
        except SchemaError:  # it would be read as a part that it is only half of
            again = {"type": OTHER}
        if again["type"] == part["type"] and again.get(EXTRA.name) == {self.provider: extra}:
            return merged
        losses.dropped(f"{pointer}/extra/{self.provider}", "would change what the part means")
        return raw


def foreign_extra(part: Part, provider: str, pointer: str, losses: Losses, *, own: bool) -> None:
    """Name the members of a part that stand under other formats, or all where `own` is not one."""
    for name in part.get(EXTRA.name, {}):
        if name != provider or not own:
            losses.dropped(f"{pointer}/extra/{name}", f"members that only {name} knows")


def merge(known: Json, extra: Mapping[str, Any]) -> Json:
    """Both, two levels deep; what is known wins."""
    merged = dict(known)
    for name, value in extra.items():
        if name not in merged:
            merged[name] = value
        elif isinstance(merged[name], dict) and isinstance(value, dict):
            merged[name] = {**value, **merged[name]}
    return merged


def as_object(raw: Any, pointer: str) -> Json:
    """The object itself.

    Raises:
        SchemaError: it is none.
    """
    if not isinstance(raw, dict):
        raise wrong(pointer, "must be an object")
    return raw


def as_array(raw: Any, pointer: str) -> list[Any]:
    """The list itself.

    Raises:
        SchemaError: it is none.
    """
    if not isinstance(raw, list):
        raise wrong(pointer, "must be a list")
    return raw


def get(value: Any, path: Path) -> Any:
    """What stands at the path, or a value that is equal to nothing else."""
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return _ABSENT
        value = value[name]
    return value


def put(target: Json, path: Path, value: Any) -> None:
    """Sets what stands at the path, with the objects on the way."""
    for name in path[:-1]:
        target = target.setdefault(name, {})
    target[path[-1]] = value


def _remove(target: Json, path: Path) -> None:
    for name in path[:-1]:
        target = target.get(name, {})
    target.pop(path[-1], None)


def _is(value: Any, wanted: Any) -> bool:
    """Equal as JSON: 1 is not true."""
    return type(value) is type(wanted) and bool(value == wanted)


_NAMES = {str: "text", dict: "an object", list: "a list", bool: "true or false"}
