"""Caches in servers beside other applications, behind passwords and over TLS."""

import asyncio
import contextlib
import datetime as dt
import ipaddress
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from redis.asyncio import Redis

import server_process
from backstory import limits
from backstory.caching.entries import key_of
from backstory.caching.memcached_client import Client
from backstory.caching.opening import open_cache
from backstory.caching.redis import RedisCache
from backstory.config import load
from backstory.domain.contexts import Tag
from backstory.errors import CacheUnavailableError
from backstory.observability.caches import told_cache
from backstory.observability.telling import Told
from backstory.ports.events import CacheAsked

pytestmark = pytest.mark.usefixtures("unhurried_caches")

TAG, OTHER = Tag(7, b"c" * 16), Tag(7, b"d" * 16)


async def keep(cache, key, body, tag=TAG):
    return await cache.fill(key, await cache.get(key, tag), tag, body)


@pytest.fixture
async def raw(redis_server):
    """A client of somebody else."""
    async with Redis(port=redis_server.port, db=5) as client:
        await client.flushdb()
        yield client


@pytest.fixture
async def cache(redis_server):
    async with contextlib.aclosing(far_of(f"redis://127.0.0.1:{redis_server.port}/5")) as cache:
        yield cache


@pytest.fixture
async def memcached(memcached_server):
    async with contextlib.aclosing(far_of(f"memcached://127.0.0.1:{memcached_server.port}")) as one:
        yield one


def far_of(url):
    """The server's cache alone, of what a setting names."""
    held = []
    open_cache(load({"cache": url}, environ={}).cache, memory_bytes=0, guarded=held.append)
    return held[0]


FOREIGN = [b"", b"x", b"{}", b"BSc1", b"BSc1" + bytes(60), b"x" * 100_000, b"x" * 5_000_000]


@pytest.mark.parametrize("foreign", FOREIGN, ids=lambda foreign: f"{len(foreign)} bytes")
async def test_foreign_bytes_in_redis_are_a_miss_and_are_replaced(cache, raw, foreign):
    await raw.set(key_of("a"), foreign)
    assert (await cache.get("a", None)).body is None
    assert await keep(cache, "a", b"body")
    assert (await cache.get("a", TAG)).body == b"body"


async def test_what_is_no_string_in_redis_is_a_miss_and_is_replaced(cache, raw):
    await raw.lpush(key_of("a"), "x")
    assert (await cache.get("a", None)).body is None
    assert await keep(cache, "a", b"body")
    assert (await cache.get("a", TAG)).body == b"body"
    await raw.delete(key_of("a"))
    await raw.hset(key_of("a"), "x", "y")
    await cache.drop(["a"])
    assert (await cache.get("a", None)).body is None


async def test_a_body_that_was_damaged_in_redis_is_a_miss_and_is_filled_again(cache, raw):
    await keep(cache, "a", b"body")
    await raw.setrange(key_of("a"), len(await raw.get(key_of("a"))) - 1, b"!")
    found = await cache.get("a", TAG)
    assert (found.body, found.damaged) == (None, True)
    assert await keep(cache, "a", b"body")
    assert (await cache.get("a", TAG)).body == b"body"


async def test_an_entry_that_was_spoiled_in_memcached_is_told_and_filled_again(
    memcached, memcached_server
):
    """By one bit, in its body; whoever reads through the cache sees nothing of it."""
    raw = Client("127.0.0.1", memcached_server.port)
    heard = []
    hooks = Told([Ear(heard)])
    cache = told_cache(memcached, hooks)
    await keep(cache, "a", b"body")
    whole = (await raw.gets(key_of("a"))).value
    await raw.put_instead([key_of("a")], whole[:-1] + bytes([whole[-1] ^ 1]), 60)
    await raw.aclose()
    found = await cache.get("a", TAG)
    assert (found.body, found.damaged) == (None, True)
    assert await cache.fill("a", found, TAG, b"body")
    assert (await cache.get("a", TAG)).body == b"body"
    told = [event.outcome for event in heard if event.operation == "get"]
    assert told[-2:] == ["damaged", "hit"]


class Ear:
    """Hears of what the cache was asked."""

    def __init__(self, heard):
        self._heard = heard

    def hearing(self):
        return {CacheAsked: self._heard.append}


async def test_an_answer_for_another_key_is_never_given(cache, raw):
    await keep(cache, "a", b"body")
    await raw.set(key_of("b"), await raw.get(key_of("a")))
    assert (await cache.get("b", TAG)).body is None


async def test_keys_of_others_in_redis_are_left_alone_and_ours_end(cache, raw):
    await raw.set("a", "theirs")
    await raw.set("backstory:other", "theirs")
    await keep(cache, "a", b"body")
    await keep(cache, "b", b"body")
    await cache.drop(["b", "backstory"])
    await cache.check()
    assert await raw.get("a") == b"theirs"
    assert await raw.get("backstory:other") == b"theirs"
    ours = [name async for name in raw.scan_iter() if name not in {b"a", b"backstory:other"}]
    assert len(ours) == 4
    for name in ours:
        assert name.startswith(b"backstory:c1:")
        assert 0 < await raw.ttl(name) <= limits.CACHE_LIFE_SECONDS
    assert await raw.ttl(key_of("b")) <= limits.CACHE_DROPPED_SECONDS


