"""Whatever a model sends to a tool, the answer is JSON within its bound and never a failure."""

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory import limits
from backstory.contexts.service import Contexts
from backstory.domain.principals import LOCAL_ADMIN
from backstory.messaging.local import LocalBus
from backstory.processing.ruling import PipelineRules
from backstory.testing import FakeClock, ModelStore
from backstory.transports.mcp.tools import TABLE
from mcp_serving import served

CONTEXTS = ["users.42/chat", "users.42/none", "nonsense", "context://users.42/chat", ""]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
ENTRY = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "system", "Bad Role"]), "content": st.text() | JSON},
    optional={"id": st.sampled_from(["a", "b", "~1", ""]), "metadata": JSON},
)
PATCH = st.fixed_dictionaries(
    {
        "op": st.sampled_from(["add", "remove", "test", "move", "fly"]),
        "path": st.sampled_from(["", "/a", "/a/0", "a", "/~2"]),
    },
    optional={"value": JSON, "from": st.sampled_from(["/a", "b"])},
)
LIKELY = {
    "context": st.sampled_from(CONTEXTS),
    "to": st.sampled_from(["users.42/fork", *CONTEXTS]),
    "kind": st.sampled_from(["conversation", "prompt", "poem"]),
    "path": st.sampled_from(["", "/a", "/a/0", "a", "/~2", "/"]),
    "namespace": st.sampled_from(["users.42", "users.*", "*", "Bad", "users.42.*"]),
    "entries": st.lists(ENTRY, max_size=3) | st.integers(0, 1000),
    "ops": st.lists(PATCH, max_size=3),
    "state": st.dictionaries(st.text(max_size=3), JSON, max_size=3),
    "merge": st.dictionaries(st.text(max_size=3), JSON, max_size=3),
    "part": st.sampled_from(["state", "entries", "content"]),
    "expires_at": st.sampled_from(
        ["2030-01-01T00:00:00Z", "tomorrow", "2001-01-01T00:00:00+01:00"]
    ),
    "query": st.sampled_from(["tea", '"green tea"', "te*", '"', "* NEAR(", "漢"]),
    "wait": st.just(0),
    "sources": st.lists(
        st.fixed_dictionaries(
            {"context": st.sampled_from(CONTEXTS)},
            optional={
                "entries": st.sampled_from(["recent", "pinned", "none", "relevant"]),
                "state": st.booleans(),
            },
        ),
        max_size=2,
    ),
    "format": st.sampled_from(["openai", "text", "anthropic", "poem"]),
    "budget": st.integers(0, 9000),
}


def arguments_of(tool):
    properties = tool["inputSchema"]["properties"]
    wanted = {name: LIKELY.get(name, st.integers(0, 9) | JSON) | JSON for name in properties}
    if tool["name"] == "commit":
        operation = st.fixed_dictionaries(
            {
                "op": st.sampled_from(["put", "patch", "append", "delete"]),
                "context": LIKELY["context"],
            },
            optional={name: LIKELY[name] for name in ("kind", "state", "merge", "ops", "entries")},
        )
        wanted["operations"] = st.lists(operation | JSON, max_size=3)
    return st.fixed_dictionaries({}, optional=wanted | {"unknown": JSON})


async def called(name, arguments):
    clock = FakeClock()
    contexts = Contexts(ModelStore(clock), LocalBus(), clock, PipelineRules())
    try:
        for tool, given_ in (
            (
                "write_context",
                {"context": "users.42/chat", "kind": "conversation", "state": {"a": [1]}},
            ),
            (
                "append_entries",
                {"context": "users.42/chat", "entries": [{"role": "user", "content": "green tea"}]},
            ),
        ):
            assert not (await TABLE[tool].call(served(contexts), LOCAL_ADMIN, given_)).error
        return await TABLE[name].call(served(contexts), LOCAL_ADMIN, arguments)
    finally:
        await contexts.aclose()


@pytest.mark.parametrize(
    "tool", [tool.definition() for tool in TABLE.values()], ids=lambda tool: tool["name"]
)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_any_arguments_are_answered(tool, data):
    arguments = data.draw(arguments_of(tool))
    answer = asyncio.run(called(tool["name"], arguments))
    value = json.loads(answer.json)
    assert len(answer.json) <= limits.MODEL_ANSWER_BYTES
    if answer.error:
        assert {"code", "detail", "next_step"} <= value.keys()
        assert value["code"] not in {"internal", "store_error"}
