"""The built-in prompts: windows on contexts, as much as an answer holds, marked as data."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from backstory.domain.keys import ContextKey
from backstory.domain.principals import Principal
from backstory.transports.mcp import rendered
from backstory.transports.mcp.answers import View
from backstory.transports.mcp.callers import Served
from backstory.transports.mcp.fitting import fitted


async def conversation(
    served: Served, principal: Principal, given: Mapping[str, str]
) -> list[View]:
    """Summaries and the newest entries that fit, in one message that says what it is."""
    fit = partial(fitted, served, principal)
    return [await rendered.conversation(fit, _said, ContextKey.parse(given["context"]))]


async def preferences(served: Served, principal: Principal, given: Mapping[str, str]) -> list[View]:
    """Preferences, and behind them a conversation, in one message that says what it is."""
    fit = partial(fitted, served, principal)
    spoken = given.get("conversation")
    named = None if spoken is None else ContextKey.parse(spoken)
    return [await rendered.preferences(fit, _said, ContextKey.parse(given["context"]), named)]


def _said(text: str) -> View:
    return {"role": "user", "content": {"type": "text", "text": text}}
