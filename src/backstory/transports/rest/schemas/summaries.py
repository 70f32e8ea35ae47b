"""Summaries of a context's entries."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from backstory import limits
from backstory.transports.rest.schemas.words import Seq, Version


class Summarise(Struct, forbid_unknown_fields=True):
    """What is wanted of a summary; all of it has defaults."""

    keep: (
        Annotated[
            int,
            Meta(
                ge=0,
                le=limits.SUMMARY_KEEP,
                description="So many of the newest entries are not covered; "
                f"{limits.SUMMARY_KEEP_DEFAULT}, or none with `through`.",
            ),
        ]
        | None
    ) = None
    tokens: (
        Annotated[
            int,
            Meta(
                ge=limits.SUMMARY_TOKENS_LEAST,
                le=limits.SUMMARY_TOKENS,
                description=f"How long it may be; {limits.SUMMARY_TOKENS_DEFAULT}.",
            ),
        ]
        | None
    ) = None
    through: (
        Annotated[int, Meta(ge=1, le=limits.SEQ_MAX, description="The last seq that it may cover.")]
        | None
    ) = None


class Summarised(Struct):
    """A summary that was made; all but `version` and `more` null where there was nothing to."""

    version: Version
    seq: Seq | None
    covers: Annotated[list[int], Meta(description="`[first, last]`, the seqs it covers.")] | None
    summariser: Annotated[str, Meta(description="`extractive` or `<provider>:<model>`.")] | None
    fallback: Annotated[str, Meta(description="Why the model did not make it.")] | None
    more: Annotated[bool, Meta(description="There is more to cover; ask again.")]
