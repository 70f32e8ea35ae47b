"""What summaries cover, told by places in an export.

An export leaves redaction markers and hidden entries out, and an import gives its entries the
seqs from 1 on. So what a summary covers is counted anew where it is written.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right

import orjson

from backstory.domain.entries import Entry
from backstory.domain.summaries import COVERS, covers_of


class Renumbering:
    """The entries of one context that were written so far, in their order."""

    def __init__(self) -> None:
        self._seqs = array("Q")

    def metadata(self, entry: Entry) -> bytes | None:
        """The metadata of the next entry that is written; it has to be given each of them."""
        covers = covers_of(entry.type, entry.metadata)
        self._seqs.append(entry.seq)
        if covers is None or entry.metadata is None:
            return entry.metadata
        first, last = bisect_left(self._seqs, covers[0]) + 1, bisect_right(self._seqs, covers[1])
        if (first, last) == covers:
            return entry.metadata
        about = orjson.loads(entry.metadata)
        if first <= last:
            about[COVERS] = [first, last]
        else:  # nothing of it is left
            del about[COVERS]
        return orjson.dumps(about) if about else None
