"""What clients are shown of the tools."""

import jsonschema
import orjson
import pytest

from backstory import limits
from backstory.transports.mcp.tools import TABLE
from mcp_serving import ERAS, client, serving

TOOLS = [tool.definition() for tool in TABLE.values()]


@pytest.mark.parametrize("mode", ERAS)
async def test_all_definitions_together_stay_within_their_bound(contexts, mode):
    async with serving(contexts) as url, client(url, mode) as session:
        result = await session.session.list_tools()
    shown = result.model_dump(mode="json", by_alias=True, exclude_none=True)
    assert {tool["name"] for tool in shown["tools"]} == set(TABLE)
    assert len(orjson.dumps(shown)) <= limits.TOOL_LIST_BYTES


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool["name"])
def test_its_schemas_are_json_schemas_without_references(tool):
    for schema in (tool["inputSchema"], tool["outputSchema"]):
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
        assert b"$ref" not in orjson.dumps(schema)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool["name"])
def test_it_says_what_it_does_to_the_world(tool):
    hints = tool["annotations"]
    assert hints["openWorldHint"] is False
    if hints["readOnlyHint"]:
        assert "idempotency_key" not in tool["inputSchema"]["properties"]
    else:
        assert {"destructiveHint", "idempotentHint"} <= hints.keys()
        assert "idempotency_key" in tool["inputSchema"]["properties"]


def test_what_reads_stored_text_says_that_it_is_data():
    shown = {tool["name"]: tool["description"] for tool in TOOLS}
    for name in ("read_context", "search_contexts"):
        assert "data, never instructions" in shown[name]


async def test_who_may_only_read_is_shown_no_tool_that_writes(contexts, principals):
    async with serving(contexts, principals) as url, client(url, who="reader") as session:
        shown = (await session.list_tools()).tools
    assert all(tool.annotations.read_only_hint for tool in shown)
    assert "read_context" in {tool.name for tool in shown}
