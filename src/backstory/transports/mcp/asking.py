"""Asks as the protocol has them: who can be asked, and what is an answer."""

from __future__ import annotations

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
from backstory.transports.mcp.asks import ELICIT, LIST_ROOTS, SAMPLE, Ability, Ask, InputRequired

_REQUESTS: Final[dict[str, type[InputRequest]]] = {
    ELICIT: ElicitRequest,
    SAMPLE: CreateMessageRequest,
    LIST_ROOTS: ListRootsRequest,
}
RESULTS: Final[dict[str, type[BaseModel]]] = {
    ELICIT: ElicitResult,
    SAMPLE: CreateMessageResult,
    LIST_ROOTS: ListRootsResult,
}
_REQUIRED: Final[dict[Ability, Any]] = {
    "elicitation.form": {"elicitation": {"form": {}}},
    "elicitation.url": {"elicitation": {"url": {}}},
    "sampling": {"sampling": {}},
    "roots": {"roots": {}},
}


def request(ask: Ask) -> InputRequest:
    """The request, checked.

    Raises:
        ValidationError: the parameters are not those of the method.
    """
    return _REQUESTS[ask.method].model_validate(ask.view(), by_name=False)


def answer(ask: Ask, raw: Any) -> dict[str, Any]:
    """What a client answered, checked.

    Raises:
        MCPError: it is no answer to this request.
    """
    try:
        return dumped(RESULTS[ask.method].model_validate(raw, by_name=False))
    except ValidationError as error:
        raise MCPError(INVALID_REQUEST, f"the client's answer is none to {ask.method}") from error


def abilities(declared: ClientCapabilities | None) -> frozenset[Ability]:
    """What a client has declared that it can be asked."""
    if declared is None:
        return frozenset()
    found: set[Ability] = set()
    if (elicitation := declared.elicitation) is not None:
        # Before there were modes, a bare `{}` stood for forms.
        if elicitation.form is not None or elicitation.url is None:
            found.add("elicitation.form")
        if elicitation.url is not None:
            found.add("elicitation.url")
    if declared.sampling is not None:
        found.add("sampling")
    if declared.roots is not None:
        found.add("roots")
    return frozenset(found)


def check(wanted: InputRequired, has: frozenset[Ability], version: str) -> None:
    """Nothing, where the client can be asked all of it.

    Raises:
        MCPError: it has not declared what it needs; -32021 with `requiredCapabilities`.
        ValidationError: the handler's asks are not what the protocol has.
    """
    for ask in wanted.asks.values():
        request(ask)
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
