"""Flags, variables, secrets, file and defaults into one `Settings`, each value with its origin.

What nobody knows is an error that names the nearest known thing: a misspelt setting that
is silently ignored is found out in production.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from backstory.config import secrets
from backstory.config.settings import PREFIX, TABLE, Setting, Settings
from backstory.config.urls import masked
from backstory.errors import ConfigError

_FILE_VARIABLE = PREFIX + "CONFIG"
SECRETS_VARIABLE = PREFIX + "SECRETS"
DEFAULT_PREFIX = PREFIX + "DEFAULT_"
# Variables of the tests' own live beside ours.
_TEST_PREFIX = PREFIX + "TEST_"
_VALUE_CHARS = 80  # of a wrong value that the error repeats


def load(
    flags: Mapping[str, object] | None = None,
    *,
    file: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """All settings: `flags` (by name, None where not given) > variables > secrets > file > `BACKSTORY_DEFAULT_` variables > defaults.

    `file` is the path given with `--config`; without it, `BACKSTORY_CONFIG` may name one. A
    variable with `_FILE` behind its name names a file with the value, and `BACKSTORY_SECRETS` a
    folder with such files. What an image or a unit sets with `BACKSTORY_DEFAULT_` before the name, anything
    that an operator says puts aside.
    Raises `ConfigError` with one line that names the setting, its origin and what is allowed.
    """
    environ = os.environ if environ is None else environ
    written = _from_defaults(environ)
    written |= _from_file(file, environ)
    written |= secrets.from_folder(environ.get(SECRETS_VARIABLE))
    written |= _from_variables(environ)
    written |= _from_flags(flags or {})
    values = {name: _read(TABLE[name], raw, origin) for name, (raw, origin) in written.items()}
    origins = MappingProxyType({name: origin for name, (_, origin) in written.items()})
    return Settings(**values, origins=origins)


def _from_flags(flags: Mapping[str, object]) -> dict[str, tuple[object, str]]:
    return {name: (raw, TABLE[name].flag) for name, raw in flags.items() if raw is not None}


def _from_defaults(environ: Mapping[str, str]) -> dict[str, tuple[object, str]]:
    named = {DEFAULT_PREFIX + name.upper(): name for name in TABLE}
    found: dict[str, tuple[object, str]] = {}
    for variable, raw in sorted(environ.items()):
        if variable in named:
            found[named[variable]] = (raw, variable)
        elif variable.startswith(DEFAULT_PREFIX):
            raise ConfigError(f"variable {variable} is not known{_nearest(variable, named)}")
    return found


def _from_variables(environ: Mapping[str, str]) -> dict[str, tuple[object, str]]:
    known = {setting.variable: name for name, setting in TABLE.items()}
    in_files = {variable + secrets.SUFFIX: name for variable, name in known.items()}
    found: dict[str, tuple[object, str]] = {}
    for variable, raw in sorted(environ.items()):
        if not variable.startswith(PREFIX) or variable.startswith((_TEST_PREFIX, DEFAULT_PREFIX)):
            continue
        if variable in known:
            if raw or variable + secrets.SUFFIX not in environ:
                found[known[variable]] = (raw, variable)
        elif variable in in_files:
            _require_one(in_files[variable], environ)
            found[in_files[variable]] = (secrets.read(raw, variable), variable)
        elif variable not in {_FILE_VARIABLE, SECRETS_VARIABLE}:
            choices = [*known, *in_files, _FILE_VARIABLE, SECRETS_VARIABLE]
            raise ConfigError(f"variable {variable} is not known{_nearest(variable, choices)}")
    return found


def _require_one(name: str, environ: Mapping[str, str]) -> None:
    """An empty variable counts as none, for places where one cannot be taken out."""
    variable = TABLE[name].variable
    if environ.get(variable):
        raise ConfigError(f"{variable} and {variable}{secrets.SUFFIX} are both set; keep one")


def _from_file(
    file: str | Path | None, environ: Mapping[str, str]
) -> dict[str, tuple[object, str]]:
    origin = "--config" if file else _FILE_VARIABLE
    path = file or environ.get(_FILE_VARIABLE)
    if not path:
        return {}
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigError(f"config from {origin} names {str(path)!r}: {reason}") from error
    except ValueError as error:  # not UTF-8, or not TOML
        reason = " ".join(str(error).split())
        raise ConfigError(f"config from {origin}: {str(path)!r} is not TOML: {reason}") from error
    for key in content:
        if key not in TABLE:
            raise ConfigError(f"setting {key!r} in {path} is not known{_nearest(key, TABLE)}")
    return {name: (raw, str(path)) for name, raw in content.items()}


def _read(setting: Setting, raw: object, origin: str) -> Any:
    try:
        return setting.read(raw)
    except ValueError as problem:
        hidden = setting.secret or isinstance(raw, secrets.Written)
        shown = "a secret" if hidden else masked(repr(raw))
        if len(shown) > _VALUE_CHARS:
            shown = shown[:_VALUE_CHARS] + "..."
        raise ConfigError(f"{setting.name} from {origin} {problem}, not {shown}") from None


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0]}?" if near else "; `backstory config` lists all"
