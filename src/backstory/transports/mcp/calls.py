"""One request, as a handler sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from backstory.contexts.service import Contexts
from backstory.domain.principals import Principal
from backstory.rendering.service import Renderer
from backstory.transports.mcp.answers import View
from backstory.transports.mcp.asks import Ability, Ask


class Line(Protocol):
    """What a handler has of the connection while its call is under way."""

    @property
    def abilities(self) -> frozenset[Ability]:
        """What the client has declared that it can be asked."""
        ...

    async def progress(self, done: float, total: float | None, message: str | None) -> None:
        """Tell how far it is; nothing, where the client did not ask for that."""
        ...

    async def ask(self, asks: Mapping[str, Ask]) -> dict[str, Any]:
        """The client's answers, for those before 2026-07-28."""
        ...


Use = Callable[[str, Mapping[str, Any]], Awaitable[View]]


@dataclass(frozen=True, slots=True)
class Call:
    """One request, as a handler sees it.

    `arguments` are those of a tool or prompt, or the variables of a template; `answers` are
    what the client said to the asks of the last `InputRequired`, by the same names, and
    `state` is what that kept. Both come from outside: look before you believe.
    """

    principal: Principal
    contexts: Contexts
    renderer: Renderer
    line: Line
    uses: Use
    arguments: Mapping[str, Any] = field(default_factory=dict)
    answers: Mapping[str, Any] = field(default_factory=dict)
    state: Any = None
    uri: str = ""  # of the resource that is read
    takes_copies: bool = True  # rather than no answer, while the store is away

    async def progress(
        self, done: float, total: float | None = None, message: str | None = None
    ) -> None:
        """Tell the client how far it is, where it asked for that."""
        await self.line.progress(done, total, message)

    def can_ask(self, ask: Ask) -> bool:
        """Whether the client has declared that it can be asked this."""
        return ask.ability in self.line.abilities

    def accepted(self, name: str) -> Mapping[str, Any] | None:
        """What the user filled in; None where the form was declined, or not answered yet."""
        answer = self.answers.get(name)
        if not isinstance(answer, Mapping) or answer.get("action") != "accept":
            return None
        return answer.get("content") or {}

    async def use(self, tool: str, **arguments: Any) -> View:
        """What one of Backstory's own tools answers, called as the caller.

        Raises:
            BackstoryError: what the tool fails with.
        """
        return await self.uses(tool, arguments)
