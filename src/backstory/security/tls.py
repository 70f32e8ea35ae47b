"""TLS in the server: 1.3 (RFC 8446), a certificate that may be replaced while it is in use.

Whoever connects is greeted with the newest certificate that was right: the files are looked at
again as connections come, at most once in `limits.TLS_LOOK_SECONDS`. What is wrong with new
files is logged once, and the former certificate goes on. Open connections keep theirs.
"""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

from backstory import limits
from backstory.errors import ConfigError
from backstory.security.certificates import Certificate, read

_log = logging.getLogger(__name__)

VERSIONS: Final = {"1.3": ssl.TLSVersion.TLSv1_3, "1.2": ssl.TLSVersion.TLSv1_2}
_CIPHERS_OF_1_2: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"  # forward secrecy and AEAD only
_Seen = tuple[tuple[int, int, int] | None, ...]


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """Where certificate and key lie, as PEM files, and who may connect.

    `certificate` holds the server's certificate and those between it and the authority, `key`
    its key, None where the same file holds it. With `client_authorities`, only clients whose
    certificate one of these has signed are let in. `minimum` is 1.3 or 1.2.
    """

    certificate: Path
    key: Path | None = None
    client_authorities: Path | None = None
    minimum: str = "1.3"

    @property
    def files(self) -> tuple[Path, ...]:
        wanted = (self.certificate, self.key, self.client_authorities)
        return tuple(path for path in wanted if path is not None)


class ServerContext(ssl.SSLContext):
    """A context for a server's event loop, that follows its files. Made by `server_context`."""

    def __new__(cls, *_: Any, **__: Any) -> Self:
        return super().__new__(cls, ssl.PROTOCOL_TLS_SERVER)

    def __init__(
        self, options: TlsOptions, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._options, self._monotonic = options, monotonic
        self._seen = _look(options)
        self._current, self.certificate = _made(options)
        self._due = monotonic() + limits.TLS_LOOK_SECONDS

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """One connection, under the newest certificate. Event loops call this for each."""
        if self._monotonic() >= self._due:
            self.follow()
        return self._current.wrap_bio(*args, **kwargs)

    def follow(self) -> None:
        """Take the files anew where they have changed."""
        self._due = self._monotonic() + limits.TLS_LOOK_SECONDS
        seen = _look(self._options)
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._current, self.certificate = _made(self._options)
        except ConfigError as error:
            _log.error("the new certificate is not used: %s", error.detail)
        else:
            _log.info("the certificate was replaced", extra=self.certificate.told())


def server_context(options: TlsOptions) -> ServerContext:
    """The context for a server.

    Raises:
        ConfigError: a file is missing, is no PEM, or the key belongs to another certificate.
    """
    return ServerContext(options)


def warn(certificate: Certificate) -> None:
    """Tell in the log of a certificate that ends soon, or has ended."""
    if certificate.days(time.time()) < limits.CERTIFICATE_WARNING_DAYS:
        _log.warning("the certificate ends soon", extra=certificate.told())


def _look(options: TlsOptions) -> _Seen:
    return tuple(_mark(path) for path in options.files)


def _mark(path: Path) -> tuple[int, int, int] | None:
    """What tells a replaced file from the one before; None while it is away."""
    try:
        about = path.stat()
    except OSError:
        return None
    return about.st_ino, about.st_mtime_ns, about.st_size


def _made(options: TlsOptions) -> tuple[ssl.SSLContext, Certificate]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[options.minimum]
    context.set_ciphers(_CIPHERS_OF_1_2)
    context.set_alpn_protocols(["http/1.1"])
    certificate = read(options.certificate)
    _load_pair(context, options)
    if options.client_authorities is not None:
        _load_authorities(context, options.client_authorities)
    return context, certificate


def _load_pair(context: ssl.SSLContext, options: TlsOptions) -> None:
    key = options.key or options.certificate
    try:
        # A password is given, since OpenSSL would ask for one on the terminal otherwise.
        context.load_cert_chain(options.certificate, key, password="")
    except ssl.SSLError as error:
        what = (
            "belongs to another certificate"
            if "MISMATCH" in str(error.reason)
            else "cannot be used"
        )
        raise ConfigError(
            f"the key in {key} {what}; it has to be the unencrypted PEM of the key of "
            f"{options.certificate}"
        ) from error
    except OSError as error:
        raise ConfigError(f"the key {key} cannot be read: {error.strerror}") from error


def _load_authorities(context: ssl.SSLContext, path: Path) -> None:
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise ConfigError(f"there is no PEM certificate of an authority in {path}") from error
    except OSError as error:
        raise ConfigError(f"the authorities {path} cannot be read: {error.strerror}") from error
    context.verify_mode = ssl.CERT_REQUIRED
