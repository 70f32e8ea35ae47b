"""The keys of an encrypted store."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

from backstory.cli.doctor.findings import Finding
from backstory.config import Settings, StoreUrl
from backstory.errors import BackstoryError


def without(settings: Settings) -> Settings:
    """The settings by which others look at a store: opening it with a key would encrypt it."""
    if not (settings.master_key and _is_there(settings)):
        return settings
    from backstory.wiring import is_encrypted

    try:
        keyed = asyncio.run(is_encrypted(settings))
    except BackstoryError:  # whoever looks at the store tells of it
        return settings
    return settings if keyed else replace(settings, master_key=())


def look(settings: Settings) -> Iterator[Finding]:
    """Nothing, where the store is not to be encrypted."""
    if not (settings.master_key and _is_there(settings)):
        return
    if not without(settings).master_key:
        detail = "master_key is set, and the store is not encrypted yet"
        yield Finding(
            "keys",
            "warning",
            detail,
            "start the server; it encrypts what is there in the background",
        )
        return
    from backstory.wiring import look_at_keys

    try:
        found, report = asyncio.run(look_at_keys(settings))
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
            f"{detail}; what was stored before may not be encrypted"
            + (f", {report.rows:,} rows are so far" if report.begun else ""),
            "running servers do it in the background; `backstory keys encrypt` does it now",
        )


def _is_there(settings: Settings) -> bool:
    return not isinstance(settings.store, StoreUrl) or settings.store.path.exists()
