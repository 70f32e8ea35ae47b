"""A SQLite file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from backstory import limits
from backstory.cli.doctor.findings import Finding
from backstory.cli.doctor.versions import version_found
from backstory.errors import BackstoryError
from backstory.storage.standing import Known, Standing

LOW_DISK_BYTES: Final = 256 * limits.MIB


def look(path: Path) -> Iterator[Finding]:
    from backstory.wiring import inspect_store

    if not path.exists():
        yield Finding("store", "warning", f"there is none at {path}", "`backstory serve` makes it")
        return
    try:
        found = inspect_store(path)
    except BackstoryError as error:
        yield Finding("store", "failed", error.detail, "restore a backup, or move the file away")
        return
    except OSError as error:
        yield Finding("store", "failed", f"{path}: {error.strerror}", "check its permissions")
        return
    yield _schema(found.ours, found.standing, found.known)
    yield _integrity(found.damage)
    yield _lock(found.held, str(path))
    yield _disk(found.free_bytes)
    yield _wal(found.wal_bytes)
    yield _mode(found.mode, str(path))


def _schema(ours: bool, standing: Standing, known: Known) -> Finding:
    if not ours:
        detail = "the file is a database, but not one of Backstory's"
        return Finding("schema", "failed", detail, "choose another path with --store")
    return version_found(standing, known)


def _integrity(damage: tuple[str, ...]) -> Finding:
    if not damage:
        return Finding("integrity", "ok", "every page can be read")
    step = "stop all processes that use it, keep a copy, restore a backup"
    return Finding("integrity", "failed", "; ".join(damage), step)


def _lock(held: bool, path: str) -> Finding:
    if not held:
        return Finding("lock", "ok", "who wants to write gets a turn")
    detail = (
        f"another process has kept all others from writing for {limits.DOCTOR_LOCK_SECONDS:g} s"
    )
    return Finding("lock", "failed", detail, f"`lslocks` and `fuser {path}*` tell which; end it")


def _disk(free: int) -> Finding:
    detail = f"{free // limits.MIB} MiB free"
    if free < limits.FREE_BYTES:
        return Finding("disk", "failed", detail, "free some room: nothing can be written")
    if free < LOW_DISK_BYTES:
        return Finding("disk", "warning", detail, "free some room soon")
    return Finding("disk", "ok", detail)


def _wal(size: int) -> Finding:
    detail = f"the write-ahead log has {size / limits.MIB:.1f} MiB"
    if size <= limits.WAL_ALARM_BYTES:
        return Finding("wal", "ok", detail)
    step = "look for a process that keeps the file open and does nothing; restart the server"
    return Finding("wal", "warning", detail, step)


def _mode(mode: int, path: str) -> Finding:
    if mode & 0o077:
        detail = f"other users of this machine may read the file (mode {mode:o})"
        return Finding("permissions", "warning", detail, f"run chmod 600 {path}")
    return Finding("permissions", "ok", "only the owner can read the file")
