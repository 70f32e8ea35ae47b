"""A store for each test, with a conversation."""

import pytest

import mcp_serving


@pytest.fixture
async def contexts(tmp_path):
    async with mcp_serving.opened(tmp_path / "store.db") as contexts:
        await mcp_serving.create(contexts)
        yield contexts
