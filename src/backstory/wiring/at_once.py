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
) -> AtOnce:
    """Those of the lanes."""
    from backstory.transports.edge.at_once import AtOnce
    from backstory.transports.edge.strict_transport import STRICT

    return AtOnce(
        lanes,
        callers.authenticate,
        hooks,
        coding,
        pacing=pacing,
        acting=acting,
        always=[STRICT] if is_secure(settings) else [],
    )


def knows(settings: Settings) -> bool:
    """Whether a read may be answered from memory; a store on a server has to be asked for the tag."""
    return isinstance(settings.store, StoreUrl) and not settings.routes
