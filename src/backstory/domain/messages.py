"""Between entries and a provider's messages: what a format is, and what it could not carry.

A format reads messages into entries and writes entries as messages. Two laws hold for each:

* `render(parse(payload)).payload == payload`, and nothing is lost, for every payload that
  `parse` accepts;
* `parse(render(entries).payload)` gives the entries back whenever `losses` is empty.

Equal means equal as JSON values: member order does not count, and 1 is not 1.0. Of an entry
its role and content count; ids, types and metadata of an application are not sent to a model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Entry = dict[str, Any]
"""An entry as a caller sends it: `role`, `content`, and `metadata` where there is any."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Something of an entry that the messages do not carry, or carry in another form.

    `pointer` is a JSON Pointer into the list of entries.
    """

    pointer: str
    detail: str
    dropped: bool


@dataclass(slots=True)
class Losses:
    """Collects what rendering could not carry."""

    found: list[Loss] = field(default_factory=list)

    def dropped(self, pointer: str, detail: str) -> None:
        """It is not in the messages."""
        self.found.append(Loss(pointer, detail, dropped=True))

    def changed(self, pointer: str, detail: str) -> None:
        """It is there in another form, and would not be read back as it was."""
        self.found.append(Loss(pointer, detail, dropped=False))


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a provider's API takes, and what of the entries is not in it."""

    payload: dict[str, Any]
    losses: tuple[Loss, ...]


@dataclass(frozen=True, slots=True)
class Format:
    """A provider's message format. Both functions are pure.

    `members` are those of a request that hold the conversation: the first must be there and is
    rendered as a list of messages; the second, if any, takes the system text that stands apart.

    `parse` raises SchemaError with JSON Pointers into the payload, `render` with JSON Pointers
    into the list of entries where an entry is none.
    """

    name: str
    title: str
    media_type: str
    members: tuple[str, ...]
    parse: Callable[[Any], list[Entry]]
    render: Callable[[Sequence[Mapping[str, Any]]], Rendered]
