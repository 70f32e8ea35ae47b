"""Rules: what a kind demands of what is written, and what transforms do to it.

Kinds are known by tenant, name and the tag of the context that holds their schema, so that
one who asks with a fresh tag never hears of yesterday's rules. Everything is pure and may be
called from any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from backstory.domain.contexts import Tag
from backstory.domain.keys import ContextKey
from backstory.domain.kinds import Packaged
from backstory.domain.ruling import KindRule

Masked = Callable[[str, ContextKey, Mapping[str, int]], None]
"""Hears once for each write what transforms did in a tenant: never a value, only numbers.

The key is that of the write's first context.
"""


class Rules(Protocol):
    """Makes rules of schemas and of what an operator chose."""

    @property
    def packaged(self) -> Mapping[str, Packaged]:
        """The kinds that extensions bring, by name; the same ones as long as the process runs."""
        ...

    def find(self, tenant: str, kind: str, namespace: str, tag: Tag | None) -> KindRule | None:
        """The rule of a kind in a namespace; None where it has to be learnt first.

        `tag` None stands for a kind that its tenant has not registered: one that is packaged,
        or without a schema. It needs no learning. Costs some microseconds.
        """
        ...

    def learn(self, tenant: str, kind: str, tag: Tag, state: bytes) -> None:
        """Get ready to find a kind by the state of its context. Takes milliseconds.

        Raises:
            StoreCorruptError: the state is not one that `register` made.
        """
        ...

    def register(self, standing: bytes | None, body: Any) -> bytes:
        """The state of a kind's context after a registration; the same where nothing changes.

        May take seconds.

        Raises:
            SchemaError, TooLargeError: the body is none, or a schema in it is none.
            IncompatibleError: it would break what the kind promised.
            LimitReachedError: the kind has had too many versions.
        """
        ...

    def version(self, state: bytes) -> int:
        """The version of the schema that a kind's state holds."""
        ...

    def migrated_at(self, state: bytes) -> int:
        """The latest version that states have to be brought to, 0 for none."""
        ...

    def described(self, state: bytes) -> Mapping[str, Any]:
        """A kind's schemas, promise and migrations, as callers see them."""
        ...
