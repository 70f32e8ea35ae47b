"""Whether the servers that the settings name can be reached, and what time they have."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from backstory.cli.doctor.findings import Finding
from backstory.config import ServerUrl, Settings
from backstory.errors import BackstoryError

_REACH: Final = "check the host and port in the setting, the name, the firewall and the server"
_CLOCK: Final = "run an NTP client on both machines"


def look(settings: Settings) -> Iterator[Finding]:
    """Each server by what it is for; nothing where all is in a file."""
    from backstory.observability.health.reaching import reach
    from backstory.wiring import servers

    for name, places in servers(settings).items():
        found = asyncio.run(reach(places))
        if found.status == "ok":
            taken = found.facts["milliseconds"]
            yield Finding(f"network.{name}", "ok", f"reached in {taken:g} ms")
        else:
            # What depends on it says whether that is a failure.
            yield Finding(f"network.{name}", "warning", found.detail or "", _REACH)


def clock(settings: Settings) -> Iterator[Finding]:
    """How far this machine's clock is from the database's."""
    from backstory.wiring import inspect_clock

    if not isinstance(settings.store, ServerUrl):
        return
    try:
        found = inspect_clock(settings)
    except BackstoryError:  # the store has a finding of its own
        return
    if found.detail is not None:
        yield Finding("clock", "warning", found.detail, _CLOCK)
    else:
        skew = found.facts["skew_seconds"]
        yield Finding("clock", "ok", f"{abs(skew) * 1000:.0f} ms from the database's")
