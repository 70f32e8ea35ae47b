"""A store for each test, with a conversation."""

import pytest

import mcp_serving
import provider_counts


@pytest.fixture
async def contexts(tmp_path):
    async with mcp_serving.opened(tmp_path / "store.db") as contexts:
        await mcp_serving.create(contexts)
        yield contexts


@pytest.fixture(scope="session")
def openai_vocabularies(tmp_path_factory):
    """What OpenAI's own library needs to count without a network."""
    provider_counts.lay_out(tmp_path_factory.mktemp("tiktoken"))
