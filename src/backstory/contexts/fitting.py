"""How much of a list fits into one answer."""

from __future__ import annotations

from collections.abc import Iterable

from backstory import limits
from backstory.domain.changes import Change
from backstory.domain.contexts import Head, label_terms

_HEAD_BYTES = 600  # of a head's JSON without its labels
_CHANGE_BYTES = 400  # of a change's JSON without its seqs
_SPAN_BYTES = 24


def fitting(sizes: Iterable[int]) -> int:
    """How many of the first items fit into `limits.PAGE_BYTES`; one always does, so that
    readers get on."""
    total = count = 0
    for size in sizes:
        total += size
        if count and total > limits.PAGE_BYTES:
            break
        count += 1
    return count


def head_bytes(head: Head) -> int:
    """About the bytes that a head takes in an answer."""
    return _HEAD_BYTES + sum(len(term.encode()) + 8 for term in label_terms(head.labels))


def change_bytes(change: Change) -> int:
    """About the bytes that a change takes in an answer."""
    return _CHANGE_BYTES + _SPAN_BYTES * len(change.seqs)
