"""Which requests are answered where they come in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from backstory.config import Settings, StoreUrl
from backstory.ports.hooks import Hooks
from backstory.wiring.callers import Callers
from backstory.wiring.secure import is_secure

if TYPE_CHECKING:
    from backstory.transports.edge.acting import Acting
    from backstory.transports.edge.at_once import AtOnce, Lane
    from backstory.transports.edge.coding.middleware import Coding
    from backstory.transports.edge.pacing import Pacing


def at_once(
    settings: Settings,
    lanes: Iterable[Lane],
    callers: Callers,
    coding: Coding,
    hooks: Hooks,
    *,
    pacing: Pacing | None,
    acting: Acting | None,
) -> AtOnce | None:
    """Those of the lanes; None where each read has to ask a server for the tag, and wait."""
    from backstory.transports.edge.at_once import AtOnce
    from backstory.transports.edge.strict_transport import STRICT

    if not isinstance(settings.store, StoreUrl) or settings.routes:
        return None
    return AtOnce(
        lanes,
        callers.authenticate,
        hooks,
        coding,
        pacing=pacing,
        acting=acting,
        always=[STRICT] if is_secure(settings) else [],
    )
