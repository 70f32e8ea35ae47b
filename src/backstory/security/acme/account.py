"""Who the host is to the authority: a key of its own, made once and kept."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import josepy
from acme import errors, messages
from acme.client import ClientNetwork, ClientV2
from cryptography.hazmat.primitives.asymmetric import ec
from josepy.jwa import ES256
from josepy.jwk import JWKEC

from backstory import __version__, limits
from backstory.errors import ConfigError
from backstory.security.acme.replacing import replace
from backstory.security.acme.wanted import Wanted


def client_of(wanted: Wanted) -> ClientV2:
    """A client that the authority knows; with a new account where there is none yet.

    Raises:
        ConfigError: the file with the account cannot be used, or the terms were not agreed to.
        acme.errors.Error, requests.RequestException: the authority cannot be asked, or declines.
    """
    known = _read(wanted.account)
    key = JWKEC.from_json(known["key"]) if known else _new_key()
    network = ClientNetwork(
        key, alg=ES256, user_agent=f"backstory/{__version__}", timeout=limits.ACME_SECONDS
    )
    if wanted.trusted is not None:
        network.verify_ssl = str(wanted.trusted)  # type: ignore[assignment] # requests takes both
    client = ClientV2(ClientV2.get_directory(wanted.directory, network), network)
    uri = known.get("accounts", {}).get(wanted.directory) if known else None
    if uri is None:
        if not known:  # kept before anybody is told, so that no account is without its key
            _write(wanted.account, {"key": key.to_partial_json(), "accounts": {}})
        uri = _register(client, wanted)
        accounts = (known or {}).get("accounts", {}) | {wanted.directory: uri}
        _write(wanted.account, {"key": key.to_partial_json(), "accounts": accounts})
    network.account = messages.RegistrationResource(uri=uri, body=messages.Registration())
    return client


def _register(client: ClientV2, wanted: Wanted) -> str:
    terms = getattr(client.directory.meta, "terms_of_service", None)
    if terms and not wanted.agreed:
        raise ConfigError(f"the authority has terms, {terms}; agree to them with --agree")
    asked = messages.NewRegistration.from_data(
        email=wanted.email, terms_of_service_agreed=wanted.agreed or None
    )
    try:
        return str(client.new_account(asked).uri)
    except errors.ConflictError as known:  # it was made, and its address was not kept
        return str(known.location)


def _new_key() -> JWKEC:
    return JWKEC(key=ec.generate_private_key(ec.SECP256R1()))


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_text(encoding="ascii"))
        JWKEC.from_json(found["key"])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"the account {path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, josepy.errors.Error) as error:
        raise ConfigError(
            f"there is no account in {path}; move the file away, and another is made"
        ) from error
    else:
        return dict(found)


def _write(path: Path, account: Mapping[str, Any]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace({path: json.dumps(account).encode()})
        with suppress(OSError):
            os.chmod(path, 0o600)  # noqa: PTH101 -- as the file was made, whatever was there
    except OSError as error:
        raise ConfigError(f"the account {path} cannot be written: {error.strerror}") from error
