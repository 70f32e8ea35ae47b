"""A store in memory that is too simple to be wrong.

It keeps every version of everything as a whole and finds things by looking at all of them.
The property tests compare other stores with it; it passes the same contract suite.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b

from backstory import ids, limits
from backstory.clock import SECOND, Clock, SystemClock
from backstory.domain import quotas
from backstory.domain.chains import Chain
from backstory.domain.changes import Change
from backstory.domain.commits import (
    Commit,
    Expire,
    Fork,
    Idempotency,
    Operation,
    Outcome,
    Purge,
    PutContent,
)
from backstory.domain.content import NewContent
from backstory.domain.contexts import Head, Snapshot, Tag
from backstory.domain.documents import Document
from backstory.domain.effects import Effect, Loaded, Past
from backstory.domain.keys import ContextKey
from backstory.domain.kinds import context_of
from backstory.domain.planning import needs, plan, redacting, redaction
from backstory.domain.principals import SYSTEM, Author, Trust
from backstory.domain.ruling import check_kinds
from backstory.domain.subjects import Erasure
from backstory.domain.summaries import Summary
from backstory.errors import GoneError, KeyReusedError, MissingError
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
from backstory.testing import finding, subjects
from backstory.testing.keeping import Keeping
from backstory.testing.records import Kept, Record, Tenant, new_entries


class ModelStore(Keeping):
    """`ports.store.Store`, held in memory by one event loop; nothing outlives it."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._tenants: dict[str, Tenant] = {}
        self._notes: dict[tuple[str, str], tuple[bytes, int]] = {}
        self._apart: dict[str, int] = {}
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
        known = _known(tenant, commit.idempotency, commit.at)
        if known is not None:
            return known
        check_kinds(commit.kinds, lambda kind: _tag(tenant.find(context_of(kind))))
        planned: dict[ContextKey, tuple[Record | None, Effect]] = {}
        results = dict.fromkeys(range(len(commit.operations)))
        for key in dict.fromkeys(operation.key for operation in commit.operations):
            places = [n for n, op in enumerate(commit.operations) if op.key == key]
            operations = [commit.operations[n] for n in places]
            _expire_due(tenant, commit, key, operations)
            effect, found = plan(commit, key, operations, _load(tenant, key, operations))
            results.update(zip(places, found, strict=True))
            if effect is not None:
                planned[key] = tenant.find(key), effect
        if commit.quota is not None:
            more = quotas.added(effect for _, effect in planned.values())
            quotas.require(commit.quota, await self.usage(commit.tenant), more)
        _reach(tenant, commit, planned)
        for record, effect in planned.values():
            _apply(tenant, commit, record, effect)
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
        return _known(self._tenant(tenant), idempotency, self._clock.now())

    async def forget(
        self, tenant: str, key: ContextKey, before: int, act: tuple[int, bytes] | None = None
    ) -> Head:
        del act  # a model keeps no trail
        mine = self._tenant(tenant)
        record = mine.find(key)
        if record is None:
            raise MissingError(f"there is no context {key}")
        if before > record.version:
            raise _gone(record, before)
        if before > record.history_from:
            record.history_from = before
            record.views = {v: view for v, view in record.views.items() if v >= before}
            record.views[record.version] = _with_history(record.view, before)
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
                    _expire(tenant, tenant_name, record, now)
                    count += 1
            tenant.retries = {k: v for k, v in tenant.retries.items() if v[2] > now}
            _end_uploads(tenant, now)
        self._notes = {k: v for k, v in self._notes.items() if v[1] > now}
        return count

    # -- reading -----------------------------------------------------------------------

    async def snapshot(self, tenant: str, key: ContextKey) -> Snapshot | None:
        record = self._tenant(tenant).find(key)
        return record.view.snapshot if record else None

    async def view(self, tenant: str, key: ContextKey, at: int | None = None) -> View | None:
        record = self._tenant(tenant).find(key)
        if record is None:
            return None
        version = record.version if at is None else at
        if version not in record.views:
            raise _gone(record, version)
        return _with_history(record.views[version], record.history_from)

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
        for record in found:
            wanted = Commit(tenant, ids.commit_id(), author, now, ())
            taken = subjects.take(mine, subject, record)
            for other, seqs in subjects.told(mine, subject, taken.reached, now):
                _apply(mine, wanted, other, redaction(wanted, other.view.snapshot, seqs))
            for key in taken.without_content:
                await self.commit(replace(wanted, operations=(PutContent(key, None),)))
            assert record.key is not None
            touched = (record.key, *taken.forks)
            await self.commit(replace(wanted, operations=(Purge(record.key),)))
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

    # -- notes ---------------------------------------------------------------------------

    async def put_note(self, tenant: str, name: str, value: bytes, expires_at: int) -> None:
        self._notes[tenant, name] = value, expires_at

    async def swap_note(
        self, tenant: str, name: str, before: bytes | None, value: bytes, expires_at: int
    ) -> bool:
        if await self.get_note(tenant, name) != before:
            return False
        await self.put_note(tenant, name, value, expires_at)
        return True

    async def get_note(self, tenant: str, name: str) -> bytes | None:
        value, expires_at = self._notes.get((tenant, name), (None, 0))
        return value if expires_at > self._clock.now() else None

    async def list_notes(
        self, tenant: str, prefix: str, after: str = "", limit: int = 1000
    ) -> Sequence[tuple[str, bytes]]:
        found = [
            (name, value)
            for (whose, name), (value, expires_at) in self._notes.items()
            if whose == tenant and expires_at > self._clock.now()
            if name.startswith(prefix) and name.encode() > after.encode()
        ]
        return sorted(found, key=lambda each: each[0].encode())[:limit]

    async def delete_note(self, tenant: str, name: str) -> None:
        self._notes.pop((tenant, name), None)

    async def keep_apart(self, name: str, expires_at: int) -> None:
        self._apart[name] = max(expires_at, self._apart.get(name, 0))

    async def kept_apart(self) -> Mapping[str, int]:
        now = self._clock.now()
        return {name: end for name, end in self._apart.items() if end > now}


