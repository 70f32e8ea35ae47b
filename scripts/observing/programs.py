"""Prometheus and Alertmanager: where they are, and how they are started for this folder."""

from __future__ import annotations

import shutil
from pathlib import Path

ALERTMANAGER = ("prometheus-alertmanager", "alertmanager")  # Debian's name, and its own


def prometheus_command(folder: Path, file: Path, port: int) -> list[str]:
    """Everything that it keeps is kept in the folder."""
    return [
        "prometheus",
        f"--config.file={file}",
        f"--storage.tsdb.path={folder / 'prometheus-data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--rules.alert.resend-delay=1s",
        "--log.level=warn",
    ]


def alertmanager_command(folder: Path, file: Path, port: int) -> list[str]:
    """Alone: without the port by which several find each other."""
    name = next((name for name in ALERTMANAGER if shutil.which(name)), ALERTMANAGER[0])
    return [
        name,
        f"--config.file={file}",
        f"--storage.path={folder / 'alertmanager-data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
        "--log.level=warn",
    ]
