"""TLS for uvicorn: the same context in one process as in each of many."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import partial
from typing import Any

import uvicorn

from backstory.config import Settings
from backstory.security.tls import TlsOptions, server_context, warn
from backstory.wiring import tls_options


def tls_arguments(settings: Settings) -> dict[str, Any]:
    """What uvicorn has to know; nothing where the server speaks plain HTTP.

    Raises:
        ConfigError: as `server_context`; what is wrong with the files is told before any
            worker is started.
    """
    options = tls_options(settings)
    if options is None:
        return {}
    server_context(options)
    return {"ssl_context_factory": partial(_context, options)}


def _context(
    options: TlsOptions, _config: uvicorn.Config, _default: Callable[[], ssl.SSLContext]
) -> ssl.SSLContext:
    context = server_context(options)
    warn(context.certificate)
    return context
