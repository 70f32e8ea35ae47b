"""The Redis that the page on caches describes has the rights and the room that a cache needs."""

import contextlib
import re

import pytest

import server_process
from backstory.caching.redis import RedisCache
from backstory.domain.contexts import Tag
from pages import DOCS

PAGE = (DOCS / "how-to" / "caching.md").read_text(encoding="utf-8")
TAG = Tag(1, b"c" * 16)


def settings():
    """The documented lines, with room for a test."""
    lines = re.search(r"^```text\n(maxmemory .*?)```$", PAGE, re.MULTILINE | re.DOTALL)[1]
    pairs = [line.split(" ", 1) for line in lines.splitlines()]
    users = [value for name, value in pairs if name == "user"]
    return {name: value for name, value in pairs if name != "user"}, users


@pytest.fixture
def redis(tmp_path):
    named, users = settings()
    assert named.pop("maxmemory") == "1gb"
    acl = tmp_path / "users.acl"
    acl.write_text("".join(f"user {user}\n" for user in users), encoding="utf-8")
    named["save"] = named["save"].strip('"')
    with server_process.redis(**named, maxmemory="4mb", aclfile=acl) as server:
        if server is None:
            pytest.skip(server_process.MISSING["redis"])
        yield server


async def test_a_cache_needs_no_more_rights_and_no_more_room(redis):
    url = f"redis://backstory:PASSWORD@127.0.0.1:{redis.port}/1"
    async with contextlib.aclosing(RedisCache(url, "redis")) as cache:
        await cache.check()
        for number in range(100):
            key = f"k{number}"
            assert await cache.fill(key, await cache.get(key, TAG), TAG, bytes(100_000))
        assert (await cache.get("k99", TAG)).body == bytes(100_000)
        await cache.drop(["k99"])
        assert (await cache.get("k99", None)).body is None
