"""A store in memory that is too simple to be wrong.

It keeps every version of everything as a whole and finds things by looking at all of them.
The property tests compare other stores with it; it passes the same contract suite.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b

from msgspec import structs

from backstory import ids, limits
from backstory.clock import SECOND, Clock, SystemClock
from backstory.domain import quotas
from backstory.domain.chains import Chain
from backstory.domain.changes import Change
from backstory.domain.commits import (
    Commit,
    Idempotency,
    Outcome,
    Purge,
    PutContent,
)
from backstory.domain.contexts import Head, Snapshot
from backstory.domain.effects import Effect
from backstory.domain.keys import ContextKey
from backstory.domain.kinds import context_of
from backstory.domain.planning import plan, redaction
from backstory.domain.principals import Author
from backstory.domain.ruling import check_kinds
from backstory.domain.subjects import Erasure
from backstory.domain.summaries import Summary
from backstory.errors import MissingError
from backstory.ports.store import (
    ChangePage,
    ChangeQuery,
    EntryPage,
    EntryQuery,
    Gone,
    HeadQuery,
    Mark,
    Match,
    MatchText,
    OutlinePage,
    OutlineQuery,
    SearchQuery,
    Standing,
    View,
)
from backstory.testing import applying, finding, subjects
from backstory.testing.keeping import Keeping
from backstory.testing.noting import Noting
from backstory.testing.records import Record, Tenant


class ModelStore(Keeping, Noting):
    """`ports.store.Store`, held in memory by one event loop; nothing outlives it."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__()
        self._clock = clock or SystemClock()
        self._tenants: dict[str, Tenant] = {}
        self._erasures: dict[tuple[str, str], Erasure] = {}
        self.epoch = ids.epoch()
        self.first_epoch = True
        self.secret = blake2b(self.epoch.encode(), digest_size=32).digest()

    async def check(self) -> None:
        """Memory never fails."""

    async def aclose(self) -> None:
        """Nothing to let go of."""

    def _tenant(self, name: str) -> Tenant:
        return self._tenants.setdefault(name, Tenant())

    # -- writing -----------------------------------------------------------------------

    async def commit(self, commit: Commit) -> Outcome:
        tenant = self._tenant(commit.tenant)
        known = applying.known(tenant, commit.idempotency, commit.at)
        if known is not None:
            return known
        check_kinds(commit.kinds, lambda kind: applying.tag_of(tenant.find(context_of(kind))))
        planned: dict[ContextKey, tuple[Record | None, Effect]] = {}
        results = dict.fromkeys(range(len(commit.operations)))
        for key in dict.fromkeys(operation.key for operation in commit.operations):
            places = [n for n, op in enumerate(commit.operations) if op.key == key]
            operations = [commit.operations[n] for n in places]
            applying.expire_due(tenant, commit, key, operations)
            effect, found = plan(commit, key, operations, applying.load(tenant, key, operations))
            results.update(zip(places, found, strict=True))
            if effect is not None:
                planned[key] = tenant.find(key), effect
        if commit.quota is not None:
            more = quotas.added(effect for _, effect in planned.values())
            quotas.require(commit.quota, await self.usage(commit.tenant), more)
        applying.reach(tenant, commit, planned)
        for record, effect in planned.values():
            applying.apply(tenant, commit, record, effect)
        answer = tuple(result for result in results.values() if result is not None)
        touched = tuple(planned)
        outcome = Outcome(commit.id if planned else None, answer, tenant.position, touched=touched)
        if commit.idempotency is not None:
            ends = commit.at + limits.IDEMPOTENCY_KEY_SECONDS * SECOND
            tenant.retries[commit.idempotency.key] = commit.idempotency, outcome, ends
        return outcome

    async def replay(
        self, tenant: str, idempotency: Idempotency, about: ContextKey | None = None
    ) -> Outcome | None:
        del about  # all of it is here
        return applying.known(self._tenant(tenant), idempotency, self._clock.now())

    async def forget(
        self, tenant: str, key: ContextKey, before: int, act: tuple[int, bytes] | None = None
    ) -> Head:
        del act  # a model keeps no trail
        mine = self._tenant(tenant)
        record = mine.find(key)
        if record is None:
            raise MissingError(f"there is no context {key}")
        if before > record.version:
            raise applying.gone(record, before)
        if before > record.history_from:
            record.history_from = before
            record.views = {v: view for v, view in record.views.items() if v >= before}
            record.views[record.version] = applying.with_history(record.view, before)
            mine.changes = [
                (number, change)
                for number, change in mine.changes
                if number != record.number or change.version >= before
            ]
            mine.drop_unseen()
            mine.drop_unheld()
        return record.head

    async def sweep(self, now: int) -> int:
        count = 0
        for tenant_name, tenant in self._tenants.items():
            for record in list(tenant.records):
                if record.key and not record.head.deleted and not record.head.alive(now):
                    applying.expire(tenant, tenant_name, record, now)
                    count += 1
            tenant.retries = {k: v for k, v in tenant.retries.items() if v[2] > now}
            applying.end_uploads(tenant, now)
        self._notes = {k: v for k, v in self._notes.items() if v[1] > now}
        return count

    # -- reading -----------------------------------------------------------------------

    def near(self, tenant: str, key: ContextKey) -> Snapshot | None:
        record = self._tenant(tenant).find(key)
        return record.view.snapshot if record else None

    async def snapshot(self, tenant: str, key: ContextKey) -> Snapshot | None:
        record = self._tenant(tenant).find(key)
        return record.view.snapshot if record else None

    async def view(self, tenant: str, key: ContextKey, at: int | None = None) -> View | None:
        record = self._tenant(tenant).find(key)
        if record is None:
            return None
        version = record.version if at is None else at
        if version not in record.views:
            raise applying.gone(record, version)
        return applying.with_history(record.views[version], record.history_from)

    async def view_and_page(
        self, tenant: str, key: ContextKey, query: EntryQuery
    ) -> tuple[View, EntryPage] | None:
        view = await self.view(tenant, key)
        return None if view is None else (view, await self.page(tenant, view.chain, query))

    async def standings(self, tenant: str, keys: Sequence[ContextKey]) -> Sequence[Standing | None]:
        found = map(self._tenant(tenant).find, keys)
        return [Standing(one.head.tag, one.history_from) if one else None for one in found]

    async def page(self, tenant: str, chain: Chain, query: EntryQuery) -> EntryPage:
        return finding.page(self._tenant(tenant), chain, query)

    async def outline(self, tenant: str, chain: Chain, query: OutlineQuery) -> OutlinePage:
        return finding.outline(self._tenant(tenant), chain, query)

    async def summaries(
        self, tenant: str, chain: Chain, before: int, limit: int
    ) -> Sequence[Summary]:
        return finding.summaries(self._tenant(tenant), chain, before, limit)

    async def origin(self, tenant: str, log: int) -> ContextKey | None:
        records = self._tenant(tenant).records
        return next((record.key for record in records if record.number == log), None)

    async def mark(self, tenant: str) -> Mark:
        return finding.mark(self._tenant(tenant), self.epoch)

    async def rights_marks(self, since: int) -> Sequence[tuple[str, bytes]]:
        return finding.rights_marks(self._tenants, since)

    async def changes(self, tenant: str, query: ChangeQuery) -> ChangePage:
        return finding.changes(self._tenant(tenant), query)

    async def versions(
        self,
        tenant: str,
        key: ContextKey,
        *,
        after: int,
        before: int,
        limit: int,
        newest_first: bool,
    ) -> Sequence[Change]:
        found = [
            change
            for change in finding.of_context(self._tenant(tenant), key)
            if after < change.version < before
        ]
        return (found[::-1] if newest_first else found)[:limit]

    async def version_at(self, tenant: str, key: ContextKey, last_seq: int) -> int:
        record = self._tenant(tenant).find(key)
        changes = finding.of_context(self._tenant(tenant), key)
        fitting = [change.version for change in changes if change.last_seq <= last_seq]
        before = record.history_from - 1 if record else 0
        return max(fitting, default=before)

    async def redactions(
        self, tenant: str, key: ContextKey, after: int, upto: int
    ) -> Sequence[int]:
        changes = finding.of_context(self._tenant(tenant), key)
        return finding.redacted(changes, after, upto)

    async def heads(self, tenant: str, query: HeadQuery) -> Sequence[Head]:
        return finding.heads(self._tenant(tenant), query, self._clock.now())

    async def tenants(self, after: str = "", limit: int = limits.PAGE_MAX) -> Sequence[str]:
        return [name for name in sorted(self._tenants) if name > after][:limit]

    async def matches(self, tenant: str, query: SearchQuery) -> Sequence[Match]:
        return finding.matches(self._tenant(tenant), query, self._clock.now())

    async def match_text(
        self, tenant: str, match: Match, terms: tuple[str, ...]
    ) -> MatchText | None:
        return finding.match_text(self._tenant(tenant), match, terms)

    # -- erasing -------------------------------------------------------------------------

    async def erase(
        self, tenant: str, subject: str, author: Author, gone: Gone | None = None
    ) -> Erasure:
        mine, now = self._tenant(tenant), self._clock.now()
        found = subjects.records_of(mine, subject)
        last = await self.erasure(tenant, subject)
        bindings = [r.key for r in subjects.bindings_of(mine, subject) if r.key]
        if last is not None and not (found or bindings or subjects.named(mine, subject)):
            return last
        done = Erasure(len(self._erasures) + 1, tenant, subject, now, now)
        subjects.forget_retries(mine, {*bindings, *(record.key for record in found)})
        for record in found:
            wanted = Commit(tenant, ids.commit_id(), author, now, ())
            taken = subjects.take(mine, subject, record)
            for other, seqs in subjects.told(mine, subject, taken.reached, now):
                applying.apply(mine, wanted, other, redaction(wanted, other.view.snapshot, seqs))
            for key in taken.without_content:
                await self.commit(structs.replace(wanted, operations=(PutContent(key, None),)))
            assert record.key is not None
            touched = (record.key, *taken.forks)
            await self.commit(structs.replace(wanted, operations=(Purge(record.key),)))
            for root in taken.roots:
                mine.manifests.pop(root, None)
            done = replace(
                done,
                contexts=done.contexts + 1,
                entries=done.entries + taken.entries,
                forks=done.forks + len(taken.forks),
            )
            if gone is not None:
                await gone(touched)
        for key in bindings:
            wanted = Commit(tenant, ids.commit_id(), author, now, (Purge(key),))
            await self.commit(wanted)
            done = replace(done, bindings=done.bindings + 1)
            if gone is not None:
                await gone((key,))
        subjects.rename(mine, subject, f"erased-{done.number}")
        self._erasures[tenant, subject] = done
        return done

    async def finish_erasures(self) -> int:
        return 0

    async def erasure(self, tenant: str, subject: str) -> Erasure | None:
        return self._erasures.get((tenant, subject))

    async def is_erased(self, erasure: Erasure) -> bool:
        mine = self._tenant(erasure.tenant)
        return not (
            subjects.records_of(mine, erasure.subject)
            or subjects.bindings_of(mine, erasure.subject)
        )
