"""The server's application in process, over a real SQLite store."""

from contextlib import asynccontextmanager

import httpx
import pytest

from backstory.config import load
from backstory.wiring import open_app

LOCAL = "http://localhost"


@pytest.fixture
def settings(tmp_path):
    return load({"store": f"sqlite:///{tmp_path}/test.db"}, environ={})


@pytest.fixture
async def running(settings):
    async with open_app(settings) as running:
        yield running


@pytest.fixture
async def http(running):
    """A client of the application; an exception that escapes it fails the test."""
    async with client_of(running.app) as client:
        yield client


@asynccontextmanager
async def client_of(app):
    transport = httpx.ASGITransport(app=app)
    plain = {"accept-encoding": "identity"}  # so that tags are those of versions
    async with httpx.AsyncClient(
        transport=transport, base_url=LOCAL, timeout=30, headers=plain
    ) as client:
        yield client


@pytest.fixture
def put(http):
    """Creates a context, or replaces it."""

    async def create(path="users.42/notes", kind="session", state=None, **headers):
        body = {"kind": kind, "state": {} if state is None else state}
        answer = await http.put(f"/v1/contexts/{path}", json=body, headers=headers)
        assert answer.status_code in {200, 201}, answer.text
        return answer.json()

    return create


@pytest.fixture
def append(http):
    """Appends one entry for each text."""

    async def add(path, *texts):
        entries = [{"role": "user", "content": text} for text in texts]
        answer = await http.post(f"/v1/contexts/{path}/entries", json={"entries": entries})
        assert answer.status_code == 200, answer.text
        return answer.json()

    return add
