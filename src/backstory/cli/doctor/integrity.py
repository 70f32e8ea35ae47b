"""What the last scrub of the store has found."""

from __future__ import annotations

import time
from collections.abc import Iterator

from backstory.cli.doctor.findings import Finding
from backstory.clock import SECOND
from backstory.config import Settings, StoreUrl
from backstory.errors import BackstoryError

_STEP = "see docs/runbooks/store-corrupt.md; `backstory scrub` looks again"


def look(settings: Settings) -> Iterator[Finding]:
    """Nothing where the store cannot be opened, of which others tell."""
    from backstory.wiring import scrub_report

    if isinstance(settings.store, StoreUrl) and not settings.store.path.exists():
        return
    try:
        report = scrub_report(settings)
    except BackstoryError:
        return
    if report.damage:
        first = f"{len(report.damage)} damaged things, the first: {report.damage[0]}"
        yield Finding("scrub", "failed", first, _STEP)
    elif report.ended:
        hours = (time.time() - report.ended / SECOND) / 3600
        yield Finding("scrub", "ok", f"everything was whole {hours:.0f} hours ago")
    else:
        yield Finding("scrub", "ok", "nobody has looked at everything yet")
