"""Summaries: entries that stand in for many."""

from __future__ import annotations

from typing import Final

from backstory.contexts.summaries.asking import Summarised, Wish
from backstory.errors import (
    KeyReusedError,
    LimitReachedError,
    PreconditionError,
    SchemaError,
    SummariserError,
    TooLargeError,
    UnsupportedMediaError,
    VersionConflictError,
)
from backstory.transports.edge import strict_json
from backstory.transports.edge.answer import Answer
from backstory.transports.rest import contexts, media, schemas
from backstory.transports.rest.appending import TAG
from backstory.transports.rest.bodies import shaped
from backstory.transports.rest.call import Call
from backstory.transports.rest.table import Body, Endpoint, Reply
from backstory.transports.rest.writes import REPLAYED, retry_of


async def summarise_context(call: Call) -> Answer:
    """Has one entry made that stands in for all that no summary covers yet.

    The newest entries stay as they are (`keep`), or all behind a seq (`through`). Where a model
    makes summaries, this takes as long as it is given; where it fails, the sentences that say
    most are taken instead, and `fallback` says why.
    """
    body = shaped(await strict_json.loads_aside(call.body), schemas.Summarise)
    default = Wish()
    wish = Wish(body.keep, body.tokens or default.tokens, body.through)
    retry = retry_of(call, call.signature)
    done = await call.contexts.summaries.summarise(
        call.principal, call.key, wish, retry, call.conditions()
    )
    extra = (REPLAYED,) if done.replayed else ()
    status = 200 if done.seq is None else 201
    return call.json(_view(done), status=status, version=done.version, extra=extra)


def _view(done: Summarised) -> dict[str, object]:
    return {
        "version": done.version,
        "seq": done.seq,
        "covers": done.covers,
        "summariser": done.summariser,
        "fallback": done.fallback,
        "more": done.more,
    }


SUMMARISE: Final = Endpoint(
    method="POST",
    path=contexts.PATH + "/summaries",
    handler=summarise_context,
    tag=TAG,
    summary="Summarise entries",
    bodies=(Body(media.JSON, schemas.Summarise, {"keep": 20, "tokens": 500}),),
    replies={
        200: Reply("There is nothing to cover; all is null.", schemas.Summarised, etag=True),
        201: Reply("Where the summary is, and what it covers.", schemas.Summarised, etag=True),
    },
    errors=(
        VersionConflictError,
        LimitReachedError,
        PreconditionError,
        SummariserError,
        TooLargeError,
        UnsupportedMediaError,
        SchemaError,
        KeyReusedError,
    ),
    writes=True,
    conditional=True,
    waits=True,
)

ENDPOINTS: Final = (SUMMARISE,)
