"""`python -m benchmarks.context_sizes SOURCE FILE...`: how large cached bodies of conversations are.

Prints the quantiles that `benchmarks.hit_rates` draws from: of the view (head and state) and of
the tail (the newest entries), encoded as a cache keeps them. Nothing of the text is in them.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import quantiles

from backstory.caching import bodies
from backstory.caching.tails import TAIL, Tail
from backstory.domain.chains import Chain, Piece
from backstory.domain.contexts import Head, Snapshot
from backstory.domain.entries import Entry, NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Author, Trust
from backstory.ports.store import EntryPage, View
from backstory.processing.conversations import Conversation
from backstory.processing.formats import FORMATS
from backstory.processing.sources import sources
from backstory.processing.sources.files import values

BY = Author("importer", Trust.IMPORT)
AT = 1_780_000_000_000_000
STEPS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", choices=sorted(sources(FORMATS)))
    parser.add_argument("files", nargs="+", type=Path)
    chosen = parser.parse_args()
    views, tails = zip(*_sizes(chosen.source, chosen.files), strict=True)
    print(f"{len(views)} conversations")
    print(f"views: {cut(views)}")
    print(f"tails: {cut(tails)}")


def cut(sizes: Sequence[int]) -> tuple[int, ...]:
    """The middles of equal shares, so that each stands for as many conversations."""
    return tuple(round(size) for size in quantiles(sizes, n=2 * STEPS)[::2])


def _sizes(source: str, files: Sequence[Path]) -> Iterator[tuple[int, int]]:
    read = sources(FORMATS)[source].read
    for path in files:
        with path.open("rb") as file:
            for item in read(values(file, path.name)):
                if isinstance(item, Conversation):
                    yield len(_view(item)), len(_tail(item.entries))


def _view(one: Conversation) -> bytes:
    count, key = len(one.entries), ContextKey("bench", one.name)
    state = one.steps[-1].state if one.steps else one.state
    head = Head(
        bytes(16), key, one.kind, count, bytes(16), 1, 0, one.labels, count, count, BY,
        AT, AT, None, deleted=False, born=1, history_from=1,
    )  # fmt: skip
    view = View(Snapshot(head, state), Chain((Piece(1, 1, count),)))
    return bodies.encode_view(view, AT)


def _tail(entries: Sequence[NewEntry]) -> bytes:
    kept = [_kept(seq, entry) for seq, entry in enumerate(entries, 1)][::-1]
    return bodies.encode_tail(Tail.of(EntryPage(tuple(kept[: TAIL.limit]), more=False)))


def _kept(seq: int, new: NewEntry) -> Entry:
    name = new.id or str(seq)
    return Entry(
        seq, name, new.role, new.type, new.content, new.metadata, BY, seq, AT, new.tokens
    )  # fmt: skip


if __name__ == "__main__":
    main()
