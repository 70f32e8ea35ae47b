"""What a handler gives back to ask the client.

A handler that needs to know more returns `InputRequired`, and is called again with the
answers. With 2026-07-28 that is the protocol's own way; older clients are sent requests on
the stream of their call meanwhile, and the handler does not notice the difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Ability = Literal["elicitation.form", "elicitation.url", "sampling", "roots"]
"""What a client can be asked."""

ELICIT: Final = "elicitation/create"
SAMPLE: Final = "sampling/createMessage"
LIST_ROOTS: Final = "roots/list"
_METHODS: Final = (ELICIT, SAMPLE, LIST_ROOTS)


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to the client, by its method and parameters as the protocol has them.

    `form` and `visit` make those that a user answers.
    """

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.method not in _METHODS:
            raise ValueError(f"a client can be asked {', '.join(_METHODS)}, and not {self.method}")

    @property
    def ability(self) -> Ability:
        """What a client has to have declared for it."""
        if self.method == ELICIT:
            return "elicitation.url" if self.params.get("mode") == "url" else "elicitation.form"
        return "sampling" if self.method == SAMPLE else "roots"

    def view(self) -> dict[str, Any]:
        """As it stands on the wire."""
        return {"method": self.method, "params": dict(self.params)}


def form(message: str, schema: Mapping[str, Any]) -> Ask:
    """A form for the user: `schema` is an object of primitives, as elicitation has it.

    The answer is `{"action": "accept" | "decline" | "cancel", "content": {...}}`.
    """
    return Ask(ELICIT, {"message": message, "requestedSchema": dict(schema)})


def visit(message: str, url: str, id: str) -> Ask:  # noqa: A002 - the protocol's own word
    """A page for the user to go to. The answer is `{"action": ...}`; the client never sees more.

    `id` tells one visit from another; 2025-11-25 sends it.
    """
    return Ask(ELICIT, {"mode": "url", "message": message, "url": url, "elicitationId": id})


@dataclass(frozen=True, slots=True)
class InputRequired:
    """Call me again with the answers. `state` (JSON) comes back as `call.state`.

    A client cannot read or alter the state, nor use it for another call.
    """

    asks: Mapping[str, Ask]
    state: Any = None

    def __post_init__(self) -> None:
        if not self.asks and self.state is None:
            raise ValueError("InputRequired needs asks, or a state to come back with")
