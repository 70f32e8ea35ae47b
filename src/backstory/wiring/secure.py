"""TLS: what the settings say of it."""

from __future__ import annotations

from backstory.config import Settings
from backstory.errors import ConfigError
from backstory.security.certificates import Certificate
from backstory.security.tls import TlsOptions, server_context


def tls_options(settings: Settings) -> TlsOptions | None:
    """How the settings have the server speak TLS; None where it speaks plain HTTP.

    Raises:
        ConfigError: there is something for a certificate, but none.
    """
    if settings.tls_certificate is not None:
        return TlsOptions(
            settings.tls_certificate,
            settings.tls_key,
            settings.tls_client_ca,
            settings.tls_minimum,
        )
    for name in ("tls_key", "tls_client_ca"):
        if getattr(settings, name) is not None:
            raise ConfigError(
                f"{name} from {settings.origin(name)} is for a certificate; set --tls-certificate"
            )
    return None


def is_secure(settings: Settings) -> bool:
    """Whether clients come by HTTPS, to the server itself or to what stands before it."""
    public = settings.public_url or ""
    return settings.tls_certificate is not None or public.startswith("https://")


def inspect_certificate(settings: Settings) -> Certificate | None:
    """The certificate that a server with these settings would show.

    Raises:
        ConfigError: no server would start with it.
    """
    options = tls_options(settings)
    return None if options is None else server_context(options).certificate
