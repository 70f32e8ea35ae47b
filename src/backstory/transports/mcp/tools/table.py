"""What a tool is: typed arguments, a handler, what it answers, and how a client should see it.

The table of tools gives the JSON Schemas, the SDK's handlers and everything else that serves
a call, so that they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final, Generic, TypeVar

import msgspec
import orjson
from msgspec import UNSET, Meta, UnsetType

from backstory import limits
from backstory.contexts.service import Contexts
from backstory.domain.deprecations import Deprecation
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal
from backstory.errors import BackstoryError, ScopeError
from backstory.ports.hooks import OK
from backstory.ports.staleness import Staleness
from backstory.resilience.stepping import hurried
from backstory.transports.edge.deprecating import Uses
from backstory.transports.mcp import answers, calls, extending, failures
from backstory.transports.mcp.answers import View
from backstory.transports.mcp.blocks import TextBlock
from backstory.transports.mcp.callers import Served
from backstory.transports.mcp.tools import schemas

Number = Annotated[int, Meta(ge=0, le=limits.VERSION_MAX)]
"""A version, a seq or an offset."""

ContextName = Annotated[str, Meta(max_length=500, description="namespace/name")]
IdempotencyKey = Annotated[str, Meta(min_length=1, max_length=limits.IDEMPOTENCY_KEY_BYTES)]


class Arguments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every tool's arguments have in common: members beside those named are refused."""


class WriteArguments(Arguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A write can be repeated under the same key and is done once."""

    idempotency_key: IdempotencyKey | UnsetType = UNSET


class Call(msgspec.Struct, frozen=True):
    """One call of a tool: by whom, and with which arguments as they came."""

    served: Served
    principal: Principal
    tool: str
    raw: Mapping[str, Any]

    @property
    def contexts(self) -> Contexts:
        return self.served.contexts

    def again(self, *without: str, **changed: Any) -> View:
        """The arguments of the call that goes on where this one ended."""
        kept = {name: value for name, value in self.raw.items() if name not in without}
        return kept | changed


@dataclass(frozen=True)
class Answer:
    """What a tool answers: JSON, the same in text and as structured content."""

    json: bytes
    code: str = OK  # of the error, where it is one

    def __post_init__(self) -> None:
        if answers.size(self.json) > answers.BYTES:
            raise RuntimeError(f"an answer of {len(self.json)} bytes is over its bound")

    @property
    def error(self) -> bool:
        return self.code != OK

    @cached_property
    def quoted(self) -> bytes:
        """The JSON as a text within JSON."""
        return orjson.dumps(self.json.decode())


A = TypeVar("A", bound=Arguments)
DEPRECATED: Final = "backstory/deprecated"
"""In the `_meta` of a tool: since when, until when, and what to use instead."""
_USES: Final = Uses()


@dataclass(frozen=True, slots=True)
class Tool(Generic[A]):
    """One tool. `verb` is what a caller must be able to do somewhere to be shown it."""

    name: str
    description: str
    arguments: type[A]
    handler: Callable[[Call, A], Awaitable[View | Answer]]
    answer: Mapping[str, Any]
    verb: Verb = Verb.READ
    destructive: bool = False
    idempotent: bool = False
    waits: bool = False  # may take longer than `limits.REQUEST_SECONDS`
    stale: bool = False  # may be answered from a copy while the store is away
    deprecation: Deprecation | None = None  # it goes on for now, and says so
    at_once: bool = False  # mostly waits for nothing

    def definition(self) -> dict[str, Any]:
        """As `tools/list` shows it."""
        reads = self.verb is Verb.READ
        hints: dict[str, Any] = {"readOnlyHint": reads, "openWorldHint": False}
        if not reads:
            hints |= {"destructiveHint": self.destructive, "idempotentHint": self.idempotent}
        view: dict[str, Any] = {
            "name": self.name,
            "description": self.description,
            "inputSchema": schemas.of(self.arguments),
            "outputSchema": schemas.answer(self.answer),
            "annotations": hints,
        }
        gone = self.deprecation
        if gone is not None:
            sunset = {} if gone.sunset is None else {"sunset": gone.sunset.isoformat()}
            told = {"since": gone.since.isoformat(), "instead": gone.instead} | sunset
            view["description"] = f"{gone.sentence} {self.description}"
            view["_meta"] = {DEPRECATED: told}
        return view

    def offered(self, served: Served) -> extending.Tool:
        """The same as what extensions add, so that all tools are served in one way."""

        async def handler(call: calls.Call) -> extending.ToolResult:
            with Staleness(allowed=self.stale and call.takes_copies) as staleness:
                answer = await self.call(served, call.principal, call.arguments)
            text = TextBlock(answer.json.decode())
            return extending.ToolResult(
                (text,), orjson.loads(answer.json), answer.error, answers.age(staleness)
            )

        definition = self.definition()
        return extending.Tool(
            self.name,
            definition["description"],
            handler,
            definition["inputSchema"],
            definition["outputSchema"],
            definition["annotations"],
            verb=self.verb,
            seconds=None,
            meta=definition.get("_meta", {}),
        )

    async def call(self, served: Served, principal: Principal, raw: Mapping[str, Any]) -> Answer:
        """The answer, which is a tool error where the model or the store is at fault.

        Raises:
            ScopeError: the client needs another token, which no model can get.
        """
        if self.deprecation is not None:
            _USES.used(f"the tool {self.name}", self.deprecation, principal)
        try:
            view = await self.done(served, principal, raw)
        except ScopeError:
            raise
        except BackstoryError as error:
            return Answer(orjson.dumps(failures.tool_error(error), default=str), error.code)
        return view if isinstance(view, Answer) else Answer(orjson.dumps(view))

    async def done(
        self, served: Served, principal: Principal, raw: Mapping[str, Any]
    ) -> View | Answer:
        """What it answers; whole where the handler has it ready.

        Raises:
            BackstoryError: the caller, the model or the store is at fault.
        """
        given = {name: value for name, value in raw.items() if value is not None}
        arguments = self._arguments(given)
        work = self.handler(Call(served, principal, self.name, given), arguments)
        if self.waits or hurried():
            return await work
        return await failures.in_time(work, writes=self.verb is not Verb.READ)

    def _arguments(self, given: Mapping[str, Any]) -> A:
        try:
            return msgspec.convert(given, self.arguments)
        except msgspec.ValidationError as error:
            raise failures.bad_argument(error, self.arguments.__struct_fields__) from error


def key_of(text: str) -> ContextKey:
    """The context that an argument names.

    Raises:
        InvalidKeyError: it breaks the rule for names.
    """
    return ContextKey.parse(text.removeprefix("context://"))


def given(value: Any, default: Any = None) -> Any:
    """An optional argument, or its default where it is not given."""
    return default if value is UNSET else value
