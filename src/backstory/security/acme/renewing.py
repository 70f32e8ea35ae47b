"""Whether it is time for another certificate, and one renewal from order to files."""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

import josepy
import requests
from acme import crypto_util, errors, messages
from acme.client import ClientV2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from backstory import limits
from backstory.errors import CertificateError, ConfigError
from backstory.security.acme.account import client_of
from backstory.security.acme.challenges import asked_for, shown
from backstory.security.acme.replacing import replace
from backstory.security.acme.wanted import Wanted
from backstory.security.certificates import Certificate, read
from backstory.security.tls import TlsOptions, server_context

logger = logging.getLogger(__name__)

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def check(wanted: Wanted) -> None:
    """Raises ConfigError: what is wanted cannot be."""
    parts = urlsplit(wanted.directory)
    near = parts.hostname in _LOOPBACK
    if parts.scheme != "https" and not (parts.scheme == "http" and near):
        raise ConfigError("--directory must be an https:// URL")
    for name in wanted.names:
        if "*" in name:
            raise ConfigError(
                f"{name}: names with * need DNS challenges, which are not spoken here"
            )


def reason(wanted: Wanted, now: dt.datetime) -> str | None:
    """Why the certificate has to be renewed by what it says itself; None where it has not."""
    if not wanted.certificate.exists():
        return "there is no certificate yet"
    try:
        standing = server_context(TlsOptions(wanted.certificate, wanted.key)).certificate
    except ConfigError as error:
        return error.detail
    missing = sorted(set(wanted.names) - set(standing.names))
    if missing:
        return f"it is not for {missing[0]}"
    found = x509.load_pem_x509_certificate(wanted.certificate.read_bytes())
    life = found.not_valid_after_utc - found.not_valid_before_utc
    left = found.not_valid_after_utc - now
    if left * limits.CERTIFICATE_RENEWED_AT < life:
        return f"it ends in {max(left.days, 0)} days"
    return None


def renew(
    wanted: Wanted, now: dt.datetime, *, force: bool = False
) -> tuple[Certificate, str | None]:
    """The certificate that stands in the files then, and why it is another one; None if it is not.

    It is renewed when a third of its life is left, or when the authority asks for it (RFC 9773).

    Raises:
        ConfigError: what is wanted cannot be, or files cannot be read or written.
        CertificateError: the authority gave none; the files are as they were.
    """
    check(wanted)
    why = "it was asked for" if force else reason(wanted, now)
    with _told():
        client = client_of(wanted)
        if why is None:
            why = _asked_by_authority(client, wanted, now)
        if why is None:
            return read(wanted.certificate), None
        key = ec.generate_private_key(ec.SECP256R1())
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        order = client.new_order(crypto_util.make_csr(pem, list(wanted.names)))
        asked = asked_for(order, client.net.key)
        with shown(asked, wanted):
            for challenge, response, _ in asked:
                client.answer_challenge(challenge, response)
            # The library measures by local time without a zone.
            deadline = dt.datetime.now() + dt.timedelta(seconds=limits.ACME_ORDER_SECONDS)  # noqa: DTZ005
            order = client.poll_and_finalize(order, deadline)
    chain = order.fullchain_pem.encode()
    _put(wanted, chain, pem)
    return read(wanted.certificate), why


def _asked_by_authority(client: ClientV2, wanted: Wanted, now: dt.datetime) -> str | None:
    """Whether the time has come that the authority suggests."""
    try:
        at, _ = client.renewal_time(wanted.certificate.read_bytes())
    except errors.ARIError as error:
        logger.warning("the authority does not say when to renew: %s", error)
        return None
    return "the authority asks for it" if at is not None and at <= now else None


def _put(wanted: Wanted, chain: bytes, key: bytes) -> None:
    """The key first: until the certificate follows, a server goes on with what it has."""
    files = {} if wanted.key is None else {wanted.key: key}
    files[wanted.certificate] = chain if wanted.key is not None else chain + key
    try:
        for path in files:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace(files)
    except OSError as error:
        raise ConfigError(f"the new certificate cannot be written: {error.strerror}") from error
    server_context(TlsOptions(wanted.certificate, wanted.key))


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong with the authority, in one error with what it said."""
    try:
        yield
    except errors.ValidationError as error:
        said = [
            str(challenge.error)
            for authorization in error.failed_authzrs
            for challenge in authorization.body.challenges
            if challenge.error is not None
        ]
        raise CertificateError(f"a name could not be proven: {'; '.join(said)}") from error
    except errors.TimeoutError as error:
        raise CertificateError(
            f"the authority did not come to an end within {limits.ACME_ORDER_SECONDS} seconds"
        ) from error
    except messages.Error as error:
        raise CertificateError(f"the authority declines: {error}") from error
    except (errors.Error, josepy.errors.Error, requests.RequestException, ValueError) as error:
        raise CertificateError(f"the authority could not be asked: {error}") from error
