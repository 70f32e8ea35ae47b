"""Reads what a format makes of values, for its tests."""

import io
import json

import orjson

from backstory.processing.conversations import Bad
from backstory.processing.sources import SOURCES, read


def items(source, *values, name="chats.jsonl"):
    data = "\n".join(v if isinstance(v, str) else json.dumps(v) for v in values).encode()
    return list(read(SOURCES[source], io.BytesIO(data), name))


def one(source, value, name="chats.jsonl"):
    (item,) = items(source, value, name=name)
    assert not isinstance(item, Bad), item.reason
    return item


def shown(conversation):
    """(role, content) of each entry."""
    return [(entry.role, orjson.loads(entry.content)) for entry in conversation.entries]


def metadata(conversation):
    return [orjson.loads(entry.metadata or b"{}") for entry in conversation.entries]


def state(conversation):
    return orjson.loads(conversation.state)


def reason(source, value, name="chats.jsonl"):
    (item,) = items(source, value, name=name)
    assert isinstance(item, Bad)
    return item.reason
