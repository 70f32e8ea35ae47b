"""A provider's messages at the door: taken out of a whole request, put out for a page of entries.

Callers send what they send to their provider, so a request may say how a model is to be
called; that is no conversation, is passed over, and named to the caller.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from backstory.domain.entries import Entry
from backstory.domain.intake import wrong
from backstory.domain.messages import Entry as Sent
from backstory.domain.messages import Format, Loss
from backstory.domain.pointers import escape
from backstory.processing.formats.alone import read_alone
from backstory.processing.formats.shapes import as_object


def ignored(request: Any, form: Format) -> list[str]:
    """The members of a request that are no part of the conversation, in order."""
    return sorted(set(request) - set(form.members)) if isinstance(request, dict) else []


def read(request: Any, form: Format) -> list[Sent]:
    """The entries of a provider's request, of which there must be some.

    Raises:
        SchemaError: as `parsed`, or it holds no message.
    """
    entries = parsed(request, form)
    if not entries:
        raise wrong(f"/{form.members[0]}", "holds no message")
    return entries


def parsed(request: Any, form: Format) -> list[Sent]:
    """The entries of a provider's request.

    Raises:
        SchemaError: it is not what the provider's API takes, or has a member of the
            conversation in another spelling, which would be passed over in silence.
    """
    found = as_object(request, "")
    spelled = {_plain(name): name for name in form.members}
    for name in ignored(found, form):
        if _plain(name) in spelled:
            raise wrong(f"/{escape(name)}", f"is spelled {spelled[_plain(name)]} here")
    optional = form.members[1:]
    conversation = {
        name: value
        for name, value in found.items()
        if name in form.members and not (name in optional and value is None)
    }
    return form.parse(conversation)


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


@dataclass(frozen=True, slots=True)
class Written:
    """A page of entries as a provider's messages; each loss with the seq of its entry."""

    input: dict[str, Any]
    losses: tuple[tuple[int, Loss], ...]


def write(entries: Sequence[Entry], form: Format) -> Written:
    """The messages for entries, with what of these they do not carry."""
    rendered = form.render([_known(entry) for entry in entries])
    seqs = [entry.seq for entry in entries]
    return Written(rendered.payload, tuple(_placed(rendered.losses, seqs)))


def _placed(losses: Iterable[Loss], seqs: Sequence[int]) -> Iterable[tuple[int, Loss]]:
    for loss in losses:
        index, slash, place = loss.pointer.removeprefix("/").partition("/")
        yield seqs[int(index)], Loss(f"{slash}{place}", loss.detail, loss.dropped)


def _known(entry: Entry) -> Mapping[str, Any]:
    """The entry with parts that formats know; what nobody knows is one that no provider sees."""
    content = orjson.loads(entry.content)
    if isinstance(content, list):
        content = [read_alone(part) for part in content]
    metadata = {} if entry.metadata is None else orjson.loads(entry.metadata)
    return {"role": entry.role, "type": entry.type, "content": content, "metadata": metadata}
