"""A PostgreSQL database."""

from __future__ import annotations

from collections.abc import Iterator

from backstory.cli.doctor.findings import Finding
from backstory.cli.doctor.versions import version_found
from backstory.config import Settings
from backstory.errors import BackstoryError
from backstory.storage.postgres.inspection import ServerInspection


def look(settings: Settings) -> Iterator[Finding]:
    from backstory.wiring import inspect_server

    try:
        found = inspect_server(settings)
    except BackstoryError as error:
        yield Finding("store", "failed", error.detail, "check --store and the server")
        return
    if found.standing is None:
        detail = "the database is empty"
        yield Finding("store", "warning", detail, "`backstory serve` makes the tables")
    else:
        yield version_found(found.standing, found.known)
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
