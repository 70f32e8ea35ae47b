"""A process acts on what it saw of kinds last, and never keeps what it saw to be wrong."""

import orjson
import pytest

from backstory import limits
from backstory.domain.commits import Append, Conditions, Delete, Put
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.principals import LOCAL_ADMIN
from backstory.errors import KindConflictError, MissingError, SchemaError
from contexts.conftest import CHAT, create, do, opened, say

KEY = ContextKey("sales", "acme")


@pytest.fixture
async def two(tmp_path):
    """Two processes on one file."""
    async with opened(tmp_path / "s.db") as one, opened(tmp_path / "s.db") as other:
        yield one, other


async def register(contexts, schema):
    body = {"schema": schema, "compatibility": "none"}
    await contexts.kinds.register(LOCAL_ADMIN, "deal", lambda: body, Conditions())


def put(**state):
    return Put(KEY, "deal", orjson.dumps(state), (), None)


async def test_an_append_reads_nothing_once_its_context_is_known(contexts, monkeypatch):
    await create(contexts)
    await say(contexts, "one")

    async def snapshot(*_):
        raise AssertionError("the context was read")

    monkeypatch.setattr(contexts.store, "snapshot", snapshot)
    outcome = await say(contexts, "two")
    assert outcome.results[0].seqs == (2,)


async def test_what_another_process_has_forbidden_is_refused(two):
    one, other = two
    await register(one, {"properties": {"n": {"const": 1}}})
    await do(one, put(n=1))
    await register(other, {"properties": {"n": {"const": 2}}})
    with pytest.raises(SchemaError):
        await do(one, put(n=1))


async def test_what_another_process_has_allowed_is_accepted(two):
    one, other = two
    await register(one, {"properties": {"n": {"const": 1}}})
    await do(one, put(n=1))
    await register(other, {"properties": {"n": {"const": 2}}})
    outcome = await do(one, put(n=2))
    assert outcome.results[0].head.schema_version == 2


async def test_a_context_that_came_back_as_another_kind_is_ruled_by_that(two):
    one, other = two
    await register(one, {"required": ["n"]})
    await do(one, Put(KEY, "session", b"{}", (), None))
    await do(other, Delete(KEY))
    await do(other, put(n=1))
    with pytest.raises(KindConflictError):
        await do(one, Put(KEY, "session", b"{}", (), None))
    with pytest.raises(SchemaError):
        await do(one, put(m=1))
    outcome = await do(one, Append(KEY, (NewEntry("user", "message", b'"hi"'),)))
    assert outcome.results[0].head.kind == "deal"


async def test_a_context_that_another_process_deleted_is_missing(two):
    one, other = two
    await create(one)
    await say(one, "hello")
    await do(other, Delete(CHAT))
    with pytest.raises(MissingError):
        await say(one, "are you there?")


async def test_beliefs_are_bounded(contexts, monkeypatch):
    monkeypatch.setattr(limits, "CONTEXT_KINDS_BELIEVED", 3)
    for number in range(10):
        key = ContextKey("users.42", f"chat-{number}")
        await create(contexts, key)
        await say(contexts, "hello", key=key)
        await say(contexts, "again", key=key)
    known = [
        contexts.ruler.beliefs.kind("default", ContextKey("users.42", f"chat-{n}"))
        for n in range(10)
    ]
    assert 0 < sum(kind is not None for kind in known) <= 3
