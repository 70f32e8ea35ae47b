"""The one table of endpoints: it gives the routes and the OpenAPI document.

What extensions add to it are media types and message formats, never an endpoint.
"""

from __future__ import annotations

from typing import Final

from backstory.processing.accepted import BUILT_IN, Accepted
from backstory.transports.rest import (
    audit,
    bindings,
    changes,
    commits,
    content,
    content_chunks,
    contexts,
    entries,
    history,
    insights,
    kinds,
    log_level,
    render,
    roles,
    search,
    subjects,
    summaries,
    system,
)
from backstory.transports.rest.table import Endpoint


def endpoints(accepted: Accepted) -> tuple[Endpoint, ...]:
    """All rows, for what a server accepts."""
    return (
        *contexts.endpoints(accepted),
        *entries.endpoints(accepted),
        *summaries.ENDPOINTS,
        *content.ENDPOINTS,
        *content_chunks.ENDPOINTS,
        *history.ENDPOINTS,
        *commits.ENDPOINTS,
        *changes.ENDPOINTS,
        *render.ENDPOINTS,
        *search.ENDPOINTS,
        *subjects.ENDPOINTS,
        *kinds.ENDPOINTS,
        *audit.ENDPOINTS,
        *insights.ENDPOINTS,
        *log_level.ENDPOINTS,
        *roles.ENDPOINTS,
        *bindings.ENDPOINTS,
        *system.ENDPOINTS,
    )


ENDPOINTS: Final = endpoints(BUILT_IN)
"""The rows of a server without extensions."""