@pytest.mark.parametrize("foreign", FOREIGN[:-1], ids=lambda foreign: f"{len(foreign)} bytes")
async def test_foreign_bytes_in_memcached_are_a_miss_and_are_replaced(
    memcached, memcached_server, foreign
):
    client = Client("127.0.0.1", memcached_server.port)
    await client.put_instead([key_of("a")], foreign, 60)
    await client.aclose()
    assert (await memcached.get("a", None)).body is None
    assert await keep(memcached, "a", b"body")
    assert (await memcached.get("a", TAG)).body == b"body"


@pytest.fixture
def large_memcached():
    with server_process.memcached("-I", "8m") as server:
        if server is None:
            pytest.skip(server_process.MISSING["memcached"])
        yield server


async def test_a_foreign_value_that_is_too_long_to_be_ours_is_not_even_read(large_memcached):
    client = Client("127.0.0.1", large_memcached.port)
    await client.put_instead([key_of("a")], bytes(5_000_000), 60)
    await client.aclose()
    async with contextlib.aclosing(far_of(f"memcached://127.0.0.1:{large_memcached.port}")) as one:
        assert (await one.get("a", None)).body is None
        assert await keep(one, "a", b"body")
        assert (await one.get("a", TAG)).body == b"body"


@pytest.fixture
def small_memcached():
    with server_process.memcached("-I", "512k") as server:
        if server is None:
            pytest.skip(server_process.MISSING["memcached"])
        yield server


async def test_a_memcached_with_smaller_items_keeps_the_smaller_bodies(small_memcached):
    async with contextlib.aclosing(far_of(f"memcached://127.0.0.1:{small_memcached.port}")) as one:
        assert not await keep(one, "a", bytes(700_000))
        assert await keep(one, "a", b"body")
        assert (await one.get("a", TAG)).body == b"body"


PASSWORD = "p@ss/w:rd#1"
WRITTEN = "p%40ss%2Fw%3Ard%231"


@pytest.fixture
def protected():
    with server_process.redis(requirepass=PASSWORD) as server:
        if server is None:
            pytest.skip(server_process.MISSING["redis"])
        yield server


async def test_a_password_is_taken_from_the_url(protected):
    async with contextlib.aclosing(far_of(f"redis://:{WRITTEN}@127.0.0.1:{protected.port}/2")) as c:
        await c.check()


@pytest.mark.parametrize("user", ["", f":wrong{WRITTEN}@", f"me:{WRITTEN}@"])
async def test_a_wrong_password_is_told_without_it(protected, user):
    async with contextlib.aclosing(far_of(f"redis://{user}127.0.0.1:{protected.port}/2")) as cache:
        with pytest.raises(CacheUnavailableError) as caught:
            await cache.check()
    said = caught.value.detail
    assert said.startswith(f"the cache at redis://127.0.0.1:{protected.port}/2 cannot be used: ")
    assert PASSWORD not in said
    assert WRITTEN not in said


@pytest.fixture
def encrypted(tmp_path):
    """A Redis that speaks TLS only, and the certificate that it shows."""
    key, pem = ec.generate_private_key(ec.SECP256R1()), tmp_path / "cert.pem"
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    (tmp_path / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, form, plain))
    files = {"tls-cert-file": pem, "tls-key-file": tmp_path / "key.pem", "tls-ca-cert-file": pem}
    with server_process.redis(**files, **{"tls-auth-clients": "no"}, tls=True) as server:
        if server is None:
            pytest.skip(server_process.MISSING["redis"])
        yield server, pem


async def test_a_redis_is_reached_over_tls_if_its_certificate_is_trusted(encrypted):
    server, pem = encrypted
    url = f"rediss://127.0.0.1:{server.port}"
    async with contextlib.aclosing(far_of(f"{url}?ssl_ca_certs={pem}")) as cache:
        await cache.check()
    for refused in (url, f"{url}?ssl_ca_certs=/nowhere.pem", url.replace("rediss", "redis")):
        async with contextlib.aclosing(far_of(refused)) as cache:
            with pytest.raises(CacheUnavailableError):
                await cache.check()


async def test_trusted_certificates_are_read_once_and_not_on_the_event_loop(encrypted, monkeypatch):
    server, pem = encrypted
    made = []

    def make(*arguments, _make=ssl.create_default_context):
        made.append(threading.current_thread())
        return _make(*arguments)

    monkeypatch.setattr(ssl, "create_default_context", make)
    url = f"rediss://127.0.0.1:{server.port}?ssl_ca_certs={pem}"
    async with contextlib.aclosing(far_of(url)) as cache:
        await asyncio.gather(*(keep(cache, f"a{number}", b"body") for number in range(40)))
    assert len(made) == 1
    assert made[0] is not threading.main_thread()


async def test_memory_lies_before_a_server_and_a_guard_around_the_server_alone(redis_server):
    guards = []

    def guarded(far):
        guards.append(far)
        return far

    url = f"redis://127.0.0.1:{redis_server.port}/6"
    cache = open_cache(url, memory_bytes=1_000_000, guarded=guarded)
    assert [type(far) for far in guards] == [RedisCache]
    await keep(cache, "near", b"body")
    await guards[0].drop(["near"])
    assert (await cache.get("near", TAG)).body == b"body"
    assert (await cache.get("near", OTHER)).body is None
    await asyncio.gather(cache.aclose(), cache.aclose())
