"""How the host proves that names are its own: http-01 (RFC 8555 section 8.3)."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from acme import challenges, messages
from acme.standalone import HTTP01RequestHandler, HTTP01Server

from backstory.errors import CertificateError, ConfigError
from backstory.security.acme.replacing import replace
from backstory.security.acme.wanted import Wanted

Asked = Sequence[tuple[messages.ChallengeBody, Any, str]]
"""Each challenge with the response to be sent and the text to be shown."""


def asked_for(order: messages.OrderResource, key: Any) -> Asked:
    """What has to be shown for the names that were not proven yet.

    Raises:
        CertificateError: the authority offers no http-01 for a name.
    """
    found = []
    for authorization in order.authorizations:
        body = authorization.body
        if body.status == messages.STATUS_VALID:
            continue
        offered = [each for each in body.challenges if isinstance(each.chall, challenges.HTTP01)]
        if not offered:
            name = body.identifier.value
            raise CertificateError(f"the authority does not offer http-01 for {name}")
        response, text = offered[0].response_and_validation(key)
        found.append((offered[0], response, text))
    return found


@contextmanager
def shown(asked: Asked, wanted: Wanted) -> Iterator[None]:
    """Show it while this is entered.

    Raises:
        ConfigError: it cannot be shown.
    """
    with ExitStack() as stack:
        if wanted.webroot is not None:
            stack.enter_context(_in_webroot(asked, wanted))
        elif asked:
            stack.enter_context(_served(asked, wanted))
        yield


@contextmanager
def _in_webroot(asked: Asked, wanted: Wanted) -> Iterator[None]:
    assert wanted.webroot is not None
    paths = [wanted.webroot / each.chall.path.lstrip("/") for each, _, _ in asked]
    try:
        for path, (_, _, text) in zip(paths, asked, strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            replace({path: text.encode()})
            path.chmod(0o644)
        yield
    except OSError as error:
        raise ConfigError(f"{wanted.webroot} cannot be written: {error.strerror}") from error
    finally:
        for path in paths:
            path.unlink(missing_ok=True)


@contextmanager
def _served(asked: Asked, wanted: Wanted) -> Iterator[None]:
    resources = {
        HTTP01RequestHandler.HTTP01Resource(chall=each.chall, response=response, validation=text)
        for each, response, text in asked
    }
    ipv6 = ":" in wanted.http_host
    try:
        server = HTTP01Server((wanted.http_host, wanted.http_port), resources, ipv6=ipv6)
    except OSError as error:
        raise ConfigError(
            f"cannot answer challenges on port {wanted.http_port}: {error.strerror}; "
            "set --http-port, or --webroot where a web server has that port"
        ) from error
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
