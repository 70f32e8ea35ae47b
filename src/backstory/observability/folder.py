"""Where the workers of one server share their metrics; imports nothing of Prometheus."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which Prometheus' library is told of it, before it is imported."""


@contextmanager
def shared(wanted: bool) -> Iterator[None]:
    """A folder for workers that are started inside, removed at the end, if one is wanted.

    What stands in the environment from elsewhere is not used: another server's numbers may
    be there.
    """
    os.environ.pop(FOLDER, None)
    if not wanted:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="backstory-metrics-") as folder:
        os.environ[FOLDER] = folder
        try:
            yield
        finally:
            del os.environ[FOLDER]
