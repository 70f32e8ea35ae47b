"""The disk of the database has no room left, and has some again."""

import asyncio
import os
import shutil
import subprocess

import pytest

from clusters import caller
from clusters.load import under_load

pytestmark = pytest.mark.cluster
MEGABYTES = 48


@pytest.fixture
def small_disk(own_postgres):
    """A folder of the database's user on a disk of its own; only root can make one."""
    folder = own_postgres.folder / "small"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    if made.returncode:
        pytest.skip("a small disk can be mounted by root only")
    os.chown(folder, *own_postgres.user)
    yield folder
    own_postgres.stop("immediate")
    subprocess.run(["umount", folder], check=True)


async def test_the_disk_is_full_and_has_room_again(cluster, own_postgres, small_disk, monkeypatch):
    """What is answered with 507 was not written."""
    monkeypatch.setattr(caller, "LATER", caller.LATER | {"store_full"})
    await own_postgres.do(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
    await own_postgres.do("CREATE DATABASE full_one TABLESPACE small")
    ballast = small_disk / "ballast"
    async with (
        cluster(own_postgres.url("full_one")) as nodes,
        under_load("disk: full", nodes) as load,
    ):
        for _ in range(2):
            await asyncio.to_thread(fill, ballast)
            await load.more(20, "refused")
            ballast.unlink()
            await load.of_each(30)


def fill(ballast):
    """Leave no room at all."""
    with ballast.open("wb", buffering=0) as file:
        free = shutil.disk_usage(ballast.parent).free
        while free:
            file.write(b"\0" * min(free, 2**20))
            free = shutil.disk_usage(ballast.parent).free
