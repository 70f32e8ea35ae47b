"""The context managers over a real store in a temporary folder."""

from contextlib import asynccontextmanager

import pytest

from backstory.clock import SystemClock
from backstory.contexts.service import Contexts
from backstory.contexts.writing import Intent
from backstory.domain.commits import Append, Put
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.domain.principals import LOCAL_ADMIN
from backstory.messaging.local import LocalBus
from backstory.processing.ruling import PipelineRules
from backstory.storage.sqlite import open_store

CHAT = ContextKey("users.42", "chat")


@asynccontextmanager
async def opened(path, clock=None, rules=None, summarising=None):
    clock = clock or SystemClock()
    store = await open_store(path, clock=clock)
    bus = LocalBus(store.data_version)
    contexts = Contexts(store, bus, clock, rules or PipelineRules(), summarising=summarising)
    try:
        yield contexts
    finally:
        await contexts.aclose()
        await bus.aclose()
        await store.aclose()


@pytest.fixture
async def contexts(tmp_path):
    async with opened(tmp_path / "store.db") as contexts:
        yield contexts


async def do(contexts, *operations, principal=LOCAL_ADMIN):
    """Commit operations as one, and give the outcome."""
    intents = [Intent(Verb.WRITE, operation.key) for operation in operations]
    return await contexts.writer.write(principal, intents, lambda: operations)


async def create(contexts, key=CHAT, kind="conversation", state=b"{}"):
    return await do(contexts, Put(key, kind, state, (), None))


async def say(contexts, *texts, key=CHAT):
    entries = tuple(NewEntry("user", "message", f'"{text}"'.encode()) for text in texts)
    return await do(contexts, Append(key, entries))
