"""The log of a server, as the settings want it. Standard error, so that standard output stays free."""

from __future__ import annotations

from backstory.config import Settings
from backstory.observability.logs.setup import Log
from backstory.observability.logs.setup import configure as set_up


def configure(settings: Settings) -> Log:
    """All log lines of the process, those of libraries from warnings on."""
    return set_up(as_json=settings.log_format == "json", level=settings.log_level)
