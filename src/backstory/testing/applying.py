"""What a commit does to the contexts that a model holds: it is planned, then applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from msgspec import structs

from backstory import ids, limits
from backstory.clock import SECOND
from backstory.domain.chains import Chain
from backstory.domain.changes import Change
from backstory.domain.commits import (
    Commit,
    Expire,
    Fork,
    Idempotency,
    Operation,
    Outcome,
)
from backstory.domain.content import NewContent
from backstory.domain.contexts import Snapshot, Tag
from backstory.domain.documents import Document
from backstory.domain.effects import Effect, Loaded, Past
from backstory.domain.keys import ContextKey
from backstory.domain.planning import needs, plan, redacting, redaction
from backstory.domain.principals import SYSTEM, Trust
from backstory.errors import GoneError, KeyReusedError
from backstory.ports.store import (
    View,
)
from backstory.testing import finding
from backstory.testing.records import Kept, Record, Tenant, new_entries


def tag_of(record: Record | None) -> Tag | None:
    return None if record is None or record.head.deleted else record.head.tag


def known(tenant: Tenant, asked: Idempotency | None, now: int) -> Outcome | None:
    kept = tenant.retries.get(asked.key) if asked else None
    if asked is None or kept is None or kept[2] <= now:
        return None
    if kept[0].request != asked.request:
        raise KeyReusedError("this idempotency key was used with another request; take a new one")
    results = tuple(structs.replace(result, head=None) for result in kept[1].results)
    return structs.replace(kept[1], results=results, replayed=True, touched=())


def expire_due(
    tenant: Tenant, commit: Commit, key: ContextKey, operations: Iterable[Operation]
) -> None:
    keys = [key, *(op.source for op in operations if isinstance(op, Fork))]
    for one in dict.fromkeys(keys):
        record = tenant.find(one)
        if record and not record.head.deleted and not record.head.alive(commit.at):
            expire(tenant, commit.tenant, record, commit.at)


def expire(tenant: Tenant, name: str, record: Record, at: int) -> None:
    assert record.key is not None
    own = Commit(name, ids.commit_id(), SYSTEM, at, (Expire(record.key),))
    loaded = Loaded(snapshot=record.view.snapshot)
    effect, _ = plan(own, record.key, own.operations, loaded)
    assert effect is not None
    apply(tenant, own, record, effect)


def load(tenant: Tenant, key: ContextKey, operations: Sequence[Operation]) -> Loaded:
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


def end_uploads(tenant: Tenant, now: int) -> None:
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


def reach(
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


def apply(tenant: Tenant, commit: Commit, record: Record | None, effect: Effect) -> None:
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


def with_history(view: View, history_from: int) -> View:
    head = structs.replace(view.snapshot.head, history_from=history_from)
    return View(Snapshot(head, view.snapshot.state), view.chain)


def gone(record: Record, version: int) -> GoneError:
    return GoneError(
        f"version {version} of {record.key} cannot be read",
        current=record.version,
        history_from=record.history_from,
    )
