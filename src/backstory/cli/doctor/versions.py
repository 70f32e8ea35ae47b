"""The schema of a store."""

from __future__ import annotations

from backstory.cli.doctor.findings import Finding


def version_found(version: int, newest: int) -> Finding:
    if version == newest:
        return Finding("schema", "ok", f"version {version}, as this release needs it")
    detail = f"version {version}; this release needs {newest}"
    step = "run `backstory migrate`" if version < newest else "use the newer release that made it"
    return Finding("schema", "failed", detail, step)
