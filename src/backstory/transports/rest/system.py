"""Who calls, and how the server fares."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from backstory import __version__, limits
from backstory.domain import policy
from backstory.errors import BackstoryError, MissingError, StoreUnavailableError
from backstory.transports.rest import params, schemas
from backstory.transports.rest.answers import NO_STORE, Answer, encode
from backstory.transports.rest.call import Call
from backstory.transports.rest.table import Endpoint, Reply


async def whoami(call: Call) -> Answer:
    """Who calls, and what the caller may do."""
    principal = call.principal
    view = {
        "tenant": principal.tenant,
        "subject": principal.subject,
        "client": principal.client,
        "trust": principal.trust.word,
        "roles": sorted(principal.roles),
        "scopes": None if principal.scopes is None else sorted(principal.scopes),
        "rights": [
            {"verb": p.verb.value, "namespace": str(p.pattern), "reserved": p.reserved}
            for p in policy.permissions(principal)
        ],
    }
    return call.json(view)


async def livez(call: Call) -> Answer:
    """Whether the process runs; a probe that fails means: start it anew."""
    del call
    return _plain(200, {"status": "ok"})


async def readyz(call: Call) -> Answer:
    """Whether requests should be sent here: not at the start, at drain, or without the store.

    `allow=stale` asks whether reads that may be stale can be served; without a copy of what
    the store holds they cannot, so it changes nothing yet.
    """
    if call.contexts.hub.leaving:
        return _plain(503, {"status": "draining"})
    failure = await _store_failure(call)
    if failure is not None:
        return _plain(503, {"status": "failed", "detail": failure.detail})
    return _plain(200, {"status": "ok"})


async def healthz(call: Call) -> Answer:
    """How each part of the server fares, for people and dashboards."""
    failure = await _store_failure(call)
    store: dict[str, Any] = {"status": "ok"}
    if failure is not None:
        store = {"status": "failed", "detail": failure.detail, "code": failure.code}
    status = store["status"] if not call.contexts.hub.leaving else "draining"
    view = {
        "status": status,
        "version": __version__,
        "epoch": call.contexts.epoch,
        "checks": {"store": store},
    }
    return _plain(200 if status == "ok" else 503, view)


async def metrics(call: Call) -> Answer:
    """What was counted since the start, of all workers, for Prometheus to scrape."""
    if call.metrics is None:
        raise MissingError("nothing is counted; set --metrics")
    media, page = await asyncio.to_thread(call.metrics)
    return Answer(200, page, NO_STORE, media.encode())


async def _store_failure(call: Call) -> BackstoryError | None:
    try:
        async with asyncio.timeout(limits.CHECK_SECONDS):
            await call.contexts.store.check()
    except BackstoryError as error:
        return error
    except TimeoutError:
        return StoreUnavailableError(f"the store did not answer in {limits.CHECK_SECONDS:g} s")
    return None


def _plain(status: int, view: dict[str, Any]) -> Answer:
    extra = [*NO_STORE, (b"retry-after", b"1")] if status == 503 else NO_STORE
    return Answer(status, encode(view), extra)


def _probe(path: str, handler: Any, summary: str, shape: Any, **more: Any) -> Endpoint:
    return Endpoint(
        method="GET",
        path=path,
        handler=handler,
        tag="Operations",
        summary=summary,
        replies={200: Reply("It does.", shape), 503: Reply("It does not.", shape)},
        probe=True,
        **more,
    )


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/whoami",
        handler=whoami,
        tag="Callers",
        summary="Who am I",
        replies={200: Reply("The caller.", schemas.Whoami)},
    ),
    _probe("/livez", livez, "Does the process run", schemas.Status),
    _probe(
        "/readyz",
        readyz,
        "Does it take requests",
        schemas.Status,
        query=(params.choice("allow", "Stale reads will do.", "stale"),),
    ),
    _probe("/healthz", healthz, "How does each part fare", schemas.Health),
    Endpoint(
        method="GET",
        path="/metrics",
        handler=metrics,
        tag="Operations",
        summary="What was counted",
        replies={200: Reply("Metrics in Prometheus' text format.", str, media="text/plain")},
        errors=(MissingError,),
        probe=True,
    ),
)
