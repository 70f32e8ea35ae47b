"""What every test may rely on: no setting of the machine, and asyncio as the event loop,
in which nothing blocks."""

import os

import pytest

import blocking_calls

blocking_calls.install()


@pytest.fixture(scope="session")
def anyio_backend():
    """Coroutine tests run on asyncio, the loop that the server uses."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    """A developer's own settings change no result."""
    for variable in list(os.environ):
        ours = variable.startswith("BACKSTORY_") and not variable.startswith("BACKSTORY_TEST_")
        if ours or variable.startswith("OTEL_"):
            monkeypatch.delenv(variable)
