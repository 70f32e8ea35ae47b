"""Appending entries, in whatever form a caller has them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from backstory.contexts.writing import Intent
from backstory.domain import intake
from backstory.domain.commits import Append, Operation, Result
from backstory.domain.keys import ContextKey
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
from backstory.processing.accepted import Accepted
from backstory.processing.parsers.results import Records, Table, Text, Value
from backstory.transports.edge import strict_json
from backstory.transports.edge.answer import Answer
from backstory.transports.rest import contexts, media, params, schemas
from backstory.transports.rest.bodies import Sent, shaped
from backstory.transports.rest.call import Call
from backstory.transports.rest.table import Body, Endpoint, Reply
from backstory.transports.rest.writes import replayed, write

PATH: Final = contexts.PATH + "/entries"
TAG: Final = "Entries"
_USER: Final = "user"
_ONE_TEXT: Final = (Text, Table)  # what becomes one entry, of the role that is asked for


def _role(text: str) -> str:
    if intake.is_word(text):
        return text
    raise ValueError("must be a word of [a-z0-9_-], such as user")


async def append_entries(call: Call) -> Answer:
    """Adds entries behind the last. Appends never conflict, unless a condition asks for it.

    A text is one entry of `role`, JSON Lines hold an entry a line. With `format`, or with the
    media type of one, the body is what that provider's API takes; members that are not the conversation, such as `model` and
    `tools`, are passed over and named in `ignored`.
    """
    form, key = _form(call), call.key
    sent = await _sent(call, key, form)
    outcome = await write(call, [Intent(Verb.WRITE, key)], sent.build, call.signature)
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
    if role is not None and not _is_one_text(call):
        texts = (*media.TEXTS, *call.served.accepted.added(*_ONE_TEXT))
        raise MalformedError(f"role is for bodies of {' or '.join(texts)}")
    if named is not None:
        return call.served.accepted.formats[named]
    return None if call.media == media.JSON else call.served.accepted.format_of(call.media)


def _is_one_text(call: Call) -> bool:
    parser = call.served.accepted.parsers.get(call.media)
    return parser is not None and parser.result in _ONE_TEXT


async def _sent(call: Call, key: ContextKey, form: Format | None) -> Sent:
    content_type, known = call.content_type, call.served.accepted.parsers

    def entered(value: Any) -> list[Operation]:
        body = shaped(value, schemas.AppendEntries)
        return [Append(key, intake.entries(body.entries), call.conditions(body.if_version))]

    def spoken(value: Any) -> list[Operation]:
        assert form is not None
        return [Append(key, intake.entries(messages.read(value, form)), call.conditions())]

    def told(body: bytes) -> list[Operation]:
        if known[call.media].result is Records:
            entries = bodies.read_records(body, content_type, known)
        else:
            role = call.query["role"] or _USER
            entries = bodies.read_text(body, content_type, role, known)
        return [Append(key, entries, call.conditions())]

    if form is not None:
        return await Sent.aside(call.body, strict_json.loads, spoken, call.measure)
    if call.media == media.JSON:
        return await Sent.of(call.body, entered, call.measure)
    if known[call.media].result is Value:
        return await Sent.aside(call.body, call.read_value, entered, call.measure)
    return await Sent.aside(call.body, bytes, told, call.measure)


_ENTRIES: Final = {"entries": [{"role": "user", "content": "Where is my order?", "id": "msg-1"}]}
_SAID: Final = [{"role": "user", "content": "Where is my order?"}]
_LINE: Final = '{"role": "user", "content": "Where is my order?"}\n'
_PAGE: Final = "<h1>Orders</h1><p>Order 7 is on its way.</p>"

_APPEND: Final = Endpoint(
    method="POST",
    path=PATH,
    handler=append_entries,
    tag=TAG,
    summary="Append entries",
    bodies=(
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
    hot=True,
)


def endpoint(accepted: Accepted) -> Endpoint:
    """The row, with the formats that there are and the media types that extensions add."""
    about = "The entries are messages in the form of this provider's API."
    role = params.Param("role", "Who says the text of a body that is one.", _role, schemas.ROLE)
    values = (Body(each, schemas.AppendEntries) for each in accepted.added(Value))
    others = (Body(each, str) for each in accepted.added(Records, *_ONE_TEXT))
    formats = accepted.formats.values()
    entries = Body(media.JSON, schemas.append_body(formats), _ENTRIES)
    requests = (
        Body(form.media_type, schemas.messages_of(form), form.render(_SAID).payload)
        for form in formats
    )
    return replace(
        _APPEND,
        query=(params.choice("format", about, *accepted.formats), role),
        bodies=(entries, *_APPEND.bodies, *requests, *values, *others),
    )
