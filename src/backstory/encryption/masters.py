"""The master key: in a file, or wherever an extension keeps it."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from backstory import extensions
from backstory.encryption.box import Box
from backstory.errors import ConfigError, KeyUnusableError
from backstory.extensions import Extension, Group, guarded
from backstory.ports.vault import Master

FILE: Final = "file:"
_KEY_BYTES: Final = 32
_ABOUT: Final = b"backstory root"


class FileMaster:
    """32 random bytes in a file, as they are, or in hex or base64."""

    def __init__(self, key: bytes) -> None:
        self._box = Box(key, "master")
        self._name = "file-" + hmac.digest(key, b"backstory name", "sha256")[:8].hex()

    @classmethod
    def read(cls, path: Path) -> FileMaster:
        """
        Raises:
            ConfigError: the file cannot be read, or holds no key.
        """
        try:
            raw = path.read_bytes()
        except OSError as error:
            raise ConfigError(
                f"the master key {str(path)!r} cannot be read: {error.strerror}"
            ) from error
        key = _key(raw)
        if key is None:
            raise ConfigError(
                f"the master key {str(path)!r} is no key of 32 bytes, in hex or base64; "
                "`backstory keys make` makes one"
            )
        return cls(key)

    @property
    def name(self) -> str:
        return self._name

    def wrap(self, secret: bytes) -> bytes:
        return self._box.seal(secret, _ABOUT)

    def unwrap(self, wrapped: bytes) -> bytes:
        secret = self._box.open(wrapped, _ABOUT)
        if secret is None:
            raise KeyUnusableError(f"the master key {self._name} did not wrap this key")
        return secret


def make_file(path: Path) -> None:
    """A new key in a new file that only its owner can read.

    Raises:
        ConfigError: the file is there already, or cannot be made.
    """
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(file, "wb") as out:
            out.write(base64.b64encode(secrets.token_bytes(_KEY_BYTES)) + b"\n")
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        raise ConfigError(
            f"the master key {str(path)!r} cannot be made: {error.strerror}"
        ) from error


def _key(raw: bytes) -> bytes | None:
    if len(raw) == _KEY_BYTES:
        return raw
    text = raw.strip()
    for decode in (bytes.fromhex, _base64):
        with suppress(ValueError, binascii.Error):
            key = decode(text.decode("ascii"))
            if len(key) == _KEY_BYTES:
                return key
    return None


def _base64(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


# -- extensions ------------------------------------------------------------------------------


class _Guarded:
    """A master key of an extension, whose errors are of our tree."""

    def __init__(self, extension: Extension, master: Any) -> None:
        self.name: str = master.name
        self.wrap = guarded(extension, master.wrap)
        self.unwrap = guarded(extension, master.unwrap)


class _Maker:
    """Makes the extension's master key for what the setting says behind its name."""

    def __init__(self, extension: Extension, maker: Any) -> None:
        self._extension, self._maker = extension, maker

    def __call__(self, argument: str) -> Master:
        try:
            master = self._maker(argument)
        except Exception as error:
            raise ConfigError(f"{self._extension} made no key: {type(error).__name__}") from error
        wanted = ("name", "wrap", "unwrap")
        if not all(hasattr(master, each) for each in wanted):
            raise ConfigError(f"{self._extension} made no key: it has no {', '.join(wanted)}")
        return _Guarded(self._extension, master)


GROUP: Final = Group(extensions.MASTERS, frozenset({"file"}), _Maker)


def masters_of(settings: Sequence[str]) -> tuple[Master, ...]:
    """The keys that a setting names, each `file:PATH` or `EXTENSION:WHATEVER`.

    Raises:
        ConfigError: one cannot be had.
    """
    return tuple(map(_master, settings))


def _master(text: str) -> Master:
    if text.startswith(FILE):
        return FileMaster.read(Path(text.removeprefix(FILE)))
    name, _, argument = text.partition(":")
    makers = extensions.made(GROUP)
    if name not in makers:
        known = ", ".join(["file", *makers])
        raise ConfigError(f"no extension keeps master keys as {name!r}; there are {known}")
    return makers[name](argument)
