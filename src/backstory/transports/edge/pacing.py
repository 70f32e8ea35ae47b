"""How often a caller may come: by address before it is known who calls, by principal after.

Keys are keyed hashes, so that whoever reads the place where nodes share them learns of nobody.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from starlette.types import Scope

from backstory import limits
from backstory.domain.principals import ANONYMOUS, Principal
from backstory.domain.rates import SECOND, Rate
from backstory.errors import RateLimitedError
from backstory.ports.pacing import Pacer
from backstory.transports.edge import headers

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Named = Callable[..., bytes]
"""A keyed hash of a purpose and parts, as `domain.sealing.Seal.hash`."""

_UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Rates:
    """What callers may; None where anything goes."""

    address: Rate | None
    principal: Rate | None


class Pacing:
    """Refuses who comes too often. `trusted` are the proxies whose X-Forwarded-For is believed."""

    def __init__(
        self, pacer: Pacer, rates: Rates, named: Named, trusted: Iterable[str] = ()
    ) -> None:
        self._pacer, self._rates, self._named = pacer, rates, named
        self._key = lru_cache(limits.PRINCIPALS_KNOWN)(self._made)
        self._trusted = [ipaddress.ip_network(each) for each in trusted]

    async def arrived(self, scope: Scope) -> None:
        """Somebody has come, from an address.

        Raises:
            RateLimitedError: too often.
        """
        if self._rates.address is not None:
            await self._take(self._address_key(scope), self._rates.address, "this address")

    async def refused(self, scope: Scope) -> None:
        """What they showed was not believed: that costs more, so that guessing is slow."""
        if self._rates.address is not None:
            cost = limits.RATE_REFUSED_TOKENS
            await self._pacer.charge(self._address_key(scope), self._rates.address, cost)

    async def known(self, principal: Principal) -> None:
        """It is known who has come.

        Raises:
            RateLimitedError: too often.
        """
        if self._rates.principal is None or principal is ANONYMOUS:
            return
        await self._take(self._principal_key(principal), self._rates.principal, "this caller")

    def gate(self, scope: Scope) -> Gate:
        """For all who come with this head from this address."""
        address = "" if self._rates.address is None else self._address_key(scope)
        return Gate(self._pacer, self._rates, address, self._principal_key)

    async def _take(self, key: str, rate: Rate, who: str) -> None:
        if wait := await self._pacer.take(key, rate):
            raise RateLimitedError(
                f"{who} may send {rate.per_second} requests a second; wait as long as "
                "Retry-After says",
                retry_after=-(-wait // SECOND),
            )

    def _address_key(self, scope: Scope) -> str:
        return self._key("rate of address", client_of(scope, self._trusted))

    def _principal_key(self, principal: Principal) -> str:
        return self._key("rate of principal", *principal.caller)

    def _made(self, purpose: str, *parts: str) -> str:
        return self._named(purpose, *(part.encode() for part in parts)).hex()


class Gate:
    """Both rates at once, for those who come again and again; takes no waiting."""

    __slots__ = ("_address", "_key", "_named", "_pacer", "_rates", "_who")

    def __init__(
        self, pacer: Pacer, rates: Rates, address: str, named: Callable[[Principal], str]
    ) -> None:
        self._pacer, self._rates, self._named = pacer, rates, named
        self._address, self._key = address, ""
        self._who: Principal | None = None

    def let_in(self, principal: Principal) -> bool:
        """Whether they may; False where that takes waiting, or they come too often."""
        address, each = self._rates.address, self._rates.principal
        if address is not None and self._pacer.take_now(self._address, address) != 0:
            return False
        if each is None or principal is ANONYMOUS:
            return True
        if principal is not self._who:
            self._who, self._key = principal, self._named(principal)
        if self._pacer.take_now(self._key, each) == 0:
            return True
        if address is not None:
            self._pacer.give_back(self._address, address)
        return False

    def come_again(self, principal: Principal) -> None:
        """Who was let in is asked again, as if nobody had come."""
        address, each = self._rates.address, self._rates.principal
        if address is not None:
            self._pacer.give_back(self._address, address)
        if each is not None and principal is not ANONYMOUS:
            self._pacer.give_back(self._named(principal), each)


def client_of(scope: Scope, trusted: Sequence[Network]) -> str:
    """The address of whoever calls: the peer's, or what trusted proxies say of theirs.

    Of an IPv6 address the first 64 bits, since one machine may have all addresses with them.
    """
    peer = scope.get("client")
    if peer and not trusted:
        return _named(peer[0])
    address = _read(peer[0]) if peer else None
    if address is None:
        return _UNKNOWN
    if _within(address, trusted):
        said = ",".join(headers.values(scope, b"x-forwarded-for")).split(",")
        for text in reversed(said):
            nearer = _read(text.strip())
            if nearer is None:  # nothing further away can be believed
                break
            address = nearer
            if not _within(address, trusted):
                break
    return _name(address)


def is_within(peer: tuple[str, int] | None, networks: Sequence[Network]) -> bool:
    """Whether a connection comes from one of the networks."""
    address = _read(peer[0]) if peer and networks else None
    return address is not None and _within(address, networks)


def _within(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)


@lru_cache(limits.PRINCIPALS_KNOWN)
def _named(text: str) -> str:
    address = _read(text)
    return _UNKNOWN if address is None else _name(address)


def _name(address: Address) -> str:
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


@lru_cache(limits.PRINCIPALS_KNOWN)
def _read(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
