"""Tokens that only their issuer can read: who is asked, how often, and for how long it counts."""

import asyncio

import pytest

from backstory import limits
from backstory.errors import IssuerUnavailableError, TokenRefusedError
from backstory.security.claims import Reading
from backstory.security.keeping import Keys
from backstory.security.opaque import OpaqueReader
from backstory.security.tokens import Expected, Reader
from backstory.security.verifying import Verifier
from mcp_serving import until
from token_issuer import AUDIENCE, Issuer

ISSUER = Issuer()


class Site:
    """Knows the tokens in `known`; waits for `go` before it answers."""

    def __init__(self):
        self.known, self.asked, self.go = {}, [], asyncio.Event()
        self.go.set()

    async def ask(self, token):
        self.asked.append(token)
        await self.go.wait()
        if self.known is None:
            raise IssuerUnavailableError("away")
        return self.known.get(token, {"active": False})


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def site():
    return Site()


@pytest.fixture
async def verifier(site, clock):
    expected = Expected(ISSUER.url, [AUDIENCE], Reading())
    jwts = Reader(expected, Keys(None))
    reader = OpaqueReader(jwts, site, expected, now=clock, monotonic=clock)
    yield Verifier(reader, now=clock, monotonic=clock)
    await reader.aclose()


def good(clock, seconds=600, **more):
    claims = ISSUER.claims(iat=int(clock()), exp=int(clock()) + seconds)
    return claims | {"active": True} | more


async def test_many_who_show_one_token_wait_for_one_question(verifier, site, clock):
    site.known["t"] = good(clock)
    site.go.clear()
    waiting = [asyncio.create_task(verifier.verify("t")) for _ in range(20)]
    await until(lambda: site.asked)
    site.go.set()
    assert {(await each).subject for each in waiting} == {"ada"}
    assert site.asked == ["t"]


async def test_one_who_goes_away_takes_the_answer_from_nobody(verifier, site, clock):
    site.known["t"] = good(clock)
    site.go.clear()
    first, second = (asyncio.create_task(verifier.verify("t")) for _ in range(2))
    await until(lambda: site.asked)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    site.go.set()
    assert (await second).subject == "ada"


@pytest.mark.parametrize(("seconds", "known"), [(29, True), (31, False)])
async def test_a_good_token_is_remembered_for_half_a_minute(verifier, site, clock, seconds, known):
    site.known["t"] = good(clock)
    await verifier.verify("t")
    clock.seconds += seconds
    assert (verifier.known("t") is not None) is known


async def test_a_good_token_is_never_remembered_past_its_end(verifier, site, clock):
    site.known["t"] = good(clock, seconds=5)
    await verifier.verify("t")
    clock.seconds += 5
    assert verifier.known("t") is None


async def test_a_bad_token_is_remembered_for_a_moment(verifier, site, clock):
    for _ in range(3):
        with pytest.raises(TokenRefusedError):
            await verifier.verify("t")
    assert site.asked == ["t"]
    site.known["t"] = good(clock)
    clock.seconds += limits.ASKED_REFUSED_SECONDS
    assert (await verifier.verify("t")).subject == "ada"


async def test_bad_tokens_drive_out_no_good_one(verifier, site, clock, monkeypatch):
    monkeypatch.setattr(limits, "ASKED_REFUSED", 10)
    site.known["t"] = good(clock)
    await verifier.verify("t")
    for number in range(100):
        with pytest.raises(TokenRefusedError):
            await verifier.verify(f"bad{number}")
    assert verifier.known("t") is not None
    assert len(verifier._reader._refused) == 10


async def test_an_outage_is_not_remembered(verifier, site, clock):
    site.known = None
    with pytest.raises(IssuerUnavailableError):
        await verifier.verify("t")
    site.known = {"t": good(clock)}
    assert (await verifier.verify("t")).subject == "ada"


async def test_so_many_are_asked_about_at_a_time(verifier, site, clock, monkeypatch):
    monkeypatch.setattr(limits, "ASKED_WAITING", 2)
    site.go.clear()
    waiting = [asyncio.create_task(verifier.verify(f"t{number}")) for number in range(2)]
    await until(lambda: len(site.asked) == 2)
    with pytest.raises(IssuerUnavailableError):
        await verifier.verify("t2")
    site.go.set()
    for each in waiting:
        with pytest.raises(TokenRefusedError):
            await each
