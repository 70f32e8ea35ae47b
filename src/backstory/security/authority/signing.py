"""The keys that sign, in the store: one ring for all nodes and for `backstory token`.

A new key is published before it signs, so that every node knows it by then. One that signs no
more is believed until the last token that it can have signed has ended.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from backstory import limits
from backstory.clock import SECOND, Clock
from backstory.errors import ConfigError, StoreError
from backstory.ports.store import Notes
from backstory.security.authority.records import FOREVER, Ring, SigningKey
from backstory.security.authority.shelf import Shelf
from backstory.security.issuing import Grant, Made, new_key, public_part, sign

_NAME: Final = "ring"
_LAST_TOKEN: Final = (limits.TOKEN_LIFE_SECONDS + limits.TOKEN_LEEWAY_SECONDS) * SECOND
_SETTLE: Final = limits.SIGNING_KEY_SETTLE_SECONDS * SECOND
_LIFE: Final = limits.SIGNING_KEY_SECONDS * SECOND


class Signing:
    """Signs, and shows what it may be checked with."""

    def __init__(self, notes: Notes, clock: Clock) -> None:
        self._shelf = Shelf(notes, "keys", Ring)
        self._clock = clock

    async def issue(self, issuer: str, grant: Grant) -> Made:
        """A token for the grant, by the key whose turn it is.

        Raises:
            StoreError: the keys cannot be had.
        """
        now = self._clock.now()
        ring = await self.ring()
        return sign(_signer(ring, now).jwk, issuer, grant, now)

    async def ring(self) -> Ring:
        """All keys; a first one is made where there is none, the next where its time has come."""
        ring = await self._shelf.get(_NAME)
        if ring is None or _is_due(ring, self._clock.now()):
            return await self._change(_renewed)
        return ring

    async def rotate(self) -> Ring:
        """Have a new key sign soon; tokens of the others go on."""
        return await self._change(_rotated)

    async def retire(self, kid: str) -> Ring:
        """Believe nothing any more that was signed by the key.

        Raises:
            ConfigError: there is no such key, or no other.
        """

        def without(ring: Ring, now: int) -> Ring:
            del now
            kids = [key.kid for key in ring.keys]
            if kid not in kids:
                raise ConfigError(f"there is no key {kid}; there are {', '.join(kids)}")
            if len(kids) == 1:
                raise ConfigError("the last key cannot be retired; --rotate makes another first")
            return Ring(tuple(key for key in ring.keys if key.kid != kid))

        return await self._change(without)

    async def jwks(self) -> bytes:
        """The public keys (RFC 7517)."""
        return orjson.dumps({"keys": [public_part(key.jwk) for key in (await self.ring()).keys]})

    async def _change(self, change: Any) -> Ring:
        def changed(before: Ring | None) -> Ring:
            return _without_ended(change(before or Ring(), self._clock.now()), self._clock.now())

        return await self._shelf.change(_NAME, changed, lambda _: FOREVER)


def _signer(ring: Ring, now: int) -> SigningKey:
    """The newest that has settled; where none has, the oldest of them."""
    return next((key for key in ring.keys if key.signs_from <= now), ring.keys[-1])


def _is_due(ring: Ring, now: int) -> bool:
    return not ring.keys or ring.keys[0].made_at + _LIFE <= now


def _renewed(ring: Ring, now: int) -> Ring:
    """Somebody else may have made the next key just now."""
    return _rotated(ring, now) if _is_due(ring, now) else ring


def _rotated(ring: Ring, now: int) -> Ring:
    if len(ring.keys) >= limits.SIGNING_KEYS:
        raise ConfigError(
            f"there are {limits.SIGNING_KEYS} keys that are believed; retire some of them first"
        )
    jwk: Mapping[str, Any] = new_key()
    from_when = now + _SETTLE if ring.keys else now
    added = SigningKey(jwk["kid"], dict(jwk), now, from_when)
    end = from_when + _LAST_TOKEN
    older = (
        key
        if key.until != FOREVER
        else SigningKey(key.kid, key.jwk, key.made_at, key.signs_from, end)
        for key in ring.keys
    )
    return Ring((added, *older))


def _without_ended(ring: Ring, now: int) -> Ring:
    return Ring(tuple(key for key in ring.keys if key.until > now))


class RingSource:
    """`security.sources.Source`: the ring, looked at like a file with keys."""

    every = limits.KEYS_FILE_LOOK_SECONDS
    name = "the store"

    def __init__(self, signing: Signing) -> None:
        self._signing = signing

    async def read(self) -> bytes:
        try:
            return await self._signing.jwks()
        except StoreError as error:
            raise OSError(error.detail) from error

    async def aclose(self) -> None:
        """Nothing is held."""
