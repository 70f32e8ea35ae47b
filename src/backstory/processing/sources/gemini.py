"""Gemini: requests with contents, alone or as lines of a batch."""

from __future__ import annotations

from typing import Final

from backstory.processing.formats.gemini import GEMINI
from backstory.processing.sources.requests import Requests

REQUESTS: Final = Requests(GEMINI, ("key", "request"))
