"""Asking the user back, in the middle of a call.

A handler that needs to know more returns `InputRequired`, and is called again with the
answers. With 2026-07-28 that is the protocol's own way; older clients are sent requests on
the stream of their call meanwhile, and the handler does not notice the difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from mcp.shared.exceptions import MCPError
from mcp_types import (
    INVALID_REQUEST,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    ClientCapabilities,
    CreateMessageRequest,
    CreateMessageResult,
    ElicitRequest,
    ElicitResult,
    InputRequest,
    ListRootsRequest,
    ListRootsResult,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import BaseModel, ValidationError

from backstory import limits
from backstory.errors import BusyError

FORM: Final = "elicitation.form"
URL: Final = "elicitation.url"
SAMPLING: Final = "sampling"
ROOTS: Final = "roots"

_ELICIT: Final = "elicitation/create"
_KINDS: Final[dict[str, tuple[type[InputRequest], type[BaseModel]]]] = {
    _ELICIT: (ElicitRequest, ElicitResult),
    "sampling/createMessage": (CreateMessageRequest, CreateMessageResult),
    "roots/list": (ListRootsRequest, ListRootsResult),
}
_REQUIRED: Final[dict[str, Any]] = {
    FORM: {"elicitation": {"form": {}}},
    URL: {"elicitation": {"url": {}}},
    SAMPLING: {"sampling": {}},
    ROOTS: {"roots": {}},
}


@dataclass(frozen=True, slots=True)
class Ask:
    """One request to the client, by its method and parameters as the protocol has them.

    `form` and `visit` make those that a user answers.
    """

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.method not in _KINDS:
            raise ValueError(f"a client can be asked {', '.join(_KINDS)}, and not {self.method}")

    @property
    def ability(self) -> str:
        """What a client has to be able to do: a name such as `elicitation.form`."""
        if self.method == _ELICIT:
            return URL if self.params.get("mode") == "url" else FORM
        return SAMPLING if self.method == "sampling/createMessage" else ROOTS

    def request(self) -> InputRequest:
        """The request, checked.

        Raises:
            ValidationError: the parameters are not those of the method.
        """
        model, _ = _KINDS[self.method]
        return model.model_validate(self.view(), by_name=False)

    def view(self) -> dict[str, Any]:
        """As it stands on the wire."""
        return {"method": self.method, "params": dict(self.params)}

    def answer(self, raw: Any) -> dict[str, Any]:
        """What a client answered, checked.

        Raises:
            MCPError: it is no answer to this request.
        """
        _, model = _KINDS[self.method]
        try:
            return dumped(model.model_validate(raw, by_name=False))
        except ValidationError as error:
            raise MCPError(
                INVALID_REQUEST, f"the client's answer is none to {self.method}"
            ) from error

    @property
    def result(self) -> type[BaseModel]:
        return _KINDS[self.method][1]


def form(message: str, schema: Mapping[str, Any]) -> Ask:
    """A form for the user: `schema` is an object of primitives, as elicitation has it.

    The answer is `{"action": "accept" | "decline" | "cancel", "content": {...}}`.
    """
    return Ask(_ELICIT, {"message": message, "requestedSchema": dict(schema)})


def visit(message: str, url: str, id: str) -> Ask:  # noqa: A002 - the protocol's own word
    """A page for the user to go to. The answer is `{"action": ...}`; the client never sees more.

    `id` tells one visit from another; 2025-11-25 sends it.
    """
    return Ask(_ELICIT, {"mode": "url", "message": message, "url": url, "elicitationId": id})


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


def abilities(declared: ClientCapabilities | None) -> frozenset[str]:
    """What a client has declared that it can be asked."""
    if declared is None:
        return frozenset()
    found = set()
    if (elicitation := declared.elicitation) is not None:
        # Before there were modes, a bare `{}` stood for forms.
        if elicitation.form is not None or elicitation.url is None:
            found.add(FORM)
        if elicitation.url is not None:
            found.add(URL)
    if declared.sampling is not None:
        found.add(SAMPLING)
    if declared.roots is not None:
        found.add(ROOTS)
    return frozenset(found)


def check_abilities(wanted: InputRequired, has: frozenset[str], version: str) -> None:
    """Nothing, where the client can be asked all of it.

    Raises:
        MCPError: it has not declared what it needs; -32021 with `requiredCapabilities`.
        ValidationError: the handler's asks are not what the protocol has.
    """
    for ask in wanted.asks.values():
        ask.request()
    lacking = sorted({ask.ability for ask in wanted.asks.values()} - has)
    if not lacking:
        return
    detail = f"the client has to declare {', '.join(lacking)} for this"
    if version not in MODERN_PROTOCOL_VERSIONS:
        raise MCPError(INVALID_REQUEST, detail)
    required: dict[str, Any] = {}
    for each in lacking:
        for name, modes in _REQUIRED[each].items():
            required[name] = required.get(name, {}) | modes
    raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, detail, {"requiredCapabilities": required})


def unanswered() -> BusyError:
    """Nobody answered in time."""
    return BusyError(f"no answer within {limits.ASK_SECONDS:g} seconds", limit="ASK_SECONDS")


def dumped(model: BaseModel) -> dict[str, Any]:
    """A model of the protocol as it stands on the wire."""
    return model.model_dump(by_alias=True, mode="json", exclude_none=True)
