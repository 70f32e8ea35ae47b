"""How the built-in authorization server is called: all of it follows from the public URL."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from backstory.config.local import is_loopback
from backstory.config.settings import Settings
from backstory.errors import ConfigError

_MCP = "/mcp"


def own_issuer(settings: Settings) -> str:
    """The issuer of the built-in server's tokens: public_url, or where it listens on this machine.

    Raises:
        ConfigError: neither tells how clients call the server.
    """
    if settings.public_url is not None:
        return settings.public_url
    if not is_loopback(settings.host) or settings.port == 0:
        raise ConfigError(
            "public_url is needed with auth_server: the URL under which browsers and clients reach "
            "it; set BACKSTORY_PUBLIC_URL"
        )
    scheme = "http" if settings.tls_certificate is None else "https"
    host = f"[{settings.host}]" if _is_v6(settings.host) else settings.host
    return f"{scheme}://{host}:{settings.port}"


def audiences(settings: Settings) -> tuple[str, ...]:
    """What tokens may be made for: this server, its MCP endpoint, and whatever else is set."""
    if not settings.auth_server:
        return settings.auth_audience
    own = own_issuer(settings)
    return tuple(dict.fromkeys((own, own + _MCP, *settings.auth_audience)))


def issuers(settings: Settings) -> tuple[str, ...]:
    """All whose tokens are believed, the built-in server first."""
    own = (own_issuer(settings),) if settings.auth_server else ()
    return own if settings.auth_issuer is None else (*own, settings.auth_issuer)


def check_own_issuer(settings: Settings) -> None:
    """Refuses a built-in server that nobody could trust; raises `ConfigError`."""
    own = own_issuer(settings)
    parts = urlsplit(own)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ConfigError(
            f"public_url from {settings.origin('public_url')} must be https with auth_server, since "
            "passwords and tokens travel to it; only this machine itself may be called by http"
        )
    if settings.auth_dpop == "required":
        raise ConfigError(
            "auth_dpop=required would refuse what auth_server makes, whose tokens are bound to no "
            "key; set BACKSTORY_AUTH_DPOP=optional, or one of the two"
        )
    if settings.auth_issuer is not None and settings.auth_issuer.rstrip("/") == own.rstrip("/"):
        raise ConfigError(
            "auth_issuer is the built-in server itself, which has keys of its own; leave "
            "BACKSTORY_AUTH_ISSUER away"
        )


def _is_v6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False
