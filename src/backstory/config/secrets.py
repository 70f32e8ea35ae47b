"""Values of settings in files, as orchestrators mount secrets: one file, one value."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from backstory import limits
from backstory.config.settings import TABLE
from backstory.errors import ConfigError

SUFFIX: Final = "_FILE"


class Written(str):
    """A value that came from a file, and is not repeated by an error."""

    __slots__ = ()


def read(path: str | Path, origin: str) -> Written:
    """The text of a file, without the line break at its end.

    Raises:
        ConfigError: it cannot be read, is too long, or is no text. It is never shown.
    """
    try:
        with Path(path).open("rb") as file:
            raw = file.read(limits.SECRET_FILE_BYTES + 1)
        if len(raw) > limits.SECRET_FILE_BYTES:
            raise ConfigError(
                f"{origin} names {str(path)!r}, which has over {limits.SECRET_FILE_BYTES} bytes"
            )
        return Written(raw.decode("utf-8").rstrip("\r\n"))
    except OSError as error:
        raise ConfigError(f"{origin} names {str(path)!r}: {error.strerror}") from error
    except ValueError:  # a path with a NUL, or bytes that are no text; neither is to be shown
        raise ConfigError(f"{origin} names a file that is no UTF-8 text") from None


def from_folder(folder: str | None) -> dict[str, tuple[object, str]]:
    """What the files of a folder say, each named like a setting or like its variable.

    Other files are left alone: an orchestrator puts its own beside them.

    Raises:
        ConfigError: the folder or one of those files cannot be read, or there are two for one.
    """
    if not folder:
        return {}
    names = {setting.variable: name for name, setting in TABLE.items()} | {n: n for n in TABLE}
    try:
        files = sorted(path for path in Path(folder).iterdir() if path.name in names)
    except OSError as error:
        raise ConfigError(f"BACKSTORY_SECRETS names {folder!r}: {error.strerror}") from error
    found: dict[str, tuple[object, str]] = {}
    for path in files:
        name = names[path.name]
        if name in found:
            raise ConfigError(f"BACKSTORY_SECRETS has two files for {name}; keep one")
        found[name] = read(path, str(path)), str(path)
    return found
