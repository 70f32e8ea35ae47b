"""Search over states and entries."""

from __future__ import annotations

from typing import Final

from backstory.contexts import views
from backstory.contexts.searching import Wanted
from backstory.domain.keys import NamespacePattern
from backstory.domain.kinds import check_kind
from backstory.errors import (
    InvalidCursorError,
    InvalidKeyError,
    SchemaError,
    TooLargeError,
    UnknownKindError,
    UnsupportedMediaError,
    Violation,
)
from backstory.transports.edge import strict_json
from backstory.transports.edge.answer import Answer
from backstory.transports.rest import media, schemas
from backstory.transports.rest.bodies import shaped
from backstory.transports.rest.call import Call
from backstory.transports.rest.table import Body, Endpoint, Reply


async def search_contexts(call: Call) -> Answer:
    """Full text and labels, the best hit first, among what the caller may read."""
    body = shaped(await strict_json.loads_aside(call.body), schemas.SearchText)
    wanted = Wanted(
        body.query,
        _pattern(body.namespace),
        None if body.kind is None else check_kind(body.kind),
        body.label,
    )
    await call.contexts.kinds.require(call.principal, wanted.kind)
    page = await call.contexts.searcher.search(call.principal, wanted, body.cursor, body.limit)
    return call.json(views.page([views.found(item) for item in page.items], page.next))


def _pattern(text: str | None) -> NamespacePattern | None:
    if text is None:
        return None
    try:
        return NamespacePattern.parse(text)
    except InvalidKeyError as error:
        violation = Violation("/namespace", error.detail)
        raise InvalidKeyError(error.detail, errors=(violation,)) from error


SEARCH: Final = Endpoint(
    method="POST",
    path="/v1/search",
    handler=search_contexts,
    tag="Search",
    summary="Search states and entries",
    bodies=(
        Body(
            media.JSON,
            schemas.SearchText,
            {"query": 'refund "order 1017"', "namespace": "users.42.*", "limit": 10},
        ),
    ),
    replies={200: Reply("A page of hits.", schemas.FoundPage)},
    errors=(
        InvalidCursorError,
        TooLargeError,
        UnsupportedMediaError,
        SchemaError,
        UnknownKindError,
    ),
)

ENDPOINTS: Final = (SEARCH,)
