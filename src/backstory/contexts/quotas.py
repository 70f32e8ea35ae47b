"""What each tenant may keep: what the settings say, or what an operator has said of one tenant."""

from __future__ import annotations

import logging
import time
from typing import Any, Final

import orjson

from backstory import limits
from backstory.contexts import access
from backstory.contexts.granting import Granting
from backstory.domain import quotas
from backstory.domain.kinds import TENANT_QUOTA
from backstory.domain.permissions import Verb
from backstory.domain.principals import Principal
from backstory.domain.quotas import KEY, UNBOUNDED, Quota
from backstory.errors import SchemaError, StoreError
from backstory.ports.store import Store

logger = logging.getLogger(__name__)

KIND: Final = TENANT_QUOTA


class Quotas:
    """Remembers them. `default` is for tenants of which nothing is said."""

    def __init__(self, store: Store, granting: Granting) -> None:
        self._store = store
        self.default = UNBOUNDED
        self._own: dict[str, tuple[Quota | None, float]] = {}
        granting.on_change.append(self.forget)

    def forget(self, tenant: str) -> None:
        """What was believed of the tenant may not be so any more."""
        self._own.pop(tenant, None)

    async def of(self, tenant: str) -> Quota | None:
        """What the tenant may keep; None where nothing is bounded.

        Raises:
            StoreError: the store cannot be asked.
        """
        own, until = self._own.get(tenant, (None, 0.0))
        if time.monotonic() >= until:
            until = time.monotonic() + limits.RIGHTS_KNOWN_SECONDS
            try:
                own = await self._read(tenant)
            except StoreError:
                if tenant not in self._own:
                    raise  # what was known of it last counts as long as nobody can be asked
            if len(self._own) >= limits.RIGHTS_TENANTS:
                self._own.clear()
            self._own[tenant] = own, until
        quota = self.default if own is None else own
        return None if quota == UNBOUNDED else quota

    async def _read(self, tenant: str) -> Quota | None:
        snapshot = await self._store.snapshot(tenant, KEY)
        if snapshot is None or snapshot.head.deleted:
            return None
        try:
            if snapshot.head.kind == KIND:
                return quotas.read(orjson.loads(snapshot.state))
            detail = f"it is of the kind {snapshot.head.kind}"
        except SchemaError as error:
            detail = error.detail
        logger.warning("the quota of %s cannot be read; the settings count: %s", tenant, detail)
        return None

    async def usage(self, principal: Principal) -> dict[str, Any]:
        """What the caller's tenant keeps and may keep, for whoever may read reserved namespaces.

        Raises:
            MissingError: the principal may not know.
        """
        access.require(principal, Verb.READ, KEY)
        return await self.view(principal.tenant)

    async def view(self, tenant: str) -> dict[str, Any]:
        """What a tenant keeps, and may keep."""
        used = await self._store.usage(tenant)
        quota = await self.of(tenant) or UNBOUNDED
        return {"contexts": used.contexts, "bytes": used.bytes, "quota": quota.view()}
