"""Appending entries, in whatever form a caller has them."""

from __future__ import annotations

from typing import Any, Final

from backstory.contexts.writing import Intent
from backstory.domain import intake
from backstory.domain.commits import Append, Operation, Result
from backstory.domain.messages import Format
from backstory.domain.policy import Verb
from backstory.errors import (
    KeyReusedError,
    LimitReachedError,
    MalformedError,
    PreconditionError,
    SchemaError,
    TooLargeError,
    UnsupportedMediaError,
    VersionConflictError,
)
from backstory.processing import bodies, messages
from backstory.processing.formats import FORMATS
from backstory.transports.edge import strict_json
from backstory.transports.rest import contexts, media, params, schemas
from backstory.transports.rest.answers import Answer
from backstory.transports.rest.bodies import Sent, shaped, yaml_value
from backstory.transports.rest.call import Call
from backstory.transports.rest.table import Body, Endpoint, Reply
from backstory.transports.rest.writes import replayed, write

PATH: Final = contexts.PATH + "/entries"
TAG: Final = "Entries"
FORMAT: Final = params.choice(
    "format", "The entries are messages in the form of this provider's API.", *FORMATS
)
_USER: Final = "user"


def _role(text: str) -> str:
    if intake.is_word(text):
        return text
    raise ValueError("must be a word of [a-z0-9_-], such as user")


async def append_entries(call: Call) -> Answer:
    """Adds entries behind the last. Appends never conflict, unless a condition asks for it.

    A text is one entry of `role`, JSON Lines hold an entry a line. With `format` the body is
    what that provider's API takes; members that are not the conversation, such as `model` and
    `tools`, are passed over and named in `ignored`.
    """
    form = _form(call)
    sent = await _sent(call, form)
    outcome = await write(call, [Intent(Verb.WRITE, call.key)], sent.build, call.signature)
    result = outcome.results[0]
    view = {"version": result.version} | appended(result)
    if form is not None:
        view["ignored"] = messages.ignored(sent.value, form)
    return call.json(view, version=result.version, extra=replayed(outcome))


def appended(result: Result) -> dict[str, Any]:
    """Where the entries of an append are."""
    return {
        "first_seq": min(result.seqs),
        "last_seq": max(result.seqs),
        "seqs": result.seqs,
        "created": result.appended,
    }


def _form(call: Call) -> Format | None:
    """The provider's format that the body is in.

    Raises:
        MalformedError: a parameter of the query has no meaning for the body's media type.
    """
    named, role = call.query["format"], call.query["role"]
    if named is not None and call.media != media.JSON:
        raise MalformedError(f"format is for bodies of {media.JSON}, not of {call.media}")
    if role is not None and call.media not in media.TEXTS:
        raise MalformedError(f"role is for bodies of {' or '.join(media.TEXTS)}")
    return None if named is None else FORMATS[named]


async def _sent(call: Call, form: Format | None) -> Sent:
    key, content_type = call.key, call.content_type

    def entered(value: Any) -> list[Operation]:
        body = shaped(value, schemas.AppendEntries)
        return [Append(key, intake.entries(body.entries), call.conditions(body.if_version))]

    def spoken(value: Any) -> list[Operation]:
        assert form is not None
        return [Append(key, intake.entries(messages.read(value, form)), call.conditions())]

    def told(body: bytes) -> list[Operation]:
        if call.media in media.LINES:
            return [Append(key, bodies.read_records(body, content_type), call.conditions())]
        role = call.query["role"] or _USER
        return [Append(key, bodies.read_text(body, content_type, role), call.conditions())]

    if form is not None:
        return await Sent.aside(call.body, strict_json.loads, spoken, call.measure)
    if call.media == media.JSON:
        return await Sent.of(call.body, entered, call.measure)
    if call.media == media.YAML:
        return await Sent.aside(call.body, yaml_value(content_type), entered, call.measure)
    return await Sent.aside(call.body, bytes, told, call.measure)


_ENTRIES: Final = {"entries": [{"role": "user", "content": "Where is my order?", "id": "msg-1"}]}
_LINE: Final = '{"role": "user", "content": "Where is my order?"}\n'
_PAGE: Final = "<h1>Orders</h1><p>Order 7 is on its way.</p>"

APPEND: Final = Endpoint(
    method="POST",
    path=PATH,
    handler=append_entries,
    tag=TAG,
    summary="Append entries",
    query=(
        FORMAT,
        params.Param("role", "Who says the text of a body that is one.", _role, schemas.ROLE),
    ),
    bodies=(
        Body(media.JSON, schemas.AppendBody, _ENTRIES),
        Body(media.JSON_LINES, str, _LINE),
        Body(media.NDJSON, str, _LINE),
        Body(media.YAML, schemas.AppendEntries, _ENTRIES),
        Body(media.TEXT, str, "Order 7 is on its way."),
        Body(media.MARKDOWN, str, "# Orders\n\nOrder 7 is on its way.\n"),
        Body(media.HTML, str, _PAGE),
        Body(media.CSV, str, "order,place\n7,Berlin\n"),
    ),
    replies={200: Reply("Where the entries are.", schemas.Appended, etag=True)},
    errors=(
        VersionConflictError,
        LimitReachedError,
        PreconditionError,
        TooLargeError,
        UnsupportedMediaError,
        SchemaError,
        KeyReusedError,
    ),
    writes=True,
    conditional=True,
)
