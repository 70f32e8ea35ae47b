"""What a server looks at besides what it depends on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from backstory.config import Settings, StoreUrl
from backstory.contexts.service import Contexts
from backstory.errors import ConfigError
from backstory.observability.health import backlog, disks, ends, reaching
from backstory.observability.health.clocks import ClockWatch
from backstory.ports.hooks import Hooks, Number
from backstory.resilience.checking import Dependency
from backstory.security import certificates
from backstory.wiring.reached import servers
from backstory.wiring.secure import tls_options


def surroundings(settings: Settings, clock: ClockWatch, hooks: Hooks) -> Sequence[Dependency]:
    """Disk, clock, certificate, what waits, and whether each server can be reached."""
    found = [
        Dependency("clock", clock.check),
        Dependency("backlog", lambda: backlog.backlog(hooks.standing)),
    ]
    urls = {"": settings.store} | {f".{route.name}": route.url for route in settings.routes}
    for name, url in urls.items():
        if isinstance(url, StoreUrl):
            room = partial(disks.room, url.path.absolute().parent)
            found.append(Dependency(f"disk{name}", room))
    if settings.tls_certificate is not None:
        end = partial(certificate_ends, settings)
        found.append(Dependency("certificate", partial(ends.certificate, end)))
    for name, places in servers(settings).items():
        found.append(Dependency(f"network.{name}", partial(reaching.reach, places)))
    return found


def certificate_ends(settings: Settings) -> float | None:
    """When the certificate ends, in seconds since the Unix epoch; None where there is none."""
    try:
        options = tls_options(settings)
        return None if options is None else certificates.read(options.certificate).ends
    except ConfigError:
        return None


def numbers(contexts: Contexts, clock: ClockWatch) -> Iterator[Number]:
    """What the last looks came to, for the metrics."""
    clock.look()
    yield "clock_skew_seconds", (), clock.skew
    yield "clock_jumps", (), clock.jumps
    for name, seen in {**contexts.checks.last, **contexts.surroundings.last}.items():
        yield "check_failing", (name,), float(seen.status == "failed")
        yield "check_seconds", (name,), seen.seconds
        if name == "replica" and "lag_seconds" in seen.facts:
            yield "replica_lag_seconds", (), float(seen.facts["lag_seconds"])
