"""The authorization server inside, where it is on."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from backstory.config import Settings
from backstory.config.authority import audiences, check_own_issuer, own_issuer
from backstory.contexts.service import Contexts
from backstory.errors import ConfigError

if TYPE_CHECKING:
    from backstory.security.authority.service import Service
    from backstory.transports.authority.app import AuthorityApp


@asynccontextmanager
async def open_authority(settings: Settings, contexts: Contexts) -> AsyncIterator[Service | None]:
    """The authorization server over the store; None where it is off.

    Raises:
        ConfigError: it cannot be told how it is called.
    """
    if not settings.auth_server:
        yield None
        return
    service = _service(settings, contexts)
    try:
        yield service
    finally:
        await service.aclose()


@asynccontextmanager
async def open_accounts(settings: Settings, contexts: Contexts) -> AsyncIterator[Service]:
    """The same for commands, which need no server that is on.

    Raises:
        ConfigError: auth_server is not set, so that nobody would know how tokens are named.
    """
    if not settings.auth_server:
        raise ConfigError(
            "the built-in authorization server is off; set BACKSTORY_AUTH_SERVER=on and "
            "BACKSTORY_PUBLIC_URL, as for the server"
        )
    check_own_issuer(settings)
    service = _service(settings, contexts)
    try:
        yield service
    finally:
        await service.aclose()


def app_of(service: Service, settings: Settings) -> AuthorityApp:
    """Its endpoints."""
    from backstory.transports.authority.app import AuthorityApp
    from backstory.transports.edge.pacing import client_of

    trusted = [ipaddress.ip_network(each) for each in settings.trusted_proxies]
    return AuthorityApp(service, partial(client_of, trusted=trusted))


def _service(settings: Settings, contexts: Contexts) -> Service:
    from backstory.security.authority.service import Naming, Service

    return Service(
        contexts.store,
        contexts.clock,
        contexts.seal,
        Naming(own_issuer(settings), audiences(settings)),
        near=settings.auth_client_hosts,
    )
