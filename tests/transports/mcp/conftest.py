"""A store for each test, and principals who may do different things."""

import pytest

import mcp_serving
from backstory.domain import policy
from backstory.domain.keys import NamespacePattern
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal


@pytest.fixture
async def contexts(tmp_path):
    async with mcp_serving.opened(tmp_path / "store.db") as contexts:
        yield contexts


@pytest.fixture
def principals(monkeypatch):
    """Two who share a tenant and nothing else, one of another tenant, and one who only reads."""
    for name in ("ada", "bob"):
        pattern = NamespacePattern.parse(f"users.{name}.*")
        monkeypatch.setitem(
            policy._ROLES, name, policy._on(pattern, Verb.READ, Verb.WRITE, Verb.INSTRUCT)
        )
    return {
        "ada": Principal("default", "ada", frozenset({"ada"})),
        "bob": Principal("default", "bob", frozenset({"bob"})),
        "eve": Principal("elsewhere", "eve", frozenset({"admin"})),
        "reader": Principal("default", "reader", frozenset({"reader"})),
    }
