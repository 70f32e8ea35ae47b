"""How contexts stand: one statement for all who ask while the last one is under way.

A busy node so sends few large statements, an idle one asks at once. A question never joins a
statement that was sent before it was asked, so that what was committed meanwhile is seen. The
connection is its own: those who wait for long reads are not waited for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from asyncpg import Connection, Record

from backstory import limits
from backstory.domain.contexts import Tag
from backstory.domain.keys import ContextKey
from backstory.errors import BackstoryError, BusyError, StoreUnavailableError
from backstory.ports.store import Standing
from backstory.resilience.deadlines import detached
from backstory.storage.postgres.connecting import Connections
from backstory.storage.postgres.encoding import QUERIES
from backstory.storage.postgres.faults import FOREIGN, is_refusal, translate
from backstory.storage.postgres.opening import check_server
from backstory.storage.postgres.walls import said, said_of_several, several, whose
from backstory.storage.tables.database import Names, remember

logger = logging.getLogger(__name__)

_CLOSED = "the store is closed"
Place = tuple[str, ContextKey]
"""A context: its tenant's name, and its own."""


@dataclass(frozen=True, slots=True)
class _Question:
    tenant: str
    keys: Sequence[ContextKey]
    answer: asyncio.Future[Sequence[Standing | None]]


class Standings:
    """Asks for many at once. `names` are the tenants' numbers that the store has learned."""

    def __init__(self, connections: Connections, names: Names) -> None:
        self._connections, self._names = connections, names
        self._questions: list[_Question] = []
        self._asking: asyncio.Task[None] | None = None
        self._connection: Connection[Record] | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """Questions that no statement has taken yet."""
        return len(self._questions)

    async def ask(self, tenant: str, keys: Sequence[ContextKey]) -> Sequence[Standing | None]:
        """As `ports.store.Reads.standings` says.

        Raises:
            BusyError: `limits.READ_QUEUE` are asking already.
            StoreUnavailableError: the server is away, or did not answer in
                `limits.STANDINGS_SECONDS`.
        """
        if self._closed:
            raise StoreUnavailableError(_CLOSED)
        self._connections.require()
        if len(self._questions) >= limits.READ_QUEUE:
            raise BusyError("too many reads are waiting; try again", limit="READ_QUEUE")
        question = _Question(tenant, keys, asyncio.get_running_loop().create_future())
        self._questions.append(question)
        if self._asking is None:  # begins in the next turn of the loop, when all of this one asked
            self._asking = asyncio.create_task(
                self._run(), name="backstory-standings", context=detached()
            )
        return await question.answer

    async def close(self) -> None:
        self._closed = True
        if self._asking is not None:
            await asyncio.wait((self._asking,))
        self._hang_up()

    async def _run(self) -> None:
        try:
            while self._questions:
                await self._answer(self._take())
        finally:
            self._asking = None
            self._fail(self._questions, StoreUnavailableError(_CLOSED))

    def _take(self) -> list[_Question]:
        """Those who ask first, for about as many keys as a statement should have."""
        taken, room = 0, limits.STANDINGS
        while taken < len(self._questions) and room > 0:
            room -= len(self._questions[taken].keys)
            taken += 1
        questions, self._questions = self._questions[:taken], self._questions[taken:]
        return questions

    async def _answer(self, questions: list[_Question]) -> None:
        try:
            async with self._connections.watched(self._hang_up):
                found = await self._find(questions)
        except FOREIGN as error:
            self._fail(questions, translate(error))
        except BackstoryError as error:
            self._fail(questions, error)
        except Exception:
            logger.exception("asking how contexts stand failed")
            self._hang_up()
            self._fail(questions, StoreUnavailableError("the database could not be asked"))
        except BaseException:
            self._fail(questions, StoreUnavailableError(_CLOSED))
            raise
        else:
            for question in questions:
                if not question.answer.done():
                    standings = [found.get((question.tenant, key)) for key in question.keys]
                    question.answer.set_result(standings)

    def _fail(self, questions: list[_Question], error: BackstoryError) -> None:
        for question in questions:
            if not question.answer.done():
                question.answer.set_exception(error)

    # -- one statement -----------------------------------------------------------------

    async def _find(self, questions: list[_Question]) -> dict[Place, Standing]:
        numbers = await self._numbers({question.tenant for question in questions})
        places = {
            (q.tenant, key): numbers[q.tenant]
            for q in questions
            if q.tenant in numbers
            for key in q.keys
        }
        if not places:
            return {}
        asked = list(places)
        namespaces, names = [key.namespace for _, key in asked], [key.name for _, key in asked]
        sql, tenants = _said(sorted(set(places.values())))
        rows = await self._rows(sql, list(places.values()), namespaces, names, tenants)
        return {
            asked[place - 1]: Standing(Tag(version, commit), history_from, names)
            for place, tenant, version, commit, history_from, names in rows
            if tenant == places[asked[place - 1]]
        }

    async def _numbers(self, tenants: set[str]) -> dict[str, int]:
        """The numbers of those that have written anything; new ones are learned."""
        known = self._names.tenants
        numbers = {name: known[name] for name in tenants if name in known}
        if unknown := tenants - numbers.keys():
            for name, number in await self._rows(QUERIES.find_tenants, list(unknown)):
                numbers[name] = remember(known, name, number)
        return numbers

    async def _rows(self, sql: str, *params: Any) -> Sequence[Record]:
        """What the server answers. A connection that was lost while nobody asked is made anew."""
        was_there = self._connection is not None
        try:
            return await self._fetch(sql, params)
        except FOREIGN as error:
            self._part(error)
            if not was_there or is_refusal(error) or isinstance(error, TimeoutError):
                raise
        return await self._fetch(sql, params)

    async def _fetch(self, sql: str, params: Sequence[Any]) -> Sequence[Record]:
        connection = self._connection or await self._connect()
        rows: Sequence[Record] = await connection.fetch(
            sql, *params, timeout=limits.STANDINGS_SECONDS
        )
        return rows

    async def _connect(self) -> Connection[Record]:
        connection = await self._connections.to_keep(limits.STANDINGS_SECONDS)
        try:
            async with asyncio.timeout(limits.STANDINGS_SECONDS):
                await check_server(connection)
        except BaseException:
            connection.terminate()
            raise
        self._connection = connection
        return connection

    def _part(self, error: BaseException) -> None:
        """A statement that took too long is to end on the server as well."""
        connection = self._connection
        if connection is not None and isinstance(error, TimeoutError):
            self._connection = None
            self._connections.let_go(connection)
        else:
            self._hang_up()

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(*FOREIGN):
                connection.terminate()


def _said(tenants: Sequence[int]) -> tuple[str, str]:
    """The statement, and whose rows it is about: of nobody but those who are asked for."""
    if len(tenants) == 1:
        return said(QUERIES.standings), whose(tenants[0])
    return said_of_several(QUERIES.standings), several(tenants)
