"""Where log lines go, and how they look. Standard error, so that standard output stays free."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any, Final

from backstory import clock
from backstory.config import Settings

_QUIET: Final = ("uvicorn.access", "mcp", "asyncio", "httpx", "httpcore")
_OURS_TO_TELL: Final = ("asyncpg",)
"""Failures that we translate and tell of ourselves, once, which drivers log again and again."""
_OWN: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "color_message"}


class JsonFormatter(logging.Formatter):
    """One JSON object a line; what was passed as `extra` stands beside the message."""

    def format(self, record: logging.LogRecord) -> str:
        members: dict[str, Any] = {
            "at": clock.to_text(int(record.created * clock.SECOND)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        members |= {name: value for name, value in vars(record).items() if name not in _OWN}
        if record.exc_info:
            members["exception"] = self.formatException(record.exc_info)
        return json.dumps(members, default=str)


def configure(settings: Settings) -> None:
    """All log lines of the process, those of libraries from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    if settings.log_format == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(levelname)-7s %(name)s: %(message)s"))
    level = settings.log_level.upper()
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.getLevelName(level), logging.WARNING))
    for name in _OURS_TO_TELL:
        logging.getLogger(name).setLevel(logging.CRITICAL)
