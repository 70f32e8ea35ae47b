"""Writing: every change of any context goes through `Writer.write`."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

from msgspec import Struct

from backstory import ids, limits
from backstory.clock import Clock
from backstory.contexts import access
from backstory.contexts.quotas import Quotas
from backstory.contexts.ruling import Ruled, Ruler
from backstory.domain.commits import Commit, Idempotency, Operation, Outcome, Redact
from backstory.domain.contexts import missing
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal
from backstory.domain.sealing import Seal
from backstory.errors import StaleRulesError
from backstory.ports.bus import ChangeBus
from backstory.ports.rules import Masked
from backstory.ports.store import Store

logger = logging.getLogger(__name__)

Prepare = Callable[[int, int], Awaitable[Ruled]]
"""Makes what is to be committed at a time (microseconds), in its nth attempt, from 0 on."""

Heard = Callable[[str, Ruled, Outcome], None]
"""Called after a commit of this process with its tenant. Must neither wait nor raise."""

Build = Callable[[], Sequence[Operation]]
"""Validates what was sent and makes operations of it. May raise SchemaError and its kin."""


class Retry(Struct, frozen=True):
    """The caller's idempotency key, and all that makes the request what it is.

    `request` holds method, path and body, or tool and arguments.
    """

    key: str
    request: tuple[bytes, ...]


class Intent(Struct, frozen=True):
    """What will be done where, known before the body is looked into."""

    verb: Verb
    key: ContextKey


class Writer:
    """Writes for those who may, once for each retry."""

    def __init__(
        self,
        store: Store,
        bus: ChangeBus,
        clock: Clock,
        seal: Seal,
        *,
        ruler: Ruler,
        quotas: Quotas,
        masked: Masked | None = None,
    ) -> None:
        self._store = store
        self._ruler = ruler
        self.quotas = quotas
        self._masked = masked or log_masked
        self._bus = bus
        self._clock = clock
        self._seal = seal
        self._hearers: list[Heard] = []

    def listen(self, hear: Heard) -> Callable[[], None]:
        """Hear of this process's commits until the returned function is called."""
        self._hearers.append(hear)
        return lambda: self._hearers.remove(hear)

    async def write(
        self,
        principal: Principal,
        intents: Sequence[Intent],
        build: Build,
        retry: Retry | None = None,
    ) -> Outcome:
        """Authorise, recognise a retry, validate, commit; in this order.

        Raises:
            MissingError, DeniedError: the principal may not.
            KeyReusedError: the idempotency key came with another request before.
            BackstoryError: what `build`, `Ruler.rule` and `Store.commit` raise. Nothing is done
                then, but for `OutcomeUnknownError`.
        """
        built: list[tuple[Operation, ...]] = []

        async def prepare(attempt: int, at: int) -> Ruled:
            if not built:
                operations = tuple(build())
                operations = await access.require_instruct(self._store, principal, operations)
                await self._require_origins(principal, operations)
                built.append(operations)
            return await self._ruler.rule(principal.tenant, built[0], at, attempt)

        return await self.write_prepared(principal, intents, prepare, retry)

    async def write_prepared(
        self,
        principal: Principal,
        intents: Sequence[Intent],
        prepare: Prepare,
        retry: Retry | None = None,
    ) -> Outcome:
        """The same with operations that were ruled; prepared anew where rules change meanwhile.

        Raises:
            StaleRulesError: they changed `limits.RULED_ATTEMPTS` times.
            BackstoryError: as `write`.
        """
        for intent in intents:
            access.require(principal, intent.verb, intent.key)
        idempotency = None
        if retry is not None:
            known = await self.recall(principal, retry, intents[0].key if intents else None)
            if known is not None:
                return known
            idempotency = self._idempotency(principal, retry)
        for attempt in range(limits.RULED_ATTEMPTS):
            at = self._clock.now()
            ruled = await prepare(attempt, at)
            commit = Commit(
                principal.tenant,
                ids.commit_id(),
                ruled.author or principal.author,
                at,
                ruled.operations,
                idempotency,
                ruled.kinds,
                await self.quotas.of(principal.tenant),
            )
            try:
                outcome = await self._store.commit(commit)
            except StaleRulesError:
                if attempt + 1 == limits.RULED_ATTEMPTS:
                    raise
                continue
            if outcome.id is not None and not outcome.replayed:
                self._tell(principal.tenant, ruled, outcome)
            return outcome
        raise AssertionError("unreachable")

    def _tell(self, tenant: str, ruled: Ruled, outcome: Outcome) -> None:
        self._bus.announce(tenant)
        done = [counts for counts in (ruled.counts, *_counts(outcome)) if counts]
        if done:
            self._masked(tenant, outcome.results[0].key, sum(map(Counter, done), Counter()))
        for hear in self._hearers:
            hear(tenant, ruled, outcome)

    async def recall(
        self, principal: Principal, retry: Retry | None, about: ContextKey | None = None
    ) -> Outcome | None:
        """What came of the request when it was sent before, None where it was not.

        `about` is a context that it would write.

        Raises:
            KeyReusedError: the idempotency key came with another request before.
        """
        idempotency = self._idempotency(principal, retry)
        if idempotency is None:
            return None
        return await self._store.replay(principal.tenant, idempotency, about)

    async def _require_origins(self, principal: Principal, operations: Sequence[Operation]) -> None:
        """An inherited entry is redacted in its origin too, so rights are needed there."""
        for operation in operations:
            if not isinstance(operation, Redact):
                continue
            view = await self._store.view(principal.tenant, operation.key)
            if view is None:
                raise missing(operation.key)
            log = view.chain.locate(operation.seq)
            origin = await self._store.origin(principal.tenant, log) if log is not None else None
            if origin is not None and origin != operation.key:
                access.require_origin(principal, origin)

    def _idempotency(self, principal: Principal, retry: Retry | None) -> Idempotency | None:
        if retry is None:
            return None
        scope = (principal.tenant.encode(), principal.subject.encode(), retry.key.encode())
        return Idempotency(
            self._seal.hash("idempotency", *scope), self._seal.hash("request", *retry.request)
        )


def _counts(outcome: Outcome) -> list[Mapping[str, int]]:
    return [result.counts for result in outcome.results]


def log_masked(tenant: str, key: ContextKey, counts: Mapping[str, int]) -> None:
    """One line for a write whose text was changed: where and how often, never what."""
    logger.info(
        "transforms changed what was written",
        extra={"tenant": tenant, "namespace": key.namespace, "counts": dict(counts)},
    )
