"""Room on a disk."""

from __future__ import annotations

import os
from pathlib import Path

from backstory import limits
from backstory.resilience.checking import Look


async def room(folder: Path) -> Look:
    """How much is left where a folder lies."""
    try:
        disk = os.statvfs(folder)
    except OSError as error:
        return Look("failed", f"the disk under the store cannot be asked: {error.strerror}")
    free = disk.f_bavail * disk.f_frsize
    facts = {"free_bytes": free, "free_inodes": disk.f_favail}
    if free < limits.FREE_BYTES:
        return Look("failed", "the disk is full; free some room", facts)
    if free < limits.LOW_DISK_BYTES:
        return Look("warning", "the disk is nearly full; free some room soon", facts)
    return Look(facts=facts)
