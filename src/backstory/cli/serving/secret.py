"""The file with the local token, which only its owner can read."""

from __future__ import annotations

import os
import re
import secrets
import stat
from pathlib import Path
from typing import Final

from backstory.config import Settings
from backstory.errors import ConfigError

FILE: Final = "local-token"
_BYTES: Final = 32
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,}\Z")


def local_token(settings: Settings) -> tuple[str, Path] | None:
    """The token and its file beside the store, made where there is none; None where unasked.

    Raises:
        ConfigError: others may read the file, or it holds no token.
    """
    if not settings.local_token:
        return None
    path = settings.store.folder / FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _make(path)
        return _read(path), path
    except OSError as error:
        raise ConfigError(f"the token file {path} cannot be used: {error.strerror}") from error


def _make(path: Path) -> None:
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(file, "w", encoding="ascii") as out:
        out.write(secrets.token_urlsafe(_BYTES) + "\n")


def _read(path: Path) -> str:
    with path.open(encoding="ascii", errors="replace") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            raise ConfigError(f"others may read the token file {path}; run chmod 600 on it")
        token = file.readline().strip()
    if not _TOKEN.match(token):
        raise ConfigError(f"there is no token in {path}; remove the file, and one is made")
    return token
