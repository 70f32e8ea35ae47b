"""Many processes that serve: how a supervisor is set up for its workers."""

from __future__ import annotations

import os
from collections.abc import Callable, MutableMapping
from pathlib import Path

from backstory import limits
from backstory.cli.serving.service import Service
from backstory.cli.serving.sockets import Sockets
from backstory.cli.serving.supervising import Supervisor
from backstory.config import TABLE, Settings
from backstory.config.loading import SECRETS_VARIABLE
from backstory.config.secrets import SUFFIX
from backstory.errors import ConfigError


def run(settings: Settings, sockets: Sockets, ready: Callable[[], None], service: Service) -> None:
    """Serve until a signal comes; `ready` is called once all workers take requests.

    Raises:
        ConfigError: this system does not tell how much memory a process has.
        SystemExit: the workers cannot start; the first has said why.
    """
    if settings.worker_memory_megabytes and not Path("/proc/self/statm").exists():
        raise ConfigError(
            f"worker_memory_megabytes from {settings.origin('worker_memory_megabytes')} needs Linux, "
            "which tells how much memory a process has; leave it away"
        )
    hand_down(settings, os.environ)
    supervisor = Supervisor(
        sockets,
        ready,
        service,
        count=settings.workers,
        drain_seconds=settings.drain_seconds,
        silence_seconds=settings.worker_silence_seconds,
        memory_bytes=settings.worker_memory_megabytes * limits.MIB,
    )
    supervisor.run()
    if supervisor.failed:
        raise SystemExit(1)


def hand_down(settings: Settings, environ: MutableMapping[str, str]) -> None:
    """Write all settings into an environment, so that a child loads the same."""
    environ.pop("BACKSTORY_CONFIG", None)
    environ.pop(SECRETS_VARIABLE, None)
    for name, setting in TABLE.items():
        environ.pop(setting.variable + SUFFIX, None)
        value = getattr(settings, name)
        if isinstance(value, tuple):
            text = ",".join(value)
        elif isinstance(value, bool):
            text = "true" if value else "false"
        else:
            text = "" if value is None else str(value)
        environ[setting.variable] = text
