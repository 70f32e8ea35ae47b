"""What stands behind the pages of a backup, by which it is known to be whole.

SQLite reads as many pages as the header of a file says, so that a backup stays a database that any tool
can open. Behind them are 4 KiB: a mark, the SHA-256 of what follows, and JSON with the length and the SHA-256 of all
pages. A backup that was cut short has no such end, one that was altered has another sum.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from backstory import limits
from backstory.errors import BackupUnusableError, InvalidError

Told = Callable[[int, int], None]
"""Is told of how many bytes are done, and of how many in all."""

_BYTES: Final = 4096
_MARK: Final = b"backstory backup"
_SQLITE: Final = b"SQLite format 3\0"


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says of itself.

    `taken_at` is an RFC 3339 time, `epoch` the life of the store that it was taken in. `bytes` and `sha256`
    are of the database without its end. `encrypted`: it opens with its master key and its keys only.
    `erasures` is the newest erasure that it has been through, `listed` whether there was a list of them.
    """

    release: str
    taken_at: str
    epoch: str
    schema_version: int
    bytes: int
    sha256: str
    encrypted: bool
    erasures: int
    listed: bool


def append(file: BinaryIO, about: Backup) -> None:
    """Write the end of a backup whose pages are all there, and have it on the disk."""
    text = msgspec.json.encode(about)
    file.seek(0, os.SEEK_END)
    file.write(b"\n".join((_MARK, _sum(text), text)).ljust(_BYTES, b"\0"))
    file.flush()
    os.fsync(file.fileno())


def read(path: Path) -> Backup:
    """What the backup says of itself; its bytes are not looked at.

    Raises:
        InvalidError: the file is not there or cannot be read.
        BackupUnusableError: it is no backup, or was cut short.
    """
    try:
        with path.open("rb") as file:
            first = file.read(len(_SQLITE))
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _BYTES))
            end = file.read(_BYTES)
    except OSError as error:
        raise InvalidError(f"{path} cannot be read: {error.strerror}") from error
    about = _parsed(end)
    if about is None and first == _SQLITE:
        raise BackupUnusableError(
            f"{path} lacks the end that a backup has: it was cut short, or is no backup but a store; "
            "take another one"
        )
    if about is None:
        raise BackupUnusableError(f"{path} is no backup of `backstory backup`; name another file")
    if about.bytes != size - _BYTES:
        raise BackupUnusableError(
            f"{path} has {size - _BYTES:,} bytes of a backup that had {about.bytes:,}; take another one"
        )
    return about


def _parsed(end: bytes) -> Backup | None:
    match end.rstrip(b"\0").split(b"\n", 2):
        case [mark, said, text] if mark == _MARK and said == _sum(text):
            return msgspec.json.decode(text, type=Backup)
    return None


def _sum(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode()


def checked(path: Path, about: Backup, told: Told, into: BinaryIO | None = None) -> None:
    """Read all bytes of a backup and compare; `into` is given them as they are read.

    Raises:
        InvalidError: it cannot be read.
        BackupUnusableError: they are others than when it was taken.
        OSError: `into` cannot be written.
    """
    if digest(path, about.bytes, told, into) != about.sha256:
        raise BackupUnusableError(
            f"{path} was altered since it was taken, or its disk is damaged: its bytes have another "
            "SHA-256 than its end says; use another backup"
        )


def digest(path: Path, size: int, told: Told, into: BinaryIO | None = None) -> str:
    """The SHA-256 of the first `size` bytes of a file."""
    found = hashlib.sha256()
    done = 0
    try:
        file = path.open("rb")
    except OSError as error:
        raise InvalidError(f"{path} cannot be read: {error.strerror}") from error
    with file:
        while done < size:
            piece = _piece(path, file, min(limits.BACKUP_PIECE_BYTES, size - done))
            if not piece:
                break
            found.update(piece)
            if into is not None:
                into.write(piece)
            done += len(piece)
            told(done, size)
    return found.hexdigest()


def _piece(path: Path, file: BinaryIO, size: int) -> bytes:
    try:
        return file.read(size)
    except OSError as error:  # a failing disk
        raise InvalidError(f"{path} cannot be read: {error.strerror}") from error
