"""States brought to the newest version of their kind, in the background.

A migration is an ordinary commit under the condition that the state is the one that was
looked at, so any number of processes may do it at the same time. Each kind is gone through
once for each of its versions; what is written meanwhile is migrated by its own write.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Final

from msgspec import structs

from backstory import limits
from backstory.contexts.ruling import Ruled, Ruler
from backstory.contexts.writing import Intent, Writer
from backstory.domain.commits import Conditions, Patch
from backstory.domain.contexts import Head, Snapshot, Tag
from backstory.domain.keys import EVERYWHERE, ContextKey, NamespacePattern
from backstory.domain.kinds import NAMESPACE, context_of
from backstory.domain.patches import MergePatch
from backstory.domain.policy import Verb, Visibility
from backstory.domain.principals import SYSTEM, Author, Principal, Trust
from backstory.errors import BusyError, ConflictError, InvalidError, MissingError
from backstory.ports.rules import Rules
from backstory.ports.store import HeadQuery, Store

logger = logging.getLogger(__name__)

_ALL: Final = Visibility((EVERYWHERE,))
_KINDS: Final = Visibility((NamespacePattern(NAMESPACE, below=False),))


@dataclass(slots=True)
class _Progress:
    """How far the contexts of one kind were gone through for one of its versions.

    `tag` None: that of an extension, which stays as long as the process runs.
    """

    tag: Tag | None
    after: ContextKey | None = None
    done: bool = False


class Migrator:
    """Goes on where it was at each call; forgets everything with its process."""

    def __init__(self, store: Store, writer: Writer, ruler: Ruler, rules: Rules) -> None:
        self._store = store
        self._writer = writer
        self._ruler = ruler
        self._rules = rules
        self._progress: dict[tuple[str, str], _Progress] = {}

    async def migrate(self, most: int = limits.SWEEP_CONTEXTS) -> int:
        """Look at up to so many contexts; returns how many were looked at.

        Raises:
            StoreError: the store cannot do its work.
        """
        looked, after = 0, ""
        while tenants := await self._store.tenants(after, limits.PAGE_DEFAULT):
            for tenant in tenants:
                looked += await self._tenant(tenant, most - looked)
                if looked >= most:
                    return looked
            after = tenants[-1]
        return looked

    async def behind(self) -> AsyncIterator[tuple[str, ContextKey]]:
        """Tenant and key of each context whose state no migration has brought along yet.

        Raises:
            StoreError: the store cannot do its work.
        """
        after = ""
        while tenants := await self._store.tenants(after, limits.PAGE_DEFAULT):
            for tenant in tenants:
                async for name, tag in self._kinds(tenant):
                    version = await self._migrated_at(tenant, name, tag)
                    wanted = HeadQuery(_ALL, kind=name, schema_below=version)
                    async for head in self._heads(tenant, wanted if version else None):
                        yield tenant, head.key
            after = tenants[-1]

    async def _heads(self, tenant: str, query: HeadQuery | None) -> AsyncIterator[Head]:
        """All heads that are asked for, page by page."""
        while query is not None:
            heads = await self._store.heads(tenant, query)
            for head in heads:
                yield head
            more = len(heads) == query.limit
            query = replace(query, after=heads[-1].key) if more else None

    async def _tenant(self, tenant: str, most: int) -> int:
        looked = 0
        async for name, tag in self._kinds(tenant):
            looked += await self._kind(tenant, name, tag, most - looked)
            if looked >= most:
                break
        return looked

    async def _kinds(self, tenant: str) -> AsyncIterator[tuple[str, Tag | None]]:
        """All kinds with a schema: those that the tenant has registered, and those of extensions."""
        registered: set[str] = set()
        async for head in self._heads(tenant, HeadQuery(_KINDS)):
            registered.add(head.key.name)
            yield head.key.name, head.tag
        for name in self._rules.packaged.keys() - registered:
            yield name, None

    async def _kind(self, tenant: str, name: str, tag: Tag | None, most: int) -> int:
        progress = self._progress.get((tenant, name))
        if progress is None or progress.tag != tag:
            progress = self._progress[tenant, name] = _Progress(tag)
        if progress.done:
            return 0
        version = await self._migrated_at(tenant, name, tag)
        query = HeadQuery(_ALL, kind=name, after=progress.after, limit=most, schema_below=version)
        heads = await self._store.heads(tenant, query) if version else ()
        for head in heads:
            await self._context(tenant, head.key)
            progress.after = head.key
        progress.done = len(heads) < most
        return len(heads)

    async def _migrated_at(self, tenant: str, name: str, tag: Tag | None) -> int:
        if tag is None:
            return self._rules.migrated_at(self._rules.packaged[name].state)
        snapshot = await self._store.snapshot(tenant, context_of(name))
        return self._rules.migrated_at(snapshot.state) if snapshot else 0

    async def _context(self, tenant: str, key: ContextKey) -> None:
        try:
            snapshot = await self._store.snapshot(tenant, key)
            if snapshot is not None:
                await self._write(tenant, snapshot)
        except (ConflictError, MissingError, BusyError):
            return  # it was written meanwhile, and so migrated
        except InvalidError as error:
            logger.warning(
                "a state does not fit its kind any more and stays as it is: %s",
                error.code,
                extra={"tenant": tenant, "namespace": key.namespace, "code": error.code},
            )

    async def _write(self, tenant: str, snapshot: Snapshot) -> None:
        head = snapshot.head
        principal = Principal(tenant, SYSTEM.subject, frozenset({"admin"}), SYSTEM.trust)
        trust = max(SYSTEM.trust, await self._trust(tenant, head))
        conditions = Conditions(if_state_version=head.state_version)
        patch = Patch(head.key, MergePatch({}), conditions)

        async def prepare(attempt: int, at: int) -> Ruled:
            ruled = await self._ruler.rule(tenant, [patch], at, attempt)
            # What was not to be believed is not believed more for having been migrated.
            return structs.replace(ruled, author=Author(SYSTEM.subject, trust))

        await self._writer.write_prepared(principal, [Intent(Verb.WRITE, head.key)], prepare)

    async def _trust(self, tenant: str, head: Head) -> Trust:
        """That of who wrote the state; the least where that was let go."""
        at = head.state_version
        found = await self._store.versions(
            tenant, head.key, after=at - 1, before=at + 1, limit=1, newest_first=False
        )
        return found[0].by.trust if found else Trust.IMPORT
