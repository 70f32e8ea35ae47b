"""How long a certificate holds."""

from __future__ import annotations

import time
from collections.abc import Callable

from backstory import limits
from backstory.resilience.checking import Look


async def certificate(
    ends: Callable[[], float | None], now: Callable[[], float] = time.time
) -> Look:
    """`ends` is when it does, in seconds since the Unix epoch; None where it cannot be read."""
    end = ends()
    if end is None:
        return Look("failed", "the certificate cannot be read")
    days = (end - now()) / 86_400
    facts = {"days": round(days, 2)}
    if days <= 0:
        return Look("failed", "the certificate has ended; put a new one in its file", facts)
    if days < limits.CERTIFICATE_WARNING_DAYS:
        return Look("warning", "the certificate ends soon; put a new one in its file", facts)
    return Look(facts=facts)
