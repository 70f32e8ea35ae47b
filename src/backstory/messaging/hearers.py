"""Those in this process who hear of changes, which every bus has."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator

from backstory.ports.bus import Hear

_log = logging.getLogger(__name__)


class Hearers:
    """Hearers by tenant. To be used inside one event loop."""

    def __init__(self) -> None:
        self._of: dict[str, dict[int, Hear]] = {}
        self._pending: dict[str, None] = {}
        self._number = 0

    def __bool__(self) -> bool:
        return bool(self._of)

    def __iter__(self) -> Iterator[str]:
        """The tenants that are heard of."""
        return iter(self._of)

    def add(self, tenant: str, hear: Hear) -> Callable[[], None]:
        """Let it hear until the returned function is called, which may be done twice."""
        self._number += 1
        number = self._number
        self._of.setdefault(tenant, {})[number] = hear

        def leave() -> None:
            held = self._of.get(tenant, {})
            held.pop(number, None)
            if not held:
                self._of.pop(tenant, None)

        return leave

    def announce(self, tenant: str) -> None:
        """Tell the tenant's hearers, once for all changes in one turn of the loop."""
        if tenant not in self._of:
            return
        if not self._pending:
            asyncio.get_running_loop().call_soon(self._flush)
        self._pending[tenant] = None

    def tell(self, tenant: str) -> None:
        """Tell the tenant's hearers now."""
        for hear in list(self._of.get(tenant, {}).values()):
            try:
                hear()
            except Exception:  # noqa: BLE001 - one bad hearer must not silence the rest
                _log.exception("a hearer of changes failed")

    def tell_all(self) -> None:
        """Tell everybody: any tenant may be meant."""
        for tenant in list(self._of):
            self.tell(tenant)

    def clear(self) -> None:
        """Nobody hears any more."""
        self._of.clear()
        self._pending.clear()

    def _flush(self) -> None:
        pending, self._pending = self._pending, {}
        for tenant in pending:
            self.tell(tenant)
