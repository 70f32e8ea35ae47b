"""`backstory doctor`: what is wrong with a store and its surroundings, and what to do."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

import click

from backstory import limits
from backstory.cli.options import json_option, setting_options, settings_from
from backstory.config import ServerUrl, Settings, check_local_mode
from backstory.config.cache_urls import NEAR
from backstory.errors import BackstoryError, CacheUnavailableError, ConfigError
from backstory.extensions import Extension
from backstory.storage.postgres.inspection import ServerInspection

LOW_DISK_BYTES: Final = 256 * limits.MIB
_BUS_STEP: Final = "set --bus to redis://..., or to a postgresql:// URL that leads past the pooler"
_SIGNS: Final = {"ok": "ok     ", "warning": "warning", "failed": "failed "}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `next` says what to do where it is not as it should be."""

    name: str
    status: Literal["ok", "warning", "failed"]
    detail: str
    next: str | None = None


@click.command("doctor")
@setting_options()
@json_option
def command(*, as_json: bool, **flags: Any) -> None:
    """Look for what is wrong with a store and its surroundings, and list the extensions.

    Takes the flags of `serve`. Writes nothing, and works beside a running server. The exit code
    is 1 where something failed.
    """
    settings = settings_from(flags)
    extensions = _extensions()
    findings = [
        *_settings(settings),
        *_certificate(settings),
        *map(_extension, extensions),
        *_store(settings),
        _cache(settings),
        *_bus(settings),
    ]
    failed = any(finding.status == "failed" for finding in findings)
    if as_json:
        view = {
            "ok": not failed,
            "findings": [asdict(finding) for finding in findings],
            "extensions": [asdict(extension) for extension in extensions],
        }
        click.echo(json.dumps(view, indent=2))
    else:
        for finding in findings:
            click.echo(f"{_SIGNS[finding.status]} {finding.name}: {finding.detail}")
            if finding.next is not None:
                click.echo(f"        next: {finding.next}")
    if failed:
        raise SystemExit(1)


def _settings(settings: Settings) -> Iterator[Finding]:
    try:
        check_local_mode(settings)
    except ConfigError as error:
        yield Finding("settings", "failed", error.detail, "set --host to a loopback address")
    else:
        yield Finding("settings", "ok", "all can be read; `backstory config` shows them")


def _certificate(settings: Settings) -> Iterator[Finding]:
    from backstory.wiring import inspect_certificate

    name, step = "certificate", "renew it; the server takes the new files by itself"
    try:
        found = inspect_certificate(settings)
    except ConfigError as error:
        yield Finding(name, "failed", error.detail, "mend --tls-certificate and --tls-key")
        return
    if found is None:
        return
    days = found.days(time.time())
    detail = f"{', '.join(found.names) or found.subject} for {days:.0f} more days"
    if days <= 0:
        yield Finding(name, "failed", f"{found.subject} ended {-days:.0f} days ago", step)
    elif days < limits.CERTIFICATE_WARNING_DAYS:
        yield Finding(name, "warning", detail, step)
    else:
        yield Finding(name, "ok", detail)


def _extensions() -> list[Extension]:
    from backstory.wiring import inspect_extensions

    return list(inspect_extensions())


def _extension(found: Extension) -> Finding:
    """One that is broken stops the start, so there is no milder word for it."""
    if found.ignored:
        detail = f"{found.name} of {found.package} {found.version} is ignored: {found.problem}"
        return Finding("extension", "warning", detail, f"mend the group in {found.package}")
    if found.problem is None:
        detail = f"{found.name} of {found.group}, from {found.package} {found.version}"
        return Finding("extension", "ok", detail)
    step = f"mend {found.package}, or take it away"
    return Finding("extension", "failed", found.problem, step)


def _store(settings: Settings) -> Iterator[Finding]:
    if isinstance(settings.store, ServerUrl):
        yield from _server(settings)
    else:
        yield from _file(settings.store.path)


