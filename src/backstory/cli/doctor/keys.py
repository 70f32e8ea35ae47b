"""The keys of an encrypted store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from backstory.cli.doctor.findings import Finding
from backstory.config import Settings, StoreUrl
from backstory.errors import BackstoryError


def look(settings: Settings) -> Iterator[Finding]:
    """Nothing, where the store is not to be encrypted."""
    there = not isinstance(settings.store, StoreUrl) or settings.store.path.exists()
    if not (settings.master_key and there):
        return
    from backstory.wiring import look_at_keys

    try:
        found = asyncio.run(look_at_keys(settings))
    except BackstoryError as error:
        yield Finding("keys", "failed", error.detail, "check master_key and keys")
        return
    detail = f"{found.keys:,} keys under {', '.join(found.masters)}"
    if found.complete:
        yield Finding("keys", "ok", f"{detail}, all rows encrypted")
    else:
        yield Finding(
            "keys",
            "warning",
            f"{detail}; what was stored before may not be encrypted",
            "`backstory keys encrypt`",
        )
