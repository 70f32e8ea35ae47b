"""The schema of a store."""

from __future__ import annotations

from backstory.cli.doctor.findings import Finding
from backstory.errors import SchemaVersionError
from backstory.storage.standing import Known, Standing


def version_found(standing: Standing, known: Known) -> Finding:
    """Whether this release can use the store, and whether anything is left to be applied."""
    version = standing.applied
    try:
        known.check(standing)
    except SchemaVersionError:
        if standing.floor > known.newest:
            detail = f"version {standing.floor}; this release needs {known.newest}"
            return Finding("schema", "failed", detail, "use the newer release that made it")
        detail = f"version {version}; this release needs {known.needed}"
        return Finding("schema", "failed", detail, "run `backstory migrate`")
    if version < known.newest:
        detail = f"version {version} can be used, and steps up to {known.newest} are pending"
        step = "`backstory migrate --pending` tells which, and when to apply them"
        return Finding("schema", "warning", detail, step)
    if version > known.newest:
        detail = f"version {version}, of a newer release, which this one can use as well"
        return Finding("schema", "ok", detail)
    return Finding("schema", "ok", f"version {version}, as this release needs it")
