"""What has to be said before tokens can be checked, and what nobody else may be served without."""

from __future__ import annotations

from urllib.parse import urlsplit

from backstory.config.authority import audiences, check_own_issuer
from backstory.config.local import check_local_mode
from backstory.config.settings import DEFAULT_ORIGIN, Settings
from backstory.errors import ConfigError
from backstory.security.urls import is_safe

_ONLY_WITH_ISSUER = (
    "auth_jwks",
    "auth_audience",
    "auth_tenant_claim",
    "auth_roles_claim",
    "auth_groups_claim",
    "auth_introspection",
)


def check_callers(settings: Settings) -> None:
    """Refuses to start where it would not be sure who calls; raises `ConfigError`."""
    if settings.auth_server:
        check_own_issuer(settings)
    elif settings.auth_client_hosts:
        raise ConfigError("auth_client_hosts is of no use without auth_server; set it, or neither")
    if settings.auth_issuer is None:
        if settings.auth_server:
            _check_for_own(settings)
            return
        _check_no_half(settings)
        check_local_mode(settings)
        return
    if not audiences(settings):
        raise ConfigError(
            "auth_audience is needed with auth_issuer: what tokens for this server have as aud, "
            "such as its URL; set BACKSTORY_AUTH_AUDIENCE"
        )
    if settings.local_token:
        raise ConfigError("local_token is for servers without auth_issuer; set one of the two")
    if settings.auth_jwks is None and not is_safe(settings.auth_issuer):
        raise ConfigError(
            f"auth_issuer from {settings.origin('auth_issuer')} must be https, since its metadata "
            "is asked for keys; or set auth_jwks"
        )
    _check_introspection(settings)
    named = any(_is_url(audience) for audience in audiences(settings))
    if not (named or settings.public_url or settings.allowed_hosts):
        raise ConfigError(
            "public_url is needed, since no auth_audience is a URL that tells how this server is "
            "called; set BACKSTORY_PUBLIC_URL"
        )
    if settings.auth_dpop != "off" and not (named or settings.public_url):
        raise ConfigError(
            "public_url is needed with auth_dpop, since proofs name the URL that is called; set "
            "BACKSTORY_PUBLIC_URL"
        )


def _check_introspection(settings: Settings) -> None:
    if settings.auth_introspection is None:
        return
    for name in ("auth_client_id", "auth_client_secret"):
        if getattr(settings, name) is None:
            raise ConfigError(
                f"{name} is needed with auth_introspection: whoever asks about tokens has to say "
                f"who it is; set BACKSTORY_{name.upper()}"
            )


def _check_for_own(settings: Settings) -> None:
    if settings.auth_jwks is not None:
        raise ConfigError(
            "auth_jwks is of no use without auth_issuer: the built-in server has keys of its own"
        )
    if settings.local_token:
        raise ConfigError("local_token is for servers without auth_server; set one of the two")


def _check_no_half(settings: Settings) -> None:
    for name in _ONLY_WITH_ISSUER:
        if settings.origin(name) != DEFAULT_ORIGIN and getattr(settings, name):
            raise ConfigError(
                f"{name} from {settings.origin(name)} is of no use without auth_issuer, and every "
                "caller would be the administrator; set BACKSTORY_AUTH_ISSUER"
            )


def _is_url(audience: str) -> bool:
    parts = urlsplit(audience)
    return parts.scheme in ("http", "https") and bool(parts.netloc)
