"""Makes the probes, each way, in a namespace of their own, and leaves nothing behind."""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from backstory import limits
from backstory.cli import remote
from backstory.cli.rollout.judging import Reason, Verdict
from backstory.cli.rollout.probes import PROBES, STATE, DisagreeError, Side, UnansweredError
from backstory.domain.keys import check_namespace
from backstory.errors import ConfigError, InvalidKeyError

NAMESPACE: Final = "rollout"
_NAMES: Final = ("first", "second")  # of contexts; two, so that a list has two pages


def probed(urls: tuple[str, str], token_file: str | None, namespace: str) -> list[Reason]:
    """What the probes of the old and the new server speak for.

    Raises:
        ConfigError: a URL is none, the token cannot be read, or does not let the probes in.
    """
    own = f"{namespace}.check-{secrets.token_hex(8)}"
    try:
        check_namespace(own)
    except InvalidKeyError as error:
        raise ConfigError(f"--namespace {namespace}: {error.detail}") from error
    seconds = limits.ROLLOUT_SECONDS
    with (
        remote.client(urls[0], token_file, seconds, "--old-url") as old,
        remote.client(urls[1], token_file, seconds, "--new-url") as new,
    ):
        before, after = Side("old", old), Side("new", new)
        found = [one_way(before, after, f"{own}-old"), one_way(after, before, f"{own}-new")]
    return [each for each in found if each is not None] or [
        Reason(Verdict.PROMOTE, "probes", f"{len(PROBES)} probes each way: the colours agree")
    ]


def one_way(writer: Side, reader: Side, namespace: str) -> Reason | None:
    """What one way speaks against, None where it speaks for the new colour."""
    try:
        for name in _NAMES:
            _make(writer, namespace, name)
        for function in PROBES:
            function(writer, reader, namespace, _NAMES[0])
    except DisagreeError as error:
        told = f"written by the {writer.name} colour: {error}"
        return Reason(Verdict.ROLL_BACK, "probes", told, {"written_by": writer.name})
    except UnansweredError as error:
        return Reason(Verdict.WAIT, "probes", str(error))
    finally:
        _clean((writer, reader), namespace)
    return None


def _make(writer: Side, namespace: str, name: str) -> None:
    """A context that ends by itself, should nobody come to remove it."""
    ends = datetime.now(UTC) + timedelta(seconds=limits.ROLLOUT_PROBE_LIFE_SECONDS)
    body = {"kind": "conversation", "state": STATE, "labels": ["rollout"]}
    path = f"/v1/contexts/{namespace}/{name}"
    more = {"expires_at": ends.isoformat().replace("+00:00", "Z")}
    made = writer.ask("PUT", path, 201, json=body | more, headers={"if-none-match": "*"})
    if made.headers.get("etag") != '"1"':
        told = f"the {writer.name} colour begins a context with the tag {made.headers.get('etag')}"
        raise DisagreeError(told)


def _clean(sides: tuple[Side, Side], namespace: str) -> None:
    """Through whoever can; what is left ends by itself."""
    for name in _NAMES:
        for side in sides:
            with suppress(DisagreeError, UnansweredError, ConfigError):
                path = f"/v1/contexts/{namespace}/{name}"
                side.ask("DELETE", path, 200, 204, 404, params={"purge": "true"})
                break
