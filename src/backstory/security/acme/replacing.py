"""Putting new files in the place of others, so that whoever reads finds one or the other."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path


def replace(files: Mapping[Path, bytes]) -> None:
    """Write all of them, durably, then put each in its place by renaming, in order.

    A new file is its owner's alone; one that was there keeps owner and rights.

    Raises:
        OSError: one cannot be written; none was replaced.
    """
    parts = {path: path.with_name(f".{path.name}.new") for path in files}
    try:
        for path, content in files.items():
            _write(parts[path], content, path)
        for path, part in parts.items():
            part.replace(path)
            _sync(path.parent)
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def _write(part: Path, content: bytes, path: Path) -> None:
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        with suppress(OSError):  # there is none, or it may not be given away
            about = path.stat()
            os.fchown(descriptor, about.st_uid, about.st_gid)
            os.fchmod(descriptor, about.st_mode & 0o777)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
