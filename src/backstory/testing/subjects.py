"""Erasing a subject from the model of a store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from msgspec import structs

from backstory.domain.bindings import keys_of
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Author
from backstory.domain.subjects import everything_of, wrote
from backstory.testing import finding
from backstory.testing.records import Record, Tenant

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Taken:
    """What goes with one context of a subject: entries that `reached` others, and how many in all."""

    reached: AbstractSet[Place]
    entries: int
    forks: Sequence[ContextKey]
    without_content: Sequence[ContextKey]
    roots: AbstractSet[bytes]
    """Of content that nobody has on his own."""


def records_of(tenant: Tenant, subject: str) -> list[Record]:
    """All contexts of a subject."""
    mine = everything_of(subject)
    return [r for r in tenant.records if r.key and mine.matches(r.key.namespace)]


def bindings_of(tenant: Tenant, subject: str) -> list[Record]:
    """What binds roles to it."""
    return [r for r in tenant.records if r.key in keys_of(subject)]


def take(tenant: Tenant, subject: str, record: Record) -> Taken:
    """Take out of others' contexts what they show of this one's log."""
    others = [r for r in _others(tenant, subject) if _shows_log(r, record.number)]
    own = {
        place
        for place, kept in tenant.entries.items()
        if place[0] == record.number and not kept.redacted
    }
    shown = [place for place in own if any(_shows(r, place) for r in others)]
    reached = {made for place in shown for made in finding.made_of(tenant, *place)}
    for place in reached:
        tenant.entries[place].redact()
    mine = _roots([record])
    without = [r.key for r in others if r.key and r.head.content and r.head.content.root in mine]
    forks = [r.key for r in others if r.key]
    strangers = [r for r in _others(tenant, subject) if r not in others]
    return Taken(reached, len(own | reached), forks, without, mine - _roots(strangers))


def told(
    tenant: Tenant, subject: str, reached: AbstractSet[Place], now: int
) -> Iterator[tuple[Record, list[int]]]:
    """The living contexts of others that show what was reached, each with the seqs."""
    others = set(map(id, _others(tenant, subject)))
    for record in [r for r in tenant.living(now) if id(r) in others]:
        seqs = sorted(seq for log, seq in reached if record.view.chain.shows(log, seq))
        if seqs:
            yield record, seqs


def named(tenant: Tenant, subject: str) -> bool:
    """Whether anything is written by the subject."""
    authors = [change.by for _, change in tenant.changes]
    authors += [kept.entry.author for kept in tenant.entries.values()]
    return any(wrote(subject, author) for author in authors)


def forget_retries(tenant: Tenant, gone: AbstractSet[ContextKey | None]) -> None:
    """Whatever came of requests that wrote there."""
    tenant.retries = {
        name: kept
        for name, kept in tenant.retries.items()
        if gone.isdisjoint(result.key for result in kept[1].results)
    }


def rename(tenant: Tenant, subject: str, name: str) -> None:
    """Call the subject by another name, wherever it is an author."""

    def called(author: Author) -> Author:
        return structs.replace(author, subject=name) if wrote(subject, author) else author

    tenant.changes = [(no, structs.replace(one, by=called(one.by))) for no, one in tenant.changes]
    for kept in tenant.entries.values():
        kept.entry = kept.entry._replace(author=called(kept.entry.author))
    for record in tenant.records:
        for version, view in record.views.items():
            head = view.snapshot.head
            head = structs.replace(head, author=called(head.author))
            record.views[version] = replace(view, snapshot=replace(view.snapshot, head=head))


def _others(tenant: Tenant, subject: str) -> list[Record]:
    mine = everything_of(subject)
    return [r for r in tenant.records if r.key and not mine.matches(r.key.namespace)]


def _roots(records: Sequence[Record]) -> set[bytes]:
    contents = [view.snapshot.head.content for r in records for view in r.views.values()]
    return {content.root for content in contents if content is not None}


def _shows_log(record: Record, log: int) -> bool:
    return any(log in view.chain.logs for view in record.views.values())


def _shows(record: Record, place: Place) -> bool:
    return any(view.chain.shows(*place) for view in record.views.values())
