"""Room for uploads is counted seldom, and always before anybody is refused."""

import pytest

from backstory import limits
from backstory.errors import UploadsFullError
from backstory.storage.room import Room


class Counted:
    """A store whose unfinished uploads have so many bytes."""

    def __init__(self, size=0):
        self.size = size
        self.times = 0

    async def __call__(self, tenant):
        self.times += 1
        return self.size


async def test_it_is_counted_once_for_many_uploads():
    counted = Counted()
    room = Room(counted)
    for _ in range(100):
        await room.require("t", [1000])
    assert counted.times == 1
    await room.require("t", [limits.UPLOADS_COUNT_BYTES])
    assert counted.times == 2


async def test_what_is_known_already_needs_no_room():
    counted = Counted(limits.UPLOADS_BYTES)
    await Room(counted).require("t", [])
    assert counted.times == 0


async def test_nobody_is_refused_by_an_old_count():
    counted = Counted(limits.UPLOADS_BYTES - 10_000)
    room = Room(counted)
    await room.require("t", [5000])
    with pytest.raises(UploadsFullError):
        await room.require("t", [9000, 9000])
    counted.size = 0  # it has become content
    await room.require("t", [9000, 9000])


async def test_each_tenant_has_its_own():
    counted = Counted()
    room = Room(counted)
    for tenant in ("a", "b", "a", "b"):
        await room.require(tenant, [1000])
    assert counted.times == 2
