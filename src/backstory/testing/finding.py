"""How the model of a store finds things: by looking at everything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import structs

from backstory import limits
from backstory.domain.chains import Chain, Span
from backstory.domain.changes import Change, Part
from backstory.domain.contexts import Head, label_terms
from backstory.domain.entries import (
    REDACTED,
    Entry,
    Outline,
    Shape,
    text_of_content,
    text_of_state,
)
from backstory.domain.keys import ContextKey
from backstory.domain.permissions import BINDINGS, ROLES
from backstory.domain.quotas import NAMESPACE as QUOTAS
from backstory.domain.summaries import Summary, covers_of
from backstory.ports.store import (
    ChangePage,
    ChangeQuery,
    EntryPage,
    EntryQuery,
    HeadQuery,
    Mark,
    Match,
    MatchText,
    OutlinePage,
    OutlineQuery,
    SearchQuery,
)
from backstory.storage import tokens
from backstory.storage.tokenizing import words
from backstory.testing.records import Kept, Record, Tenant

# -- entries and changes -----------------------------------------------------------------


def shown(tenant: Tenant, chain: Chain) -> Iterator[Kept]:
    """The entries of a chain that are still there, in order."""
    for piece in chain.pieces:
        for seq in range(piece.first, piece.last + 1):
            if (piece.log, seq) in tenant.entries:
                yield tenant.entries[piece.log, seq]


def page(tenant: Tenant, chain: Chain, query: EntryQuery) -> EntryPage:
    entries = [kept.entry for kept in shown(tenant, chain)]
    asked = [entry for entry in entries if query.after < entry.seq < query.before]
    if query.descending:
        asked.reverse()
    fitting: list[Entry] = []
    for entry in asked[: query.limit]:
        size = sum(one.size for one in fitting) + entry.size
        if fitting and size > query.max_bytes:
            break
        fitting.append(entry)
    return EntryPage(tuple(fitting), more=len(fitting) < len(asked))


def outline(tenant: Tenant, chain: Chain, query: OutlineQuery) -> OutlinePage:
    entries = [kept.entry for kept in shown(tenant, chain) if kept.entry.seq < query.before]
    found = [_outline(entry) for entry in entries[::-1][: query.limit]]
    return OutlinePage(found, more=len(found) < len(entries))


def _outline(entry: Entry) -> Outline:
    shape = Shape.OTHER if entry.type == REDACTED else Shape.of(entry.content)
    return Outline(entry.seq, entry.role, entry.type, entry.author, entry.tokens, shape)


def summaries(tenant: Tenant, chain: Chain, before: int, limit: int) -> list[Summary]:
    found = [
        Summary(kept.entry.seq, *covers)
        for kept in shown(tenant, chain)
        if kept.entry.seq < before and (covers := _covers(kept))
    ]
    return found[::-1][:limit]


def _covers(kept: Kept) -> Span | None:
    return covers_of(kept.entry.type, kept.entry.metadata)


def made_of(tenant: Tenant, log: int, seq: int) -> set[tuple[int, int]]:
    """The place of an entry, and of all summaries that were made of it in any kept version."""
    chains = [view.chain for record in tenant.records for view in record.views.values()]
    found, before = {(log, seq)}, 0
    while before < len(found):
        before = len(found)
        for chain in chains:
            seqs = [each for origin, each in found if chain.shows(origin, each)]
            for summary in summaries(tenant, chain, limits.SEQ_MAX, limits.SEQ_MAX):
                origin = chain.locate(summary.seq)
                covered = any(summary.first <= each <= summary.last for each in seqs)
                if origin is not None and covered:
                    found.add((origin, summary.seq))
    return found


def keyed(tenant: Tenant) -> list[Change]:
    """All changes in order; those of purged contexts have lost their names."""
    records = {record.number: record for record in tenant.records}
    return [_named(change, records[number]) for number, change in tenant.changes]


def _named(change: Change, record: Record) -> Change:
    """With the name and kind that its context has now."""
    if record.key is None:
        return structs.replace(change, key=None, kind=None)
    return structs.replace(change, kind=record.head.kind)


def of_context(tenant: Tenant, key: ContextKey) -> list[Change]:
    return [change for change in keyed(tenant) if change.key == key]


def mark(tenant: Tenant, epoch: str) -> Mark:
    oldest = min((change.position for _, change in tenant.changes), default=tenant.position + 1)
    return Mark(epoch, oldest - 1, tenant.position)


def changes(tenant: Tenant, query: ChangeQuery) -> ChangePage:
    found: list[Change] = []
    position, commit = query.after, b""
    for change in keyed(tenant):
        if change.position <= query.after:
            continue
        if len(found) >= query.limit and change.commit != commit:
            return ChangePage(tuple(found), position, more=True)
        position, commit = change.position, change.commit
        if _visible(change, query):
            found.append(change)
    return ChangePage(tuple(found), max(tenant.position, query.after), more=False)


def _visible(change: Change, query: ChangeQuery) -> bool:
    if change.key is None:
        return query.visible.everything
    return query.visible.shows(change.key.namespace)


def redacted(changes: Iterable[Change], after: int, upto: int) -> list[int]:
    return sorted(
        {
            seq
            for change in changes
            if change.parts & Part.REDACTED and after < change.version <= upto
            for first, last in change.seqs
            for seq in range(first, last + 1)
        }
    )


# -- contexts ----------------------------------------------------------------------------


def heads(tenant: Tenant, query: HeadQuery, now: int) -> list[Head]:
    found = [
        record.head
        for record in tenant.living(now)
        if query.visible.shows(record.head.key.namespace)
        and (query.kind is None or record.head.kind == query.kind)
        and (query.label is None or query.label in label_terms(record.head.labels))
        and (query.updated_since is None or record.head.updated_at >= query.updated_since)
        and (query.schema_below is None or record.head.schema_version < query.schema_below)
        and (query.after is None or _place(record.head.key) > _place(query.after))
    ]
    return sorted(found, key=lambda head: _place(head.key))[: query.limit]


def _place(key: ContextKey) -> tuple[str, str]:
    return key.namespace, key.name


def matches(tenant: Tenant, query: SearchQuery, now: int) -> list[Match]:
    asked = HeadQuery(query.visible, query.kind, query.label, limit=len(tenant.records))
    living = heads(tenant, asked, now)
    if not query.terms:
        newest = sorted(living, key=lambda head: -head.updated_at)
        return [Match(head, None, (), 0, head.updated_at) for head in newest[: query.candidates]]
    phrases = [tokens.phrase(words, term) for term in query.terms]
    found: list[Match] = []
    for head in living:
        record = tenant.find(head.key)
        assert record is not None
        if query.entries_of is None:
            found += _matches(tenant, record, phrases)
        elif head.key == query.entries_of:
            entries = [each for each in _matches(tenant, record, phrases) if each.seq is not None]
            found += reversed(entries)
    return found[: query.candidates]


def _matches(tenant: Tenant, record: Record, phrases: Sequence[tokens.Phrase]) -> Iterator[Match]:
    state = record.view.snapshot.state
    texts: list[tuple[int | None, str, int, int]] = [
        (None, text_of_state(state), len(state), record.head.updated_at)
    ]
    texts += [
        (entry.seq, text_of_content(entry.content), len(entry.content), entry.created_at)
        for entry in (kept.entry for kept in shown(tenant, record.view.chain))
    ]
    for seq, text, size, at in texts:
        counts = tuple(tokens.count(words, text, phrase) for phrase in phrases)
        asked = [n for n, phrase in zip(counts, phrases, strict=True) if phrase.tokens]
        if asked and all(asked):
            yield Match(record.head, seq, counts, size, at)


def match_text(tenant: Tenant, match: Match, terms: tuple[str, ...]) -> MatchText | None:
    record = tenant.find(match.head.key)
    if record is None or record.head.id != match.head.id or record.head.deleted:
        return None
    text: str | None = None
    if match.seq is None:
        text = text_of_state(record.view.snapshot.state)
    else:
        for kept in shown(tenant, record.view.chain):
            if kept.entry.seq == match.seq and not kept.redacted:
                text = text_of_content(kept.entry.content)
    if text is None:
        return None
    phrases = [tokens.phrase(words, term) for term in terms]
    return MatchText(text, tokens.highlights(words, text, phrases))


_RIGHTS = frozenset({ROLES, BINDINGS, QUOTAS})


def rights_marks(tenants: Mapping[str, Tenant], since: int) -> list[tuple[str, bytes]]:
    found: dict[str, bytes] = {}
    for name, tenant in tenants.items():
        ours = {r.number for r in tenant.records if r.first_key.namespace in _RIGHTS}
        for number, change in tenant.changes:
            if number in ours and change.at >= since:
                found[name] = change.commit
    return list(found.items())
