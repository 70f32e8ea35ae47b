"""What every cache has to do, as tests that its author can run.

Subclass `CacheContract` and give it a fixture `cache`, as with `StoreContract`; and a fixture
`beside`, a second cache that shares what `cache` keeps, where processes share it. What a test
keeps must be gone, or never read, in the next one: keys differ from test to test.
"""

from __future__ import annotations

import asyncio
import secrets
from itertools import count

import pytest

from backstory import limits
from backstory.domain.contexts import Tag
from backstory.ports.cache import Cache, Cached

OLD, NEW, NEWER = Tag(1, b"a" * 16), Tag(2, b"b" * 16), Tag(3, b"c" * 16)
REMADE = Tag(2, b"z" * 16)  # the same version, of a name that was made again


class CacheContract:
    """Bytes by key and tag, filled by compare-and-set."""

    @pytest.fixture
    def beside(self, cache: Cache) -> Cache:
        return cache

    @pytest.fixture
    def key(self) -> str:
        return secrets.token_hex(32)

    async def test_nothing_is_found_where_nothing_was_kept(self, cache: Cache, key: str) -> None:
        for tag in (NEW, None):
            assert _empty(await cache.get(key, tag))

    async def test_a_body_is_given_for_its_tag_to_everyone(
        self, cache: Cache, beside: Cache, key: str
    ) -> None:
        assert await _keep(cache, key, NEW, b"body")
        for each in (cache, beside):
            assert _what(await each.get(key, NEW)) == (NEW, b"body")

    @pytest.mark.parametrize("tag", [OLD, NEWER, REMADE, Tag(2, b""), Tag(0, b"b" * 16)])
    async def test_a_tag_that_is_not_equal_is_a_miss(
        self, cache: Cache, key: str, tag: Tag
    ) -> None:
        assert await _keep(cache, key, NEW, b"body")
        assert _empty(await cache.get(key, tag))
        assert _what(await cache.get(key, NEW)) == (NEW, b"body")

    async def test_without_a_tag_whatever_is_kept_is_given(self, cache: Cache, key: str) -> None:
        assert await _keep(cache, key, NEW, b"body")
        assert _what(await cache.get(key, None)) == (NEW, b"body")

    @pytest.mark.parametrize("tag", [Tag(0, b""), Tag(limits.VERSION_MAX, bytes(range(64)))])
    async def test_any_tag_will_do(self, cache: Cache, key: str, tag: Tag) -> None:
        assert await _keep(cache, key, tag, b"body")
        assert _what(await cache.get(key, None)) == (tag, b"body")

    @pytest.mark.parametrize("size", [0, 1, 1_000, 100_000, 1_000_000])
    async def test_bytes_come_back_as_they_were(self, cache: Cache, key: str, size: int) -> None:
        body = secrets.token_bytes(size)
        assert await _keep(cache, key, NEW, body)
        assert _what(await cache.get(key, NEW)) == (NEW, body)

    async def test_bytes_are_not_taken_for_a_protocol(self, cache: Cache, key: str) -> None:
        body = b"\r\nEND\r\nVALUE x 0 1 1\r\n$-1\r\n*0\r\n\0" + bytes(range(256))
        assert await _keep(cache, key, NEW, body)
        assert _what(await cache.get(key, NEW)) == (NEW, body)

    async def test_a_body_over_the_bound_is_not_kept(self, cache: Cache, key: str) -> None:
        assert not await _keep(cache, key, NEW, bytes(limits.CACHE_BODY_BYTES + 1))
        assert _empty(await cache.get(key, NEW))

    async def test_who_found_an_entry_may_replace_it(self, cache: Cache, key: str) -> None:
        for tag, body in ((OLD, b"old"), (NEW, b"new"), (REMADE, b"remade"), (OLD, b"restored")):
            assert await _keep(cache, key, tag, body)
            assert _what(await cache.get(key, None)) == (tag, body)

    async def test_who_read_first_and_fills_last_changes_nothing(
        self, cache: Cache, beside: Cache, key: str
    ) -> None:
        slow = await cache.get(key, OLD)
        assert await _keep(beside, key, NEW, b"new")
        await cache.fill(key, slow, OLD, b"old")
        assert _what(await beside.get(key, None)) == (NEW, b"new")
        slow = await cache.get(key, NEWER)
        assert await _keep(beside, key, REMADE, b"remade")
        await cache.fill(key, slow, NEWER, b"newer")
        assert _what(await beside.get(key, None)) == (REMADE, b"remade")

    async def test_one_of_many_who_missed_fills(self, cache: Cache, key: str) -> None:
        tags = [Tag(number, b"t" * 16) for number in range(30)]
        found = [await cache.get(key, tag) for tag in tags]
        kept = await asyncio.gather(
            *(
                cache.fill(key, each, tag, b"%d" % tag.version)
                for each, tag in zip(found, tags, strict=True)
            )
        )
        assert sum(kept) == 1
        tag = tags[kept.index(True)]
        assert _what(await cache.get(key, None)) == (tag, b"%d" % tag.version)

    async def test_no_fill_undoes_what_happened_since_its_reader_looked(
        self, cache: Cache, beside: Cache, key: str
    ) -> None:
        """Of many who read, fill and drop at once: each that succeeds has seen the one before."""
        moments, happened = count(), list[tuple[int, int]]()

        async def read_and_fill(each: Cache, number: int) -> None:
            for round_ in range(25):
                found = await each.get(key, None)
                looked = next(moments)
                for _ in range((number * 7 + round_ * 3) % 5):
                    await asyncio.sleep(0)
                began = next(moments)
                if (number + round_) % 11 == 0:
                    await each.drop([key])
                elif not await each.fill(key, found, Tag(began, b"t" * 16), b"%d" % began):
                    continue
                elif any(looked < start and end < began for start, end in happened):
                    raise AssertionError("a fill undid what had happened since its reader looked")
                happened.append((began, next(moments)))

        await asyncio.gather(*(read_and_fill((cache, beside)[n % 2], n) for n in range(12)))
        assert len(happened) > 25, "hardly anything was kept"

    async def test_what_is_dropped_is_gone_for_everyone(
        self, cache: Cache, beside: Cache, key: str
    ) -> None:
        assert await _keep(beside, key, NEW, b"body")
        await cache.drop([key])
        assert _empty(await cache.get(key, NEW))
        assert _empty(await cache.get(key, None))

    async def test_who_read_before_a_drop_cannot_fill_after_it(
        self, cache: Cache, beside: Cache, key: str
    ) -> None:
        missed = await cache.get(key, NEW)
        await beside.drop([key])
        await cache.fill(key, missed, NEW, b"erased")
        assert _empty(await beside.get(key, None))
        assert await _keep(beside, key, NEW, b"body")
        found = await cache.get(key, NEW)
        await beside.drop([key])
        await cache.fill(key, found, NEWER, b"erased")
        assert _empty(await beside.get(key, None))

    async def test_what_is_dropped_near_can_be_filled_again(self, cache: Cache, key: str) -> None:
        assert await _keep(cache, key, OLD, b"old")
        await cache.drop_near([key, key])
        assert await _keep(cache, key, NEW, b"new")
        assert _what(await cache.get(key, NEW)) == (NEW, b"new")

    async def test_a_dropped_key_can_be_filled_again(self, cache: Cache, key: str) -> None:
        await cache.drop([key])
        assert await _keep(cache, key, NEW, b"body")
        assert _what(await cache.get(key, NEW)) == (NEW, b"body")

    async def test_thousands_are_dropped_at_once(self, cache: Cache, key: str) -> None:
        keys = [f"{key[:32]}{number}" for number in range(1_200)]
        for one in keys[::100]:
            assert await _keep(cache, one, NEW, b"body")
        await cache.drop([])
        await cache.drop([*keys, *keys[:10]])
        for one in keys[::100]:
            assert _empty(await cache.get(one, None))

    async def test_what_is_kept_under_other_keys_stays(self, cache: Cache, key: str) -> None:
        other = key[:-1] + ("0" if key[-1] != "0" else "1")
        assert await _keep(cache, other, NEW, b"other")
        assert await _keep(cache, key, NEW, b"body")
        await cache.drop([key])
        assert _what(await cache.get(other, NEW)) == (NEW, b"other")

    async def test_it_can_be_used(self, cache: Cache) -> None:
        await cache.check()
        await asyncio.gather(*(cache.check() for _ in range(20)))

    async def test_it_may_be_closed_twice(self, cache: Cache) -> None:
        await cache.aclose()
        await cache.aclose()


async def _keep(cache: Cache, key: str, tag: Tag, body: bytes) -> bool:
    return await cache.fill(key, await cache.get(key, tag), tag, body)


def _what(found: Cached) -> tuple[Tag | None, bytes | None]:
    return found.tag, found.body


def _empty(found: Cached) -> bool:
    return _what(found) == (None, None)
