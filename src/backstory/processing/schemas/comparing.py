"""What one schema admits and another refuses, named place by place.

`Comparison.breaks` is empty only where everything that the writer's schema
admits is proven to fit the reader's. Two judges: the library's containment test, which can
prove but not name, and rules, one for each keyword, which name. What neither can
judge is named as such and counts as a break.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import jsonschema_rs
import orjson

from backstory import limits
from backstory.domain.intake import pointer_of
from backstory.errors import Violation
from backstory.processing.schemas import walking
from backstory.processing.schemas.forms import Form, Source
from backstory.processing.schemas.walking import Path

Rule = Callable[["Comparison", Form, Form], Iterator[Violation]]
"""Names what one group of keywords in the reader refuses of what the writer admits."""

_PAIRS: Final = 5_000  # of subschemas compared, before the answer is that it is too much
_COMBINATORS: Final = frozenset({"allOf", "anyOf", "oneOf", "not", "if"})
_TOO_MUCH: Final = "cannot be compared: too many combinations; make the change in smaller steps"


class Comparison:
    """One schema that reads what was written under another; messages call them by their names."""

    def __init__(
        self,
        reader: dict[str, Any],
        writer: dict[str, Any],
        names: tuple[str, str] = ("the reader's schema", "the writer's schema"),
        rules: Sequence[Rule] = (),
    ) -> None:
        self._reader, self._writer = Source(reader), Source(writer)
        self.reader, self.writer = names
        self._rules = rules
        self._pairs = 0
        self._proofs: dict[tuple[bytes, bytes], bool] = {}

    def breaks(self) -> tuple[Violation, ...]:
        """Where the reader refuses what the writer allows, or where nobody can tell.

        `pointer` is a place in the reader's schema, `rule` the one that stood against it in
        the writer's. At most `limits.VIOLATIONS`, each once.
        """
        found = self.compare(self._reader.at(()), self._writer.at(()))
        return tuple(dict.fromkeys(found))[: limits.VIOLATIONS]

    def compare(self, reader: Form, writer: Form) -> list[Violation]:
        """The breaks between two subschemas and all that is below them."""
        self._pairs += 1
        if self._pairs > _PAIRS:
            return [self.violation(reader, writer, _TOO_MUCH)]
        if reader.admits_all or writer.admits_nothing or reader.encoded == writer.encoded:
            return []
        if reader.admits_nothing:
            return [self.violation(reader, writer, f"{self.reader} allows nothing here")]
        if self._proven(reader, writer):
            return []
        return [v for rule in self._rules for v in rule(self, reader, writer)]

    def fits(self, reader: Form, writer: Form) -> bool:
        """Whether nothing breaks between two subschemas."""
        return not self.compare(reader, writer)

    @staticmethod
    def violation(
        reader: Form, writer: Form, detail: str, at: Path = (), against: Path = ()
    ) -> Violation:
        """A break: `at` steps below the reader's place, `against` steps below the writer's."""
        return Violation(pointer_of(reader.path + at), detail, pointer_of(writer.path + against))

    def _proven(self, reader: Form, writer: Form) -> bool:
        """Whether the library proves containment; asked only where it answers in milliseconds."""
        key = (reader.encoded, writer.encoded)
        if key not in self._proofs:
            self._proofs[key] = (
                _branches(reader.expanded) + _branches(writer.expanded)
                <= limits.SCHEMA_BRANCHES_PROVEN
            ) and _covers(reader.expanded, writer.expanded)
        return self._proofs[key]


def _branches(schema: Any) -> int:
    return sum(
        len(value) if isinstance(value, list) else 1
        for _, node in walking.walk(schema)
        if isinstance(node, dict)
        for keyword, value in node.items()
        if keyword in _COMBINATORS
    )


def _covers(reader: Any, writer: Any) -> bool:
    try:
        wide, narrow = (
            jsonschema_rs.canonicalize(
                orjson.loads(orjson.dumps(schema)),
                draft=jsonschema_rs.Draft202012,
                validate_formats=False,
                pattern_options=jsonschema_rs.RegexOptions(size_limit=limits.SCHEMA_PATTERN_BYTES),
                offline=True,
            )
            for schema in (reader, writer)
        )
        return wide.covers(narrow) == jsonschema_rs.canonical.Containment.YES
    except (ValueError, jsonschema_rs.canonical.CanonicalizationError):
        # The library says what it does not support by an error; the rules judge then.
        return False
