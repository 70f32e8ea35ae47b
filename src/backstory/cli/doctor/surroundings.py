"""Settings, the certificate and extensions."""

from __future__ import annotations

import time
from collections.abc import Iterator

from backstory import limits
from backstory.cli.doctor.findings import Finding
from backstory.config import Settings, check_callers
from backstory.errors import ConfigError
from backstory.extensions import Extension


def settings(given: Settings) -> Iterator[Finding]:
    """Whether a server would start with them."""
    try:
        check_callers(given)
    except ConfigError as error:
        yield Finding("settings", "failed", error.detail, "mend the setting that it names")
    else:
        yield Finding("settings", "ok", "all can be read; `backstory config` shows them")


def certificate(given: Settings) -> Iterator[Finding]:
    """How long the certificate holds, where there is one."""
    from backstory.wiring import inspect_certificate

    name, step = "certificate", "renew it; the server takes the new files by itself"
    try:
        found = inspect_certificate(given)
    except ConfigError as error:
        yield Finding(name, "failed", error.detail, "mend --tls-certificate and --tls-key")
        return
    if found is None:
        return
    days = found.days(time.time())
    detail = f"{', '.join(found.names) or found.subject} for {days:.0f} more days"
    if days <= 0:
        yield Finding(name, "failed", f"{found.subject} ended {-days:.0f} days ago", step)
    elif days < limits.CERTIFICATE_WARNING_DAYS:
        yield Finding(name, "warning", detail, step)
    else:
        yield Finding(name, "ok", detail)


def extensions() -> list[Extension]:
    """All that are installed."""
    from backstory.wiring import inspect_extensions

    return list(inspect_extensions())


def extension(found: Extension) -> Finding:
    """One that is broken stops the start, so there is no milder word for it."""
    if found.ignored:
        detail = f"{found.name} of {found.package} {found.version} is ignored: {found.problem}"
        return Finding("extension", "warning", detail, f"mend the group in {found.package}")
    if found.problem is None:
        detail = f"{found.name} of {found.group}, from {found.package} {found.version}"
        return Finding("extension", "ok", detail)
    step = f"mend {found.package}, or take it away"
    return Finding("extension", "failed", found.problem, step)
