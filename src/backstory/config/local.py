"""What may be served without authentication: only this machine."""

from __future__ import annotations

import ipaddress

from backstory.config.settings import Settings
from backstory.errors import ConfigError


def is_loopback(host: str) -> bool:
    """Does nobody but this machine reach what listens on `host`?

    Of names only `localhost` counts (RFC 6761 section 6.3); what another name
    resolves to may change.
    """
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_local_mode(settings: Settings) -> None:
    """Refuses to serve others without authentication; raises `ConfigError`."""
    if is_loopback(settings.host):
        return
    raise ConfigError(
        f"host from {settings.origin('host')} must be a loopback address while no authentication"
        f" is configured, not {settings.host!r}; set --host or BACKSTORY_HOST to 127.0.0.1, ::1 or"
        " localhost, or BACKSTORY_AUTH_ISSUER to the issuer of access tokens"
    )
