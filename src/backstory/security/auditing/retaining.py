"""Drops what is older than the trail is kept; what is left leans on a signed checkpoint."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from backstory import limits
from backstory.clock import SECOND, Clock
from backstory.domain.audit import Block, checkpoint_of
from backstory.ports.audits import Audits
from backstory.resilience.trouble import Trouble
from backstory.security.auditing.signing import Signer, packed

logger = logging.getLogger(__name__)

_DAY: Final = 24 * 3600 * SECOND
_BLOCKS: Final = 16


class Retention:
    """Keeps the trail of each tenant for some days."""

    def __init__(self, store: Audits, secret: bytes, clock: Clock, days: int) -> None:
        self._store, self._clock, self._days = store, clock, days
        self._signer = Signer(secret)

    async def run(self) -> None:
        """Look again and again, until it is cancelled."""
        trouble = Trouble(logger, "drop old events of the audit trail")
        while True:
            await trouble.telling(self.drop_old)
            await asyncio.sleep(limits.AUDIT_RETENTION_SECONDS)

    async def drop_old(self) -> None:
        """What is too old now, of every tenant.

        Raises:
            StoreError: the store cannot be asked, or written.
        """
        tenants = await self._store.audited()
        while tenants:
            for tenant in tenants:
                await self._drop(tenant, self._clock.now() - self._days * _DAY)
            tenants = await self._store.audited(tenants[-1]) if tenants[-1] else ()

    async def _drop(self, tenant: str, before: int) -> None:
        while True:
            tip = await self._store.audit_tip(tenant)
            blocks = await self._store.audit_blocks(tenant, 0, _BLOCKS)
            old = _old(blocks, before)
            if tip is None or old is None:
                return
            checkpoint = checkpoint_of(tenant, old, self._clock.now())
            kept = packed(checkpoint, self._signer.sign(checkpoint))
            dropped = await self._store.drop_audit(tenant, tip, old.number, kept, before // _DAY)
            if not dropped or old is not blocks[-1]:
                return


def _old(blocks: Sequence[Block], before: int) -> Block | None:
    """The last of those that are old, of blocks in order."""
    newest = None
    for block in blocks:
        if block.at >= before:
            break
        newest = block
    return newest
