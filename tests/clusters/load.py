"""The load of a cluster: who writes, reads and watches, and how far they have come."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count

import httpx

from backstory.testing.histories import History, Outcome, check
from clusters import summary
from clusters.caller import Caller
from clusters.readers import READERS
from clusters.truth import found, prepare
from clusters.watchers import WATCHERS
from clusters.writers import WRITERS

SECONDS = 100  # after which waiting for the callers has failed


class Load:
    """All callers of one cluster. What they recorded is theirs until they have ended."""

    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)

    def __init__(self, nodes):
        self.nodes = list(nodes)
        self.stopping = False
        self.due = None  # changes that watchers have to hear of, once that is known
        self.writes, self.reads = [], []
        self.counts, self._by_node = Counter(), Counter()
        self._waiting = set()
        self._numbers = count()

    def next_number(self):
        return next(self._numbers)

    # -- what callers tell ---------------------------------------------------------------

    def failed(self, node, outcome):
        self._tell("unknown" if outcome is Outcome.UNKNOWN else "refused", node)

    def wrote(self, node, *writes):
        self.writes += writes
        done = writes[0].outcome is Outcome.DONE
        self.counts["retried"] += len(writes[0].attempts) > 1
        self._tell("acknowledged" if done else "decided against", node)

    def has_read(self, node, read):
        self.reads.append(read)
        self._tell("read", node)

    def heard(self):
        self._count("heard")

    def _tell(self, what, node):
        self._by_node[what, node.name] += 1
        self._count(what)

    def _count(self, what):
        self.counts[what] += 1
        for event in self._waiting:
            event.set()

    # -- what tests wait for ---------------------------------------------------------------

    async def more(self, number, what="acknowledged", node=None):
        """Return when so many more have happened, on that node where one is named."""

        def reached():
            return self.counts[what] if node is None else self._by_node[what, node.name]

        goal = reached() + number
        await self.until(lambda: reached() >= goal, f"{number} more {what}")

    async def until(self, holds, what):
        """Return when something is so; it is looked at whenever a caller was answered."""
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            async with asyncio.timeout(SECONDS):
                while not holds():
                    event.clear()
                    await event.wait()
        except TimeoutError:
            raise AssertionError(f"it came to nothing: {what}; so far {self.counts}") from None
        finally:
            self._waiting.discard(event)

    async def of_each(self, number, what="acknowledged"):
        """Return when each node has done so much more."""
        async with asyncio.TaskGroup() as group:
            for node in self.nodes:
                group.create_task(self.more(number, what, node))


@asynccontextmanager
async def under_load(name, nodes, *, writers=1, readers=1):
    """A cluster's load, while a test hurts the cluster; at the end all is checked.

    `writers` and `readers` are how many of each kind there are.
    """
    load = Load(nodes)
    async with AsyncExitStack() as stack:

        def caller(kind, number, *about):
            one = kind(f"{kind.__name__}-{number}", load, *about)
            stack.push_async_callback(one.aclose)
            return one

        setup = caller(Caller, 0)
        start = await prepare(setup)
        watchers = [caller(kind, n, start) for n in range(2) for kind in WATCHERS]
        busy = [caller(kind, n) for n in range(writers) for kind in WRITERS]
        busy += [caller(kind, n) for n in range(readers) for kind in READERS]
        async with asyncio.TaskGroup() as group:
            watching = [group.create_task(one.run(), name=one.name) for one in watchers]
            working = [group.create_task(one.run(), name=one.name) for one in busy]
            await load.more(20)
            yield load
            load.stopping = True
            await asyncio.wait(working)
            truth, stream = await found(setup)
            load.due = len(stream)
            await asyncio.wait(watching)
    watched = tuple(one.watched() for one in watchers)
    history = History(truth, stream, tuple(load.writes), tuple(load.reads), watched)
    findings = check(history)
    summary.add(name, load, history, findings)
    assert not findings, "\n".join(str(finding) for finding in findings[:20])
