"""The one table of endpoints: it gives the routes and the OpenAPI document."""

from __future__ import annotations

from typing import Final

from backstory.transports.rest import (
    changes,
    commits,
    content,
    content_chunks,
    contexts,
    entries,
    history,
    kinds,
    render,
    search,
    summaries,
    system,
)
from backstory.transports.rest.table import Endpoint

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *contexts.ENDPOINTS,
    *entries.ENDPOINTS,
    *summaries.ENDPOINTS,
    *content.ENDPOINTS,
    *content_chunks.ENDPOINTS,
    *history.ENDPOINTS,
    *commits.ENDPOINTS,
    *changes.ENDPOINTS,
    *render.ENDPOINTS,
    *search.ENDPOINTS,
    *kinds.ENDPOINTS,
    *system.ENDPOINTS,
)
