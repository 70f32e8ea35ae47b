"""One rule for each group of keywords: what does the reader refuse that the writer admits?

A rule may name too much, never too little: it looks at its own keywords and takes the
others of the writer, which only narrow, for absent.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from backstory.errors import Violation
from backstory.processing.schemas.comparing import Comparison
from backstory.processing.schemas.forms import Form, encoded
from backstory.processing.schemas.wording import short

_ALL_TYPES: Final = frozenset({"array", "boolean", "null", "number", "object", "string"})
_LEAST: Final = {
    "minLength": "string",
    "minItems": "array",
    "minProperties": "object",
    "minimum": "number",
    "exclusiveMinimum": "number",
}
_MOST: Final = {
    "maxLength": "string",
    "maxItems": "array",
    "maxProperties": "object",
    "maximum": "number",
    "exclusiveMaximum": "number",
}
_COUNTED: Final = frozenset({"minLength", "minItems", "minProperties"})


def types(c: Comparison, reader: Form, writer: Form) -> Iterator[Violation]:
    """`type`; an integer is a number."""
    if "type" not in reader.keywords:
        return
    allowed = _listed(reader.keywords["type"])
    lost = [
        each
        for each in sorted(given_types(writer))
        if each not in allowed and not (each == "integer" and "number" in allowed)
    ]
    if lost:
        yield c.violation(
            reader,
            writer,
            f"{c.reader} does not allow {', '.join(lost)}; {c.writer} does",
            ("type",),
            ("type",),
        )


def values(c: Comparison, reader: Form, writer: Form) -> Iterator[Violation]:
    """`enum` and `const`."""
    given = _given_values(writer)
    for keyword in ("enum", "const"):
        if keyword not in reader.keywords:
            continue
        if given is None:
            detail = f"{c.reader} allows certain values only; {c.writer} allows others"
            yield c.violation(reader, writer, detail, (keyword,))
            continue
        value = reader.keywords[keyword]
        allowed = {encoded(each) for each in (value if keyword == "enum" else [value])}
        lost = [each for each in given if encoded(each) not in allowed]
        if lost:
            detail = f"{c.reader} does not allow {short(lost)}; {c.writer} does"
            yield c.violation(reader, writer, detail, (keyword,))


def bounds(c: Comparison, reader: Form, writer: Form) -> Iterator[Violation]:
    """The least and the most that lengths, counts and numbers may be."""
    for keyword, subject in (_LEAST | _MOST).items():
        if keyword not in reader.keywords or not _speaks_of(writer, subject):
            continue
        wanted = reader.keywords[keyword]
        given = writer.keywords.get(keyword, 0 if keyword in _COUNTED else None)
        wide_enough = given is not None and (
            wanted <= given if keyword in _LEAST else wanted >= given
        )
        if not wide_enough:
            what = "no bound" if given is None else short(given)
            detail = f"{c.reader} has {keyword} {short(wanted)}; {c.writer} has {what}"
            yield c.violation(reader, writer, detail, (keyword,), (keyword,) if given else ())


def steps(c: Comparison, reader: Form, writer: Form) -> Iterator[Violation]:
    """`multipleOf`."""
    wanted, given = reader.keywords.get("multipleOf"), writer.keywords.get("multipleOf")
    if wanted is None or not _speaks_of(writer, "number"):
        return
    whole = isinstance(wanted, int) and isinstance(given, int) and given % wanted == 0
    if wanted != given and not whole:
        detail = f"{c.reader} has multipleOf {short(wanted)}; {c.writer} has {short(given)}"
        yield c.violation(reader, writer, detail, ("multipleOf",))


def patterns(c: Comparison, reader: Form, writer: Form) -> Iterator[Violation]:
    """`pattern`: two different ones are never told to be one inside of the other."""
    wanted = reader.keywords.get("pattern")
    if (
        wanted is not None
        and wanted != writer.keywords.get("pattern")
        and _speaks_of(writer, "string")
    ):
        detail = f"{c.reader} has another pattern; whether it is wider cannot be judged"
        yield c.violation(reader, writer, detail, ("pattern",), ("pattern",))


def required(c: Comparison, reader: Form, writer: Form) -> Iterator[Violation]:
    """`required` and `dependentRequired`."""
    if not _speaks_of(writer, "object"):
        return
    given = set(writer.keywords.get("required", ()))
    for name in reader.keywords.get("required", ()):
        if name not in given:
            detail = f"{c.reader} requires {short(name)}; {c.writer} does not"
            yield c.violation(reader, writer, detail, ("required",))
    dependent = writer.keywords.get("dependentRequired", {})
    for name, needed in reader.keywords.get("dependentRequired", {}).items():
        lost = sorted(set(needed) - set(dependent.get(name, ())) - given)
        if lost:
            detail = f"{c.reader} requires {short(lost)} beside {short(name)}; {c.writer} does not"
            yield c.violation(reader, writer, detail, ("dependentRequired", name))


def given_types(form: Form) -> frozenset[str]:
    """The types that a subschema may admit."""
    if "type" in form.keywords:
        return _listed(form.keywords["type"])
    known = _given_values(form)
    return _ALL_TYPES if known is None else frozenset(map(_type_of, known))


def _listed(value: Any) -> frozenset[str]:
    return frozenset(value if isinstance(value, list) else [value])


def _given_values(form: Form) -> list[Any] | None:
    if "const" in form.keywords:
        return [form.keywords["const"]]
    found: list[Any] | None = form.keywords.get("enum")
    return found


def _speaks_of(writer: Form, subject: str) -> bool:
    """Whether a keyword on such values can refuse anything that the writer admits."""
    given = given_types(writer)
    return subject in given or (subject == "number" and "integer" in given)


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if value is None:
        return "null"
    for kind, name in ((str, "string"), (dict, "object"), (list, "array"), (int, "integer")):
        if isinstance(value, kind):
            return name
    return "number"


RULES: Final = (types, values, bounds, steps, patterns, required)
