"""The folder in which a file is made before it takes its name, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from backstory.errors import ConflictError, InvalidError, StoreFullError

_LINKLESS: Final = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def look(target: Path) -> None:
    """Whether a new file can be there.

    Raises:
        ConflictError: there is one.
        InvalidError: there is no folder for it.
    """
    if target.exists():
        raise ConflictError(f"{target} is there already; name a file that is not")
    if not target.parent.is_dir():
        raise InvalidError(f"{target} cannot be written: there is no folder {target.parent}")


@contextlib.contextmanager
def room(target: Path, ending: str) -> Iterator[Path]:
    """A folder beside `target` for its owner alone, on the same disk; gone in the end.

    What somebody left in it who was killed is thrown away.

    Raises:
        ConflictError: somebody else is making the same file.
        InvalidError: there cannot be such a folder.
    """
    folder = target.with_name(f"{target.name}.{ending}")
    with saying(target):
        folder.mkdir(mode=0o700, exist_ok=True)
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(
                f"another process is writing {target} (it holds {folder}); wait for it"
            ) from None
        _empty(folder)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(held)


def _empty(folder: Path) -> None:
    for left in folder.iterdir():
        left.unlink()


@contextlib.contextmanager
def saying(target: Path) -> Iterator[None]:
    """What the system refuses is told with the file that was to be written.

    Raises:
        StoreFullError: the disk is full.
        InvalidError: it cannot be written for another reason.
    """
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise full(target) from error
        raise InvalidError(f"{target} cannot be written: {error.strerror}") from error


def full(target: Path) -> StoreFullError:
    return StoreFullError(
        f"the disk of {target} is full; nothing was left there: free some room, or name another place"
    )


def has_room(target: Path, needed: int) -> None:
    """
    Raises:
        StoreFullError: the disk of the file has less room than that.
    """
    disk = os.statvfs(target.parent)
    free = disk.f_bavail * disk.f_frsize
    if free < needed:
        raise StoreFullError(
            f"{target} needs {needed:,} bytes, and its disk has {free:,}; free some room, or name "
            "another place"
        )


def take_name(made: Path, target: Path) -> None:
    """Have a file that is whole appear under its name, where nothing has that.

    Raises:
        FileExistsError: something has it.
        OSError: it cannot be done.
    """
    try:
        os.link(made, target)
    except OSError as error:
        if error.errno not in _LINKLESS:
            raise
        if target.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from error
        made.rename(target)  # a file system without links
    sync_folder(target)


def name_new(made: Path, target: Path) -> None:
    """As `take_name`.

    Raises:
        ConflictError: something has the name.
        StoreFullError, InvalidError: it cannot be done.
    """
    try:
        with saying(target):
            take_name(made, target)
    except InvalidError as error:
        if isinstance(error.__cause__, FileExistsError):
            raise ConflictError(f"{target} was made meanwhile; name another file") from error
        raise


def sync_folder(target: Path) -> None:
    """So that the name outlives a loss of power."""
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
