"""Rules for keywords that hold subschemas: members, items, alternatives."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from backstory.domain.keys import shorten
from backstory.errors import Violation
from backstory.processing.schemas.comparing import Comparison
from backstory.processing.schemas.forms import Form, encoded

_REST: Final = "additionalProperties"
_MATCHED: Final = "patternProperties"


def members(c: Comparison, reader: Form, writer: Form) -> Iterator[Violation]:
    """`properties`: what may stand at each declared name."""
    declared, given = _names(reader, "properties"), _names(writer, "properties")
    for name in declared:
        here = reader.below("properties", name)
        if name in given:
            yield from c.compare(here, writer.below("properties", name))
        elif not all(c.fits(here, there) for there in _undeclared(writer)):
            detail = (
                f"{c.reader} declares {shorten(name)}, for which {c.writer} leaves open "
                "other values as well"
            )
            yield c.violation(reader, writer, detail, ("properties", name))
    for name in given:
        there = writer.below("properties", name)
        if name not in declared and not c.fits(reader.below(_REST), there):
            detail = f"{c.writer} declares {shorten(name)}, for which {c.reader} has no room"
            yield c.violation(reader, writer, detail, (_REST,), ("properties", name))


def matched_members(c: Comparison, reader: Form, writer: Form) -> Iterator[Violation]:
    """`patternProperties`: the same pattern speaks of the same names, two others of any."""
    wanted, given = _names(reader, _MATCHED), _names(writer, _MATCHED)
    for pattern in wanted:
        here = reader.below(_MATCHED, pattern)
        if pattern in given:
            yield from c.compare(here, writer.below(_MATCHED, pattern))
            continue
        declared = (writer.below("properties", name) for name in _names(writer, "properties"))
        if not all(c.fits(here, there) for there in (*declared, *_undeclared(writer))):
            detail = f"{c.reader} binds members that match this; {c.writer} does not"
            yield c.violation(reader, writer, detail, (_MATCHED, pattern))
    for pattern in given:
        there = writer.below(_MATCHED, pattern)
        if pattern not in wanted and not c.fits(reader.below(_REST), there):
            detail = f"{c.reader} has no room for members that match {shorten(pattern)}"
            yield c.violation(reader, writer, detail, (_REST,), (_MATCHED, pattern))


def other_members(c: Comparison, reader: Form, writer: Form) -> Iterator[Violation]:
    """`additionalProperties`, `propertyNames` and `dependentSchemas`."""
    rest, given = reader.below(_REST), writer.below(_REST)
    if rest.admits_nothing and not given.admits_nothing:
        detail = f"{c.reader} is closed to members that it does not declare; {c.writer} is open"
        yield c.violation(reader, writer, detail, (_REST,))
    else:
        yield from c.compare(rest, given)
    yield from c.compare(reader.below("propertyNames"), writer.below("propertyNames"))
    for name in _names(reader, "dependentSchemas"):
        here = reader.below("dependentSchemas", name)
        if not c.fits(here, writer.below("dependentSchemas", name)):
            yield from c.compare(here, writer)


def items(c: Comparison, reader: Form, writer: Form) -> Iterator[Violation]:
    """`prefixItems` and `items`, place by place; `contains` and `uniqueItems`."""
    prefix, given = (len(form.keywords.get("prefixItems", ())) for form in (reader, writer))
    for i in range(max(prefix, given)):
        yield from c.compare(_item(reader, i, prefix), _item(writer, i, given))
    yield from c.compare(reader.below("items"), writer.below("items"))
    if reader.keywords.get("uniqueItems") and not writer.keywords.get("uniqueItems"):
        detail = f"{c.reader} allows no item twice; {c.writer} does"
        yield c.violation(reader, writer, detail, ("uniqueItems",))
    yield from _as_a_whole(c, reader, writer, ("contains", "minContains", "maxContains"))


def alternatives(c: Comparison, reader: Form, writer: Form) -> Iterator[Violation]:
    """`anyOf`: each alternative of the writer has to fit one of the reader."""
    if "anyOf" not in reader.keywords:
        return
    open_to = [reader.below("anyOf", i) for i in range(len(reader.keywords["anyOf"]))]
    if any(c.fits(here, writer) for here in open_to):
        return
    given = len(writer.keywords.get("anyOf", ()))
    if not given:
        detail = f"{c.writer} allows what fits no alternative of {c.reader}"
        yield c.violation(reader, writer, detail, ("anyOf",))
    for i in range(given):
        there = writer.below("anyOf", i)
        if not any(c.fits(here, there) for here in open_to):
            detail = f"{c.writer} has an alternative that fits none of {c.reader}"
            yield c.violation(reader, writer, detail, ("anyOf",), ("anyOf", i))


def conditions(c: Comparison, reader: Form, writer: Form) -> Iterator[Violation]:
    """`allOf` branch by branch; what else combines is only judged where it is the same."""
    given = writer.branches()
    for i, here in enumerate(reader.branches()):
        if not (i < len(given) and c.fits(here, given[i])):
            yield from c.compare(here, writer)
    if "not" in reader.keywords and not (
        "not" in writer.keywords and c.fits(writer.below("not"), reader.below("not"))
    ):
        detail = f"{c.reader} excludes what {c.writer} may allow; it cannot be judged"
        yield c.violation(reader, writer, detail, ("not",))
    yield from _as_a_whole(c, reader, writer, ("oneOf",))
    yield from _as_a_whole(c, reader, writer, ("if", "then", "else"))
    for keyword in ("unevaluatedProperties", "unevaluatedItems"):
        if reader.keywords.get(keyword, True) not in (True, {}):
            detail = f"what {keyword} means here cannot be judged beside other changes"
            yield c.violation(reader, writer, detail, (keyword,))


def _as_a_whole(
    c: Comparison, reader: Form, writer: Form, keywords: tuple[str, ...]
) -> Iterator[Violation]:
    """A group of keywords that has to be the same, where the reader has its first."""
    if keywords[0] not in reader.keywords:
        return
    here, there = (
        {each: form.keywords.get(each) for each in keywords} for form in (reader, writer)
    )
    if encoded(here) != encoded(there):
        detail = f"{keywords[0]} differs; whether {c.reader} is wider cannot be judged"
        yield c.violation(reader, writer, detail, (keywords[0],))


def _names(form: Form, keyword: str) -> list[str]:
    return list(form.keywords.get(keyword, ()))


def _undeclared(form: Form) -> list[Form]:
    """All that may stand at a name that `properties` does not declare."""
    return [*(form.below(_MATCHED, each) for each in _names(form, _MATCHED)), form.below(_REST)]


def _item(form: Form, index: int, prefix: int) -> Form:
    return form.below("prefixItems", index) if index < prefix else form.below("items")


RULES: Final = (members, matched_members, other_members, items, alternatives, conditions)
