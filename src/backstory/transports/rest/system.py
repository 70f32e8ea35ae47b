"""Who calls, and how the server fares."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from backstory import __version__, limits
from backstory.clock import to_text
from backstory.domain import explaining, policy
from backstory.domain.keys import check_namespace
from backstory.domain.permissions import Verb
from backstory.errors import BackstoryError, DeniedError, MalformedError, MissingError
from backstory.ports.staleness import Staleness
from backstory.resilience.checking import Seen
from backstory.transports.edge.answer import Answer
from backstory.transports.rest import params, schemas
from backstory.transports.rest.answers import NO_STORE, encode
from backstory.transports.rest.call import Call
from backstory.transports.rest.params import Param
from backstory.transports.rest.table import Endpoint, Reply


async def whoami(call: Call) -> Answer:
    """Who calls, and what the caller may do; with `verb` and `namespace`, why or why not."""
    principal = call.principal
    view: dict[str, Any] = {
        "tenant": principal.tenant,
        "subject": principal.subject,
        "client": principal.client,
        "trust": principal.trust.word,
        "roles": sorted(principal.roles),
        "scopes": None if principal.scopes is None else sorted(principal.scopes),
        "operator": principal.operator,
        "expires_at": None if principal.expires_at is None else to_text(principal.expires_at),
        "rights": [
            {"verb": p.verb.value, "namespace": str(p.pattern), "reserved": p.reserved}
            for p in policy.permissions(principal)
        ],
        "groups": sorted(principal.groups),
        "bound": explaining.bound(principal),
        "denials": explaining.views(policy.denied(principal)),
    }
    verb, namespace = call.query["verb"], call.query["namespace"]
    if (verb is None) != (namespace is None):
        raise MalformedError("verb and namespace are asked for together")
    if verb is not None:
        view["decision"] = explaining.explain(principal, Verb(verb), namespace).view()
    return call.json(view)


async def usage(call: Call) -> Answer:
    """What the caller's tenant keeps, and may keep; `null` is not bounded. Reserved names count as bytes.

    Bytes are those of states, of what is kept of past ones, of entries and of content, as stored.
    """
    return call.json(await call.contexts.quotas.usage(call.principal))


async def livez(call: Call) -> Answer:
    """Whether the process runs; a probe that fails means: start it anew."""
    del call
    return _plain(200, {"status": "ok"})


async def readyz(call: Call) -> Answer:
    """Whether requests should be sent here: not at the start, at drain, or without the store.

    With `allow=stale` it is enough that reads can be answered from copies, which is told by the
    status `stale`.
    """
    if call.contexts.hub.leaving:
        return _plain(503, {"status": "draining"})
    for seen in (await call.contexts.checks.seen()).values():
        # Who is busy is there: without this node, the others would be busier still.
        if seen.dependency.needed and seen.failure is not None and not seen.busy:
            if call.query["allow"] == "stale" and await _has_copies(call):
                return _plain(200, {"status": "stale"})
            told = {"detail": seen.failure.detail} if call.principal.operator else {}
            return _plain(503, {"status": "failed"} | told)
    return _plain(200, {"status": "ok"})


async def _has_copies(call: Call) -> bool:
    """Whether the store has something to answer from while it is away."""
    try:
        with Staleness() as staleness:
            async with asyncio.timeout(limits.CHECK_SECONDS):
                await call.contexts.store.check()
    except (BackstoryError, TimeoutError):
        return False
    return staleness.seconds is not None


async def healthz(call: Call) -> Answer:
    """How each part of the server fares: for operators, where tokens are asked for."""
    contexts = call.contexts
    known, around = await asyncio.gather(contexts.checks.seen(), contexts.surroundings.seen())
    found = {**known, **around}
    status = _status(found.values())
    if call.contexts.hub.leaving:
        status = "draining"
    code = 200 if status in ("ok", "degraded") else 503
    if not call.principal.operator:
        return _plain(code, {"status": status})
    view = {
        "status": status,
        "version": __version__,
        "epoch": call.contexts.epoch,
        "checks": {name: _check(seen) for name, seen in found.items()},
    }
    return _plain(code, view)


async def metrics(call: Call) -> Answer:
    """What was counted since the start, of all workers, for Prometheus to scrape."""
    if not call.principal.operator:
        raise DeniedError("metrics are for operators; `operators` of the settings names them")
    if call.served.metrics is None:
        raise MissingError("nothing is counted; set --metrics")
    media, page = await asyncio.to_thread(call.served.metrics)
    return Answer(200, page, NO_STORE, media.encode())


def _status(found: Iterable[Seen]) -> str:
    """The worst of them: what is needed failed, something else did or is busy, or nothing."""
    troubled = [seen for seen in found if seen.status in ("busy", "failed")]
    if any(seen.dependency.needed and not seen.busy for seen in troubled):
        return "failed"
    return "degraded" if troubled else "ok"


def _check(seen: Seen) -> dict[str, Any]:
    view: dict[str, Any] = {"status": seen.status, "milliseconds": round(seen.seconds * 1000, 3)}
    if seen.breaker is not None:
        view["breaker"] = seen.breaker.value
    if seen.detail is not None:
        view["detail"] = seen.detail
    if seen.failure is not None:
        view["code"] = seen.failure.code
    if seen.facts:
        view["facts"] = dict(seen.facts)
    return view


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
        query=(
            params.choice("verb", "Whether this may be done, and why.", *Verb),
            Param(
                "namespace",
                "The namespace in which it would be done.",
                check_namespace,
                {
                    "type": "string",
                    "pattern": f"^{schemas.NAMESPACE_PATTERN}$",
                    "maxLength": limits.NAMESPACE_BYTES,
                },
            ),
        ),
        replies={200: Reply("The caller.", schemas.Whoami)},
    ),
    Endpoint(
        method="GET",
        path="/v1/usage",
        handler=usage,
        tag="Callers",
        summary="What does the tenant keep",
        replies={200: Reply("What it keeps, and may keep.", schemas.Usage)},
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
        errors=(DeniedError, MissingError),
        probe=True,
    ),
)