def _tag(record: Record | None) -> Tag | None:
    return None if record is None or record.head.deleted else record.head.tag


def _known(tenant: Tenant, asked: Idempotency | None, now: int) -> Outcome | None:
    kept = tenant.retries.get(asked.key) if asked else None
    if asked is None or kept is None or kept[2] <= now:
        return None
    if kept[0].request != asked.request:
        raise KeyReusedError("this idempotency key was used with another request; take a new one")
    results = tuple(replace(result, head=None) for result in kept[1].results)
    return replace(kept[1], results=results, replayed=True, touched=())


def _expire_due(
    tenant: Tenant, commit: Commit, key: ContextKey, operations: Iterable[Operation]
) -> None:
    keys = [key, *(op.source for op in operations if isinstance(op, Fork))]
    for one in dict.fromkeys(keys):
        record = tenant.find(one)
        if record and not record.head.deleted and not record.head.alive(commit.at):
            _expire(tenant, commit.tenant, record, commit.at)


def _expire(tenant: Tenant, name: str, record: Record, at: int) -> None:
    assert record.key is not None
    own = Commit(name, ids.commit_id(), SYSTEM, at, (Expire(record.key),))
    loaded = Loaded(snapshot=record.view.snapshot)
    effect, _ = plan(own, record.key, own.operations, loaded)
    assert effect is not None
    _apply(tenant, own, record, effect)


def _load(tenant: Tenant, key: ContextKey, operations: Sequence[Operation]) -> Loaded:
    record, asked = tenant.find(key), needs(operations)
    source = tenant.find(asked.past[0]) if asked.past else None
    forks = any(isinstance(operation, Fork) for operation in operations)
    version, last_seq = tenant.left_over(key)
    chain = record.view.chain if record else Chain()
    visible = [tenant.entries[p.log, s] for p in chain.pieces for s in range(p.first, p.last + 1)]
    known = {kept.entry.id: kept.entry.seq for kept in visible}
    redactable = {kept.entry.seq: not kept.redacted for kept in visible}
    return Loaded(
        snapshot=record.view.snapshot if record else None,
        version=record.version if record else version,
        last_seq=record.last_seq if record else last_seq,
        known={entry_id: known[entry_id] for entry_id in asked.ids if entry_id in known},
        chain=chain,
        past=_past(source, asked.past[1]) if source and asked.past else None,
        source=source.view.snapshot if source and forks else None,
        redactable=redactable.get(asked.redact) if asked.redact is not None else None,
        missing=_missing(tenant, asked.content) if asked.content else (),
    )


