"""A summariser that says what a test wants, and summaries as they lie in a context."""

import orjson

from backstory.domain.principals import LOCAL_ADMIN
from backstory.ports.store import EntryQuery
from backstory.ports.summariser import Made, Summarising
from backstory.rendering.counters import COUNTERS
from backstory.summarising.extractive import Extractive

COUNT = COUNTERS["o200k_base"].count


class Scripted:
    """Answers `text`, after `meanwhile` was awaited; remembers what it was asked."""

    def __init__(self, text="in short", meanwhile=None, fallback=None):
        self.text, self.meanwhile, self.fallback = text, meanwhile, fallback
        self.asked = []

    async def summarise(self, turns, tokens):
        self.asked.append(([(turn.role, turn.text) for turn in turns], tokens))
        if self.meanwhile is not None:
            await self.meanwhile()
        return Made(self.text, "test:scripted", self.fallback)

    async def aclose(self):
        """Nothing to let go of."""


def scripted(**more):
    return Summarising(Scripted(**more), COUNT)


def extractive():
    return Summarising(Extractive(COUNT), COUNT)


async def entries(contexts, key, principal=LOCAL_ADMIN):
    view = await contexts.reader.view(principal, key)
    page = await contexts.store.page(principal.tenant, view.chain, EntryQuery(limit=1000))
    return page.entries


async def summaries(contexts, key):
    """(seq, covers, text) of all summaries."""
    return [
        (entry.seq, orjson.loads(entry.metadata)["covers"], orjson.loads(entry.content))
        for entry in await entries(contexts, key)
        if entry.type == "summary"
    ]
