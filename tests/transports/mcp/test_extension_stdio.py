"""Extensions on stdin and stdout: the same handlers, over the one connection there is."""

import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.subscriptions import ToolsListChanged
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitResult

from extension_path import installed
from mcp_serving import ERAS, soon, until

FIXTURES = Path(__file__).parents[2] / "conformance" / "extension"


@asynccontextmanager
async def started(folder, mode, **options):
    """The official client of a server with what the conformance suite asks for."""
    env = installed(folder / "installed", "fixtures = backstory_conformance:make", FIXTURES)
    server = StdioServerParameters(
        command=sys.executable,
        args=["-m", "backstory", "serve", "--stdio", "--store", f"sqlite:///{folder / 'store.db'}"],
        env={**os.environ, **env},
    )
    async with Client(server, mode=mode, cache=None, **options) as session:
        yield session


async def named(context, params):
    return ElicitResult(action="accept", content={"name": "Ada"})


@pytest.mark.parametrize("mode", ERAS)
async def test_what_an_extension_adds_works_over_one_connection(tmp_path, mode):
    heard, told = [], []

    async def listen(*told):
        heard.append(told)

    async def notice(message):
        told.append(getattr(message, "method", None))

    options = {"elicitation_callback": named, "message_handler": notice}
    async with started(tmp_path, mode, **options) as session:
        greeted = await session.call_tool("test_input_required_result_elicitation", {})
        await session.call_tool("test_tool_with_progress", {}, progress_callback=listen)
        with pytest.raises(MCPError, match="has to declare sampling"):
            await session.call_tool("test_input_required_result_sampling", {})
        prompt = await session.get_prompt("test_simple_prompt")
        resource = await session.read_resource("test://template/7/data")
        if mode == "legacy":  # which is told of what changes without asking
            assert session.server_capabilities.tools.list_changed is True
            await session.call_tool("test_trigger_tool_change", {})
            await until(lambda: "notifications/tools/list_changed" in told)
        else:
            async with session.listen(tools_list_changed=True) as subscription:
                await session.call_tool("test_trigger_tool_change", {})
                assert await soon(anext(subscription)) == ToolsListChanged()
    assert greeted.content[0].text == "Hello, Ada!"
    assert [done for done, _, _ in heard] == [0, 50, 100]
    assert prompt.messages[0].content.text == "This is a simple prompt for testing."
    assert '"id": "7"' in resource.contents[0].text
