"""Copies of a store in a file, and stores of them again."""

from __future__ import annotations

from pathlib import Path

from backstory.clock import SystemClock
from backstory.config import ServerUrl, Settings
from backstory.errors import ConfigError, ConflictError, MissingError
from backstory.storage.sqlite import SqliteOptions
from backstory.storage.sqlite.backups import ends, restoring, taking
from backstory.storage.sqlite.backups.ends import Backup, Told
from backstory.storage.sqlite.backups.keys import copy_keys
from backstory.storage.sqlite.backups.restoring import Restored
from backstory.wiring.stores import safe_in_file


def back_up(settings: Settings, target: Path, told: Told) -> Backup:
    """Copy the store, which may be in use.

    Raises:
        ConfigError: it is in PostgreSQL.
        BackstoryError: as `taking.take`.
    """
    options = _options(settings)
    listed = _has_keys(settings, options)
    return taking.take(options, target.absolute(), SystemClock(), told, listed=listed)


def back_up_keys(settings: Settings, target: Path) -> None:
    """Copy the keys and the list of erasures, which may be in use.

    Raises:
        ConfigError: they are in PostgreSQL.
        MissingError: there are none.
        BackstoryError: as `copy_keys`.
    """
    keys = settings.keys
    if isinstance(keys, ServerUrl) or (keys is None and isinstance(settings.store, ServerUrl)):
        raise ConfigError(
            "the keys are in PostgreSQL; back them up with pg_dump, as "
            "docs/how-to/postgresql-backups.md tells"
        )
    path = _keys_path(settings, _options(settings)) if keys is None else keys.path
    if not path.exists():
        raise MissingError(f"there is nothing at {path}: no keys, and nobody was erased yet")
    copy_keys(path, target.absolute())


def check_backup(source: Path, told: Told) -> Backup:
    """Whether a backup is whole.

    Raises:
        BackstoryError: as `restoring.check`.
    """
    return restoring.check(source, told)


def restore_backup(
    settings: Settings, source: Path, told: Told, *, replace: bool, keyless: bool
) -> Restored:
    """Make a store of a backup. `keyless`: although its keys and its list of erasures are not there.

    Raises:
        ConfigError: the place is in PostgreSQL.
        BackstoryError: as `restoring.restore`.
    """
    options = _options(settings)
    about = ends.read(source)
    if (about.listed or about.encrypted) and not keyless and not _has_keys(settings, options):
        raise ConflictError(_KEYLESS.format(place=_keys_path(settings, options)))
    return restoring.restore(source, options, SystemClock(), told, replace=replace)


def _options(settings: Settings) -> SqliteOptions:
    if isinstance(settings.store, ServerUrl):
        raise ConfigError(
            f"store from {settings.origin('store')} is a PostgreSQL; back it up and restore it with "
            "pg_dump and pg_restore, as docs/how-to/postgresql-backups.md tells"
        )
    return SqliteOptions(settings.store.path.absolute())


def _has_keys(settings: Settings, options: SqliteOptions) -> bool:
    safe = safe_in_file(settings, options)
    try:
        return safe.vault.exists()
    finally:
        safe.close()


def _keys_path(settings: Settings, options: SqliteOptions) -> Path:
    assert not isinstance(settings.keys, ServerUrl)  # `safe_in_file` has refused it
    return options.keys_path if settings.keys is None else settings.keys.path


_KEYLESS = (
    "the keys and the list of erasures that belong to the backup are not at {place}, so that it could not "
    "be read, or would bring back who was erased since; nothing was restored: copy that file there, name "
    "its place with --keys, or say --without-keys"
)
