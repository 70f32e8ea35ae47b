"""Where files of stores lie: SQLite needs a disk of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from backstory.cli.doctor.findings import Finding
from backstory.config import Settings, StoreUrl

_FAR: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "afs"})
_GONE: Final = frozenset({"tmpfs", "ramfs"})


def mounts(settings: Settings, table: str) -> Iterator[Finding]:
    """What is wrong with where they lie, by the kernel's table of mounts."""
    urls = {"": settings.store} | {f" of {one.name}": one.url for one in settings.routes}
    for name, url in urls.items():
        if isinstance(url, StoreUrl):
            yield from _look(f"the store{name}", url.path.absolute(), table)


def _look(store: str, path: Path, table: str) -> Iterator[Finding]:
    kind = _kind(path, table)
    if kind in _FAR or kind.startswith("fuse.sshfs"):
        yield Finding(
            "host.disk",
            "failed",
            f"{store} lies on {kind}, over the network: processes of two machines would damage it, "
            "since its log is in memory that they do not share",
            "keep it on a disk of this machine, or keep contexts in PostgreSQL",
        )
    elif kind in _GONE:
        yield Finding(
            "host.disk",
            "warning",
            f"{store} lies on {kind}, which is memory: all of it is gone when the machine restarts",
            "keep it on a disk",
        )


def _kind(path: Path, table: str) -> str:
    """The kind of the file system that a path is on; the mount that comes last counts."""
    best, kind = -1, ""
    for line in table.splitlines():
        words = line.split()
        if len(words) < 3:
            continue
        point = words[1].encode().decode("unicode_escape")
        if path.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), words[2]
    return kind
