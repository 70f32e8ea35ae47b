"""Writing over HTTP: idempotency keys, and the answers that writes have in common."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from backstory import limits
from backstory.contexts import views
from backstory.contexts.writing import Build, Intent, Retry
from backstory.domain.commits import Outcome, Result
from backstory.domain.keys import ContextKey
from backstory.errors import GoneError, MalformedError, MissingError
from backstory.transports.edge.answer import Answer
from backstory.transports.rest.call import Call

REPLAYED: Final = (b"idempotency-replayed", b"true")
_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"\Z')
_BARE = re.compile(r"[\x21\x23-\x7e]+\Z")


def idempotency_key(call: Call) -> str | None:
    """The value of `Idempotency-Key`; quotes around it make no difference.

    Raises:
        MalformedError: empty, over `limits.IDEMPOTENCY_KEY_BYTES`, or not printable ASCII.
    """
    text = call.header(b"idempotency-key")
    if text is None:
        return None
    quoted = _QUOTED.match(text)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else text
    if 0 < len(key) <= limits.IDEMPOTENCY_KEY_BYTES and (quoted or _BARE.match(text)):
        return key
    raise MalformedError(
        f"Idempotency-Key must be 1 to {limits.IDEMPOTENCY_KEY_BYTES} characters of printable "
        "ASCII, without spaces or in quotes"
    )


async def write(call: Call, intents: Sequence[Intent], build: Build, body: bytes = b"") -> Outcome:
    """Do it once, however often it is sent with the same idempotency key."""
    return await call.contexts.writer.write(call.principal, intents, build, retry_of(call, body))


def retry_of(call: Call, body: bytes) -> Retry | None:
    """What tells the request from others under the same idempotency key; None without one."""
    key = idempotency_key(call)
    if key is None:
        return None
    scope = call.scope
    path = scope["path"].encode()
    return Retry(key, (scope["method"].encode(), path, scope["query_string"], body))


def replayed(outcome: Outcome) -> tuple[tuple[bytes, bytes], ...]:
    """The header that tells a first answer from one given again."""
    return (REPLAYED,) if outcome.replayed else ()


async def head_answer(
    call: Call, outcome: Outcome, key: ContextKey, *, created: bool | None = None
) -> Answer:
    """The head after a write: 201 with its place where the context is new, else 200.

    `key` is what the request named: a replay tells no names of what was purged since.
    """
    result = outcome.results[0]
    is_new = result.created if created is None else created
    extra = [*replayed(outcome)]
    if is_new:
        extra.append((b"location", f"/v1/contexts/{key}".encode()))
    view = await _head(call, result, key)
    status = 201 if is_new else 200
    return call.json(view, status=status, version=result.version, extra=extra)


async def _head(call: Call, result: Result, key: ContextKey) -> dict[str, Any]:
    """The head that the write made; in a replay it is read back, as far as it is kept."""
    if result.head is not None:
        return views.head(result.head, call.contexts.epoch)
    try:
        view = await call.contexts.reader.view(call.principal, key, result.version)
    except (MissingError, GoneError):
        return {"namespace": key.namespace, "name": key.name, "version": result.version}
    return views.head(view.snapshot.head, call.contexts.epoch)
