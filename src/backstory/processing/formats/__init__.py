"""Message formats: what providers' APIs take and give, to entries and back without loss.

`FORMATS` is the table that callers look formats up in, by the names of the REST interface.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from backstory.domain.messages import Format
from backstory.processing.formats.anthropic import ANTHROPIC
from backstory.processing.formats.gemini import GEMINI
from backstory.processing.formats.openai_chat import OPENAI_CHAT
from backstory.processing.formats.openai_responses import OPENAI_RESPONSES

FORMATS: Final[Mapping[str, Format]] = MappingProxyType(
    {each.name: each for each in (OPENAI_CHAT, OPENAI_RESPONSES, ANTHROPIC, GEMINI)}
)

__all__ = ["FORMATS"]
