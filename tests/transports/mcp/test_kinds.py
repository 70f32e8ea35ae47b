"""Kinds over MCP: what a model reads of them, and what it is told when it does not keep them."""

import pytest

from backstory.domain.commits import Conditions
from backstory.domain.principals import LOCAL_ADMIN
from mcp_serving import call, create, fail

SCHEMA = {"properties": {"stage": {"enum": ["new", "won"]}}, "required": ["stage"]}
ENTRY = {"properties": {"role": {"enum": ["user"]}}}
NAME = "sales/acme"


@pytest.fixture
async def deals(contexts):
    body = {"schema": SCHEMA, "entry_schema": ENTRY}
    await contexts.kinds.register(LOCAL_ADMIN, "deal", lambda: body, Conditions())
    await create(contexts, NAME, "deal", {"stage": "new"})
    return contexts


@pytest.mark.parametrize(
    ("tool", "arguments", "pointer", "rule"),
    [
        ("write_context", {"state": {"stage": 1}}, "/state/stage", "/properties/stage/enum"),
        ("patch_context", {"merge": {"stage": 1}}, "/state/stage", "/properties/stage/enum"),
        (
            "append_entries",
            {"entries": [{"role": "tool", "content": "x"}]},
            "/entries/0/role",
            "/properties/role/enum",
        ),
    ],
)
async def test_a_violation_points_to_the_argument_and_to_the_rule(
    deals, tool, arguments, pointer, rule
):
    error = await fail(deals, tool, context=NAME, **arguments)
    assert (error["code"], error["step"]) == ("schema_violation", "validate")
    assert [(each["pointer"], each["rule"]) for each in error["errors"]] == [(pointer, rule)]


async def test_a_commit_points_to_its_operation(deals):
    operations = [
        {"op": "put", "context": "sales/x", "kind": "session", "state": {}},
        {"op": "patch", "context": NAME, "merge": {"stage": 1}},
    ]
    error = await fail(deals, "commit", operations=operations)
    assert error["errors"][0]["pointer"] == "/operations/1/state/stage"


async def test_a_model_finds_the_kinds_and_what_they_demand(deals, principals):
    reader = principals["reader"]
    listed = await call(deals, "list_contexts", reader, namespace="_system.kinds")
    assert [item["context"] for item in listed["items"]] == ["_system.kinds/deal"]
    read = await call(deals, "read_context", reader, context="_system.kinds/deal")
    assert read["state"]["schema"] == SCHEMA


async def test_an_unknown_kind_says_where_kinds_are(deals):
    error = await fail(deals, "write_context", context="sales/x", kind="poem", state={})
    assert error["code"] == "unknown_kind"
    assert "_system.kinds" in error["next_step"]


async def test_what_nobody_sees_is_taken_out_of_what_is_written(contexts):
    await create(contexts, NAME, "session", {"note": "a\U000e0041\u202eb"})
    assert (await call(contexts, "read_context", context=NAME))["state"] == {"note": "ab"}
