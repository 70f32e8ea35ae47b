"""Stores that keep some namespaces apart, and what lies where nobody sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace

from backstory import limits
from backstory.cli.doctor import keys
from backstory.cli.doctor.findings import Finding
from backstory.config import Settings, StoreUrl
from backstory.errors import BackstoryError

Look = Callable[[Settings], Iterator[Finding]]
_STEP = "docs/how-to/hybrid.md, Move what is there already; until then callers find nothing of it"


def look(settings: Settings, store: Look) -> Iterator[Finding]:
    """Each of them as a store alone, then whether each keeps what it should."""
    if not settings.routes:
        return
    from backstory.wiring import each_store

    stores = list(each_store(settings))
    for name, own in stores[1:]:
        for found in store(own):
            yield replace(found, name=f"{found.name} of {name}")
    if all(_can_be_opened(own) for _, own in stores):
        yield from _places(settings)


def _can_be_opened(own: Settings) -> bool:
    """Whether a look changes nothing: no store is made by it, and none is encrypted."""
    there = not isinstance(own.store, StoreUrl) or own.store.path.exists()
    return there and keys.without(own).master_key == own.master_key


def _places(settings: Settings) -> Iterator[Finding]:
    from backstory.wiring import find_misplaced

    try:
        found = asyncio.run(find_misplaced(settings, limits.DOCTOR_MISPLACED))
    except BackstoryError as error:
        yield Finding("routes", "failed", error.detail, "mend the setting `routes`, or that store")
        return
    names = ["the first store", *(f"the store of {route.name}" for route in settings.routes)]
    for one in found:
        detail = (
            f"{one.namespace} of tenant {one.tenant} lies in {names[one.found]}, "
            f"and is routed to {names[one.kept]}"
        )
        yield Finding("routes", "failed", detail, _STEP)
    if not found:
        yield Finding("routes", "ok", f"{len(names)} stores keep what is routed to them")
