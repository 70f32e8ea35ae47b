"""The prompts that are always there: windows on contexts, as much as an answer holds, as data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

from backstory.domain import kinds
from backstory.domain.keys import ContextKey
from backstory.transports.mcp import names, rendered
from backstory.transports.mcp.blocks import TextBlock
from backstory.transports.mcp.extending import Argument, Call, Message, Prompt
from backstory.transports.mcp.fitting import fitted


async def _conversation(call: Call) -> list[Message]:
    """Summaries and the newest entries that fit, in one message that says what it is."""
    key = ContextKey.parse(call.arguments["context"])
    return _said(await rendered.conversation(_fit(call), key))


async def _preferences(call: Call) -> list[Message]:
    """Preferences, and behind them a conversation, in one message that says what it is."""
    spoken = call.arguments.get("conversation")
    named = None if spoken is None else ContextKey.parse(spoken)
    key = ContextKey.parse(call.arguments["context"])
    return _said(await rendered.preferences(_fit(call), key, named))


def _fit(call: Call) -> rendered.Fit:
    return partial(fitted, call.renderer, call.principal)


def _said(text: str) -> list[Message]:
    return [Message("user", TextBlock(text))]


def _of_kind(kind: str) -> Callable[[Call, str], Awaitable[Sequence[str]]]:
    async def complete(call: Call, typed: str) -> Sequence[str]:
        return await names.whole(call.contexts, call.principal, typed, kind)

    return complete


BUILT_IN: Final = (
    Prompt(
        "continue_conversation",
        "Go on with a stored conversation: what sums it up, and its newest messages.",
        _conversation,
        [
            Argument(
                "context",
                "The conversation, as namespace/name",
                required=True,
                complete=_of_kind(kinds.CONVERSATION),
            )
        ],
    ),
    Prompt(
        "with_preferences",
        "Answer with stored preferences in mind.",
        _preferences,
        [
            Argument(
                "context",
                "The preferences, as namespace/name",
                required=True,
                complete=_of_kind(kinds.PREFERENCES),
            ),
            Argument(
                "conversation",
                "A conversation to go on with, if any",
                complete=_of_kind(kinds.CONVERSATION),
            ),
        ],
    ),
)
