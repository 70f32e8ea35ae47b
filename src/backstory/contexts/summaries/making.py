"""Summarising: one entry made that stands in for many.

A summary takes seconds where a model makes it, and others write meanwhile. It is written
under the condition that the context is at the version that was looked at; where only entries
were appended since, the condition is renewed, and where an entry of its range was redacted,
hidden or summarised by somebody else, it is thrown away. So any number of nodes may try.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from msgspec import structs

from backstory import limits
from backstory.contexts import access
from backstory.contexts.reading import Reader
from backstory.contexts.ruling import Ruled, Ruler
from backstory.contexts.summaries.asking import Summarised, Wish
from backstory.contexts.summaries.covering import Uncovered, uncovered
from backstory.contexts.writing import Intent, Retry, Writer
from backstory.domain import conditions
from backstory.domain.changes import Op, Part
from backstory.domain.commits import ALWAYS, Append, Conditions, Outcome
from backstory.domain.entries import NewEntry
from backstory.domain.intake import wrong
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.domain.principals import Author, Principal
from backstory.domain.summaries import (
    COVERS,
    FALLBACK,
    SUMMARISER,
    SUMMARY,
    covers_of,
    shortened,
)
from backstory.errors import MissingError, SchemaError, SummariserError, VersionConflictError
from backstory.ports.store import EntryQuery, Store, View
from backstory.ports.summariser import Made, Summarising

_ROLE: Final = "assistant"


class Summaries:
    """Makes summaries for those who may write."""

    def __init__(
        self,
        store: Store,
        reader: Reader,
        writer: Writer,
        ruler: Ruler,
        summarising: Summarising | None,
    ) -> None:
        self._store = store
        self._reader = reader
        self._writer = writer
        self._ruler = ruler
        self._summarising = summarising

    async def summarise(
        self,
        principal: Principal,
        key: ContextKey,
        wish: Wish,
        retry: Retry | None = None,
        held: Conditions = ALWAYS,
    ) -> Summarised:
        """Cover what no summary covers yet by a summary entry.

        The conditions `held` have to hold when it is begun and when it is written. Its author is
        the principal, with a trust of `tool` or what is least among the entries.

        Raises:
            MissingError, DeniedError: the principal may not write there.
            SchemaError: `through` is no entry of the context, or the context's kind does not
                allow such an entry.
            PreconditionError: a condition does not hold.
            KeyReusedError: the idempotency key came with another request before.
            VersionConflictError: its entries changed again and again meanwhile.
            SummariserError: nobody could make one.
        """
        access.require(principal, Verb.WRITE, key)
        known = await self._writer.recall(principal, retry, key)
        if known is not None:
            return await self._recalled(principal, key, known)
        for _ in range(limits.SUMMARY_STARTS):
            view = await self._reader.view(principal, key)
            conditions.check(held, key, view.snapshot.head)
            found = await self._uncovered(principal, view, wish)
            if found is None:
                return Summarised(view.snapshot.head.version)
            tokens = await self._tokens(found, wish)
            if not _enough(found, tokens, wish):
                return Summarised(view.snapshot.head.version, entries=found.fresh, tokens=tokens)
            made = await self._made(found, wish)
            work = _Work(principal, key, view, found, made, retry, held)
            written = await self._write(work)
            if written is not None:
                return written
        raise VersionConflictError(
            f"the entries of {key} change all the time; try again later", context=str(key)
        )

    async def _uncovered(self, principal: Principal, view: View, wish: Wish) -> Uncovered | None:
        last = view.snapshot.head.last_seq
        if wish.through is not None and wish.through > last:
            raise wrong("/through", f"must be a seq of the context, at most {last}")
        return await uncovered(
            self._store, principal.tenant, view, keep=wish.kept, through=wish.through
        )

    async def _tokens(self, found: Uncovered, wish: Wish) -> int:
        if wish.least_tokens is None:
            return 0
        text = "\n".join(turn.text for turn in found.turns if turn.role != SUMMARY)
        return await asyncio.to_thread(self._with.count, text)

    async def _made(self, found: Uncovered, wish: Wish) -> Made:
        made = await self._with.summariser.summarise(found.turns, wish.tokens)
        text = made.text.strip()
        if not text:
            raise SummariserError("the summariser gave no text", reason="empty")
        fitting = await asyncio.to_thread(shortened, text, wish.tokens, self._with.count)
        return replace(made, text=fitting)

    @property
    def _with(self) -> Summarising:
        if self._summarising is None:
            raise SummariserError("this process was opened without a summariser", reason="none")
        return self._summarising

    # -- writing what was made ---------------------------------------------------------

    async def _write(self, work: _Work) -> Summarised | None:
        """Append it; None where it is not what it should be any more."""
        version = work.view.snapshot.head.version
        for _ in range(limits.SUMMARY_WRITES):
            try:
                outcome = await self._append(work, version)
            except VersionConflictError:
                view = await self._reader.view(work.principal, work.key)
                if not await self._holds(work, version, view):
                    return None
                version = view.snapshot.head.version
            else:
                if outcome.replayed:  # the same request was faster
                    return await self._recalled(work.principal, work.key, outcome)
                return work.told(outcome)
        return None

    async def _append(self, work: _Work, version: int) -> Outcome:
        operation = Append(work.key, (work.entry,), structs.replace(work.held, if_version=version))
        tenant = work.principal.tenant

        async def prepare(attempt: int, at: int) -> Ruled:
            await access.require_instruct(self._store, work.principal, [operation])
            try:
                ruled = await self._ruler.rule(tenant, [operation], at, attempt)
            except SchemaError as error:
                detail = f"the kind of {work.key} allows no such entry: {error.detail}"
                raise SchemaError(detail, errors=error.errors) from error
            return structs.replace(ruled, author=Author(work.principal.subject, work.found.trust))

        intents = [Intent(Verb.WRITE, work.key)]
        return await self._writer.write_prepared(work.principal, intents, prepare, work.retry)

    async def _holds(self, work: _Work, since: int, view: View) -> bool:
        """Whether nothing but appends happened since a version, and no summary among them."""
        tenant, after, now = work.principal.tenant, since, view.snapshot.head.version
        while after < now:
            changes = await self._store.versions(
                tenant,
                work.key,
                after=after,
                before=now + 1,
                limit=limits.PAGE_MAX,
                newest_first=False,
            )
            for change in changes:
                if change.op is not Op.UPDATED or change.parts & (Part.REDACTED | Part.CHAIN):
                    return False
            after = changes[-1].version if changes else now
        newest = await self._store.summaries(tenant, view.chain, limits.SEQ_MAX + 1, 1)
        return not newest or newest[0].seq <= work.view.snapshot.head.last_seq

    async def _recalled(self, principal: Principal, key: ContextKey, known: Outcome) -> Summarised:
        """What was answered before, as far as it still stands."""
        result = known.results[0]
        (seq,) = result.seqs
        done = Summarised(result.version, seq, replayed=True)
        try:
            view = await self._reader.view(principal, key)
        except MissingError:
            return done
        page = await self._store.page(principal.tenant, view.chain, EntryQuery(seq - 1, seq + 1, 1))
        for entry in page.entries:
            about: dict[str, Any] = orjson.loads(entry.metadata or b"{}")
            covers = covers_of(entry.type, entry.metadata)
            done = replace(
                done,
                covers=covers,
                summariser=about.get(SUMMARISER),
                fallback=about.get(FALLBACK),
            )
        return done


@dataclass(frozen=True, slots=True)
class _Work:
    """A summary on its way into a context."""

    principal: Principal
    key: ContextKey
    view: View
    found: Uncovered
    made: Made
    retry: Retry | None
    held: Conditions

    @property
    def entry(self) -> NewEntry:
        about: dict[str, Any] = {
            COVERS: [self.found.first, self.found.last],
            SUMMARISER: self.made.by,
        }
        if self.made.fallback is not None:
            about[FALLBACK] = self.made.fallback
        return NewEntry(_ROLE, SUMMARY, orjson.dumps(self.made.text), orjson.dumps(about))

    def told(self, outcome: Outcome) -> Summarised:
        result = outcome.results[0]
        return Summarised(
            result.version,
            result.seqs[0],
            (self.found.first, self.found.last),
            self.made.by,
            self.made.fallback,
            self.found.more,
        )


def _enough(found: Uncovered, tokens: int, wish: Wish) -> bool:
    """Whether any of the bounds that were set is reached; without any, everything is enough."""
    bounds = [
        reached >= least
        for reached, least in ((found.fresh, wish.least_entries), (tokens, wish.least_tokens))
        if least is not None
    ]
    return not bounds or any(bounds)