def _bus(settings: Settings) -> Iterator[Finding]:
    """Nobody needs it to run, so a bus that is away is a warning."""
    from backstory.wiring import bus_server, inspect_bus

    url = bus_server(settings)
    if url is None:
        if isinstance(settings.store, ServerUrl):
            detail = "there is none: nodes see each other's changes within a second"
            yield Finding("bus", "warning", detail, _BUS_STEP)
        return
    try:
        name = inspect_bus(url)
    except BackstoryError as error:
        yield Finding("bus", "warning", error.detail, "check --bus; until then nodes are slower")
    else:
        yield Finding("bus", "ok", f"messages pass by way of {name}")


def _server(settings: Settings) -> Iterator[Finding]:
    from backstory.wiring import inspect_server

    try:
        found = inspect_server(settings)
    except BackstoryError as error:
        yield Finding("store", "failed", error.detail, "check --store and the server")
        return
    if found.schema_version is None:
        detail = "the database is empty"
        yield Finding("store", "warning", detail, "`backstory serve` makes the tables")
    else:
        yield _version(found.schema_version, found.newest)
    yield _durability(found)
    yield _standbys(found.standbys)
    yield _connections(found)


def _durability(found: ServerInspection) -> Finding:
    for name, off in (
        ("fsync", not found.fsync),
        ("synchronous_commit", found.synchronous_commit == "off"),
    ):
        if off:
            detail = f"{name} is off: a crash loses what was acknowledged"
            return Finding("durability", "failed", detail, f"set {name} = on in postgresql.conf")
    detail = f"PostgreSQL {found.release} commits with {found.synchronous_commit}"
    return Finding("durability", "ok", detail)


def _standbys(names: str) -> Finding:
    if names:
        return Finding("standby", "ok", f"commits wait for {names}")
    step = "set synchronous_standby_names, or take a failover for a loss of the last moments"
    return Finding("standby", "warning", "no standby holds each commit before it counts", step)


def _connections(found: ServerInspection) -> Finding:
    detail = f"{found.connections} of {found.max_connections} connections are in use"
    if found.connections * 10 < found.max_connections * 9:
        return Finding("connections", "ok", detail)
    return Finding("connections", "warning", detail, "raise max_connections or use a pooler")


def _cache(settings: Settings) -> Finding:
    """Servers answer without it, too, so that it is no failure."""
    from backstory.wiring import inspect_cache

    try:
        inspect_cache(settings)
    except CacheUnavailableError as error:
        step = "check --cache and the server; until then all is read from the store"
        return Finding("cache", "warning", error.detail, step)
    detail = f"{settings.cache_megabytes} MiB in each process"
    shared = "" if settings.cache == NEAR else ", before a server that can be used"
    return Finding("cache", "ok", detail + shared)


def _file(path: Path) -> Iterator[Finding]:
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
    yield _schema(found.ours, found.schema_version, found.newest)
    yield _integrity(found.damage)
    yield _disk(found.free_bytes)
    yield _wal(found.wal_bytes)
    yield _mode(found.mode, str(path))


def _schema(ours: bool, version: int, newest: int) -> Finding:
    if not ours:
        detail = "the file is a database, but not one of Backstory's"
        return Finding("schema", "failed", detail, "choose another path with --store")
    return _version(version, newest)


def _version(version: int, newest: int) -> Finding:
    if version == newest:
        return Finding("schema", "ok", f"version {version}, as this release needs it")
    detail = f"version {version}; this release needs {newest}"
    step = "run `backstory migrate`" if version < newest else "use the newer release that made it"
    return Finding("schema", "failed", detail, step)


def _integrity(damage: tuple[str, ...]) -> Finding:
    if not damage:
        return Finding("integrity", "ok", "every page can be read")
    step = "stop all processes that use it, keep a copy, restore a backup"
    return Finding("integrity", "failed", "; ".join(damage), step)


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
