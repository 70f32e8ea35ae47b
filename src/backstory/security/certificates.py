"""What a certificate says of itself (RFC 5280)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from backstory import clock
from backstory.errors import ConfigError

_DAY_SECONDS: Final = 86_400


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate that a server shows. `ends` is in seconds since the Unix epoch."""

    subject: str
    names: tuple[str, ...]
    serial: str
    ends: float

    def days(self, now: float) -> float:
        """For how many days it holds on; negative once it has ended."""
        return (self.ends - now) / _DAY_SECONDS

    def told(self) -> dict[str, Any]:
        """As log lines and health tell of it."""
        return {
            "subject": self.subject,
            "names": list(self.names),
            "serial": self.serial,
            "ends": clock.to_text(int(self.ends * clock.SECOND)),
        }


def read(path: Path) -> Certificate:
    """The first certificate in a PEM file, which is the server's own.

    Raises:
        ConfigError: the file cannot be read, or holds none.
    """
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"the certificate {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"there is no PEM certificate in {path}") from error
    return Certificate(
        found.subject.rfc4514_string(),
        _names(found),
        f"{found.serial_number:x}",
        found.not_valid_after_utc.timestamp(),
    )


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        wanted = x509.SubjectAlternativeName
        found = certificate.extensions.get_extension_for_class(wanted).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(str(name.value) for name in found)