def _missing(tenant: Tenant, content: NewContent) -> Sequence[bytes]:
    usable = tenant.may_use(content.hold)
    kept = {chunk: len(data) for chunk, data in tenant.chunks.items() if chunk in usable}
    absent = (ref.hash for ref in content.manifest if kept.get(ref.hash) != ref.size)
    return list(dict.fromkeys(absent))


def _end_uploads(tenant: Tenant, now: int) -> None:
    ended = now - limits.UPLOAD_SECONDS * SECOND
    tenant.uploads = {k: at for k, at in tenant.uploads.items() if at > ended}
    tenant.drop_unheld()


def _past(source: Record, version: int | None) -> Past | None:
    view = source.views.get(source.version if version is None else version)
    if view is None or source.key is None:
        return None
    document = Document.of(view.snapshot)
    views = [source.views.get(at) for at in document.written_at]
    trusts = [each.snapshot.head.author.trust if each else Trust.IMPORT for each in views]
    trust = max(trusts, default=Trust.OPERATOR)
    return Past(source.key, view.snapshot.head.version, document, view.chain, trust)


def _reach(
    tenant: Tenant, commit: Commit, planned: dict[ContextKey, tuple[Record | None, Effect]]
) -> None:
    """Take out what a redaction reaches, and give each context that shows it a change."""
    reached: set[tuple[int, int]] = set()
    for record, effect in planned.values():
        if record is not None and effect.redact is not None:
            log = record.view.chain.locate(effect.redact)
            assert log is not None
            reached |= finding.made_of(tenant, log, effect.redact)
    for place in reached:
        tenant.entries[place].redact()
    for other in tenant.living(commit.at):
        seqs = [seq for log, seq in reached if other.view.chain.shows(log, seq)]
        if not seqs or other.key is None:
            continue
        if other.key in planned:
            record, effect = planned[other.key]
            planned[other.key] = record, redacting(effect, seqs)
        else:
            planned[other.key] = other, redaction(commit, other.view.snapshot, seqs)


def _apply(tenant: Tenant, commit: Commit, record: Record | None, effect: Effect) -> None:
    head = effect.after.head
    if record is None:
        record = Record(len(tenant.records) + 1, head.key, head.key)
        record.history_from = head.history_from
        tenant.records.append(record)
    for entry in new_entries(head.author, effect):
        tenant.entries[record.number, entry.seq] = Kept(entry)
    if effect.content is not None:
        _take_in(tenant, record, effect.content)
    chain = _next_chain(record, effect)
    record.version, record.last_seq = head.version, head.last_seq
    record.views[head.version] = View(effect.after, chain)
    _log(tenant, commit, record, effect)
    if effect.purge:
        record.key, record.views = None, {}
        tenant.drop_unseen()
        tenant.uploads = {k: v for k, v in tenant.uploads.items() if k[2] != record.number}
    tenant.drop_unheld()


def _take_in(tenant: Tenant, record: Record, content: NewContent) -> None:
    tenant.manifests[content.manifest.root] = content.manifest
    for ref in content.manifest:
        tenant.uploads.pop((content.hold.holder, ref.hash, record.number), None)


def _next_chain(record: Record, effect: Effect) -> Chain:
    head = effect.after.head
    if head.deleted:
        return Chain()
    if effect.start is not None:
        return effect.start.closed.extend(record.number, effect.start.first, head.last_seq)
    if record.version == 0:
        return Chain().extend(record.number, 1, head.last_seq)
    first = head.last_seq - len(effect.appended) + 1
    return record.view.chain.extend(record.number, first, head.last_seq)


def _log(tenant: Tenant, commit: Commit, record: Record, effect: Effect) -> None:
    head = effect.after.head
    tenant.position += 1
    change = Change(
        tenant.position,
        commit.id,
        head.id,
        head.key,
        head.kind,
        head.version,
        effect.op,
        effect.parts,
        effect.seqs,
        head.last_seq,
        head.author,
        commit.at,
    )
    tenant.changes.append((record.number, change))


def _with_history(view: View, history_from: int) -> View:
    head = replace(view.snapshot.head, history_from=history_from)
    return View(Snapshot(head, view.snapshot.state), view.chain)


def _gone(record: Record, version: int) -> GoneError:
    return GoneError(
        f"version {version} of {record.key} cannot be read",
        current=record.version,
        history_from=record.history_from,
    )
