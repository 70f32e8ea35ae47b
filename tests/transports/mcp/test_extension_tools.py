"""Tools that a package adds: who is shown them, what they are given, and how they fail."""

import asyncio
import json

import httpx
import pytest
from mcp.shared.exceptions import MCPError

from backstory import limits
from backstory.domain.policy import Verb
from backstory.errors import DeclinedError
from backstory.transports.mcp.blocks import ImageBlock, LinkBlock, TextBlock
from backstory.transports.mcp.extending import Extension, Tool, ToolResult
from backstory.transports.mcp.tools import TABLE
from mcp_serving import ERAS, MODERN, client, create, modern, raw, serving, soon

COUNTED = {
    "type": "object",
    "properties": {"count": {"type": "integer", "minimum": 1}},
    "required": ["count"],
    "additionalProperties": False,
}


def tool(handler, name="do_it", **more):
    return Tool(name, "Does it", handler, **more)


def answering(answer, **more):
    async def handler(call):
        return answer

    return tool(handler, **more)


def failing(error):
    async def handler(call):
        raise error

    return tool(handler)


async def called(contexts, added, arguments=None, *, mode=MODERN, who=None, principals=None):
    """What the client is answered."""
    async with (
        serving(contexts, principals, Extension(tools=[added])) as url,
        client(url, mode, who) as session,
    ):
        return await session.call_tool(added.name, arguments or {})


def told(result):
    """The tool error."""
    assert result.is_error
    assert json.loads(result.content[0].text) == result.structured_content
    return result.structured_content


@pytest.mark.parametrize("mode", ERAS)
async def test_a_tool_is_listed_behind_ours_and_answers(contexts, mode):
    added = answering({"sum": 3}, input_schema=COUNTED, title="Adds")
    async with (
        serving(contexts, extension=Extension(tools=[added])) as url,
        client(url, mode) as session,
    ):
        listed = (await session.list_tools()).tools
        result = await session.call_tool("do_it", {"count": 1})
    assert [each.name for each in listed] == [*TABLE, "do_it"]
    assert (listed[-1].title, listed[-1].input_schema) == ("Adds", COUNTED)
    assert result.structured_content == {"sum": 3}
    assert json.loads(result.content[0].text) == {"sum": 3}


async def test_content_is_passed_on_in_its_order(contexts):
    parts = [
        TextBlock("a"),
        ImageBlock(b"\x89PNG", "image/png"),
        LinkBlock("shop://1", "one"),
        TextBlock("b"),
    ]
    result = await called(contexts, answering(ToolResult(parts, {"n": float("nan")})))
    kinds = [part.type for part in result.content]
    assert kinds == ["text", "image", "resource_link", "text"]
    assert result.structured_content == {"n": None}


@pytest.mark.parametrize("arguments", [{}, {"count": 0}, {"count": "1"}, {"count": 1, "more": 2}])
async def test_arguments_that_do_not_fit_never_reach_the_handler(contexts, arguments):
    result = await called(
        contexts, answering("reached", input_schema=COUNTED), arguments, mode="legacy"
    )
    error = told(result)
    assert error["code"] == "schema_violation"
    assert error["errors"]
    assert "reached" not in result.content[0].text


@pytest.mark.parametrize("mode", ERAS)
async def test_what_a_handler_raises_is_for_the_log(contexts, mode, caplog):
    result = await called(contexts, failing(RuntimeError("the password is swordfish")), mode=mode)
    assert told(result)["code"] == "internal"
    assert "swordfish" not in result.content[0].text
    assert "swordfish" in caplog.text


async def test_what_a_handler_says_itself_is_for_the_model(contexts):
    error = told(await called(contexts, failing(DeclinedError("no such city", city="Atlantis"))))
    assert (error["code"], error["detail"]) == ("declined", "no such city")
    assert error["city"] == "Atlantis"


@pytest.mark.parametrize(
    "answer",
    [
        "x" * limits.MODEL_ANSWER_BYTES,
        {"text": "x" * limits.MODEL_ANSWER_BYTES},
        {"mimeType": "text/plain", "data": "x" * limits.MODEL_ANSWER_BYTES},
        ToolResult([ImageBlock(bytes(limits.EXTENSION_BLOB_BYTES), "image/png")]),
    ],
    ids=["text", "structured", "looks like an image", "image"],
)
async def test_no_answer_can_flood_a_model(contexts, answer):
    result = await called(contexts, answering(answer))
    assert "longer than" in told(result)["detail"]
    assert len(result.content[0].text) < 1000


@pytest.mark.parametrize(
    "answer",
    [None, 42, {"n": object()}, "\ud800", {"sum": "3"}],
    ids=["nothing", "number", "object", "surrogate", "misfit"],
)
async def test_an_answer_that_is_none_is_for_the_log(contexts, answer, caplog):
    schema = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}
    schema = schema if isinstance(answer, dict) and "sum" in answer else None
    result = await called(contexts, answering(answer, output_schema=schema))
    assert told(result)["code"] == "internal"
    assert "the tool do_it failed" in caplog.text


async def test_a_tool_that_takes_too_long_ends_as_an_error(contexts):
    async def handler(call):
        await asyncio.Event().wait()

    assert told(await called(contexts, tool(handler, seconds=0.01)))["code"] == "busy"
    writing = tool(handler, seconds=0.01, verb=Verb.WRITE)
    assert told(await called(contexts, writing))["code"] == "outcome_unknown"


async def test_a_handler_acts_as_the_caller(contexts, principals):
    await create(contexts, "users.bob/secret", "session", {"of": "bob"})

    async def handler(call):
        mine = f"users.{call.principal.subject}/mine"
        await call.use("write_context", context=mine, kind="session", state={"by": "tool"})
        return await call.use("read_context", context="users.bob/secret")

    added = tool(handler, verb=Verb.WRITE)
    result = await called(contexts, added, who="ada", principals=principals)
    assert told(result)["code"] == "not_found"
    result = await called(contexts, added, who="bob", principals=principals)
    assert result.structured_content["state"] == {"of": "bob"}
    async with serving(contexts, principals) as url, client(url, who="ada") as session:
        mine = await session.call_tool("read_context", {"context": "users.ada/mine"})
    assert mine.structured_content["state"] == {"by": "tool"}


async def shown_to_bob(principal, contexts):
    return principal.subject == "bob"


async def shown_to_whoever_asks_wrongly(principal, contexts):
    raise RuntimeError("cannot tell")


@pytest.mark.parametrize(
    "hidden",
    [
        {"verb": Verb.ADMIN},
        {"namespace": "users.bob"},
        {"shown": shown_to_bob},
        {"shown": shown_to_whoever_asks_wrongly},
    ],
    ids=["by its verb", "by its namespace", "by its own rule", "by a rule that fails"],
)
async def test_a_tool_that_is_not_shown_cannot_be_called(contexts, principals, hidden):
    added = answering("secret", **hidden)
    async with (
        serving(contexts, principals, Extension(tools=[added])) as url,
        client(url, who="ada") as session,
    ):
        assert {each.name for each in (await session.list_tools()).tools} == set(TABLE)
        with pytest.raises(MCPError, match="Unknown tool: 'do_it'"):
            await session.call_tool("do_it", {})


async def test_a_list_that_depends_on_the_caller_is_not_kept_by_clients(contexts):
    for added, seconds in ((answering(""), 300), (answering("", shown=shown_to_bob), 0)):
        async with (
            serving(contexts, extension=Extension(tools=[added])) as url,
            client(url) as session,
        ):
            assert (await session.session.list_tools()).ttl_ms == seconds * 1000


async def test_progress_is_told_before_the_answer_to_those_who_want_it(contexts):
    async def handler(call):
        await call.progress(1, 2, "half")
        await call.progress(2, 2)
        return "done"

    heard = []

    async def listen(*told):
        heard.append(told)

    async with serving(contexts, extension=Extension(tools=[tool(handler)])) as url:
        for mode in ERAS:
            async with client(url, mode) as session:
                result = await session.call_tool("do_it", {}, progress_callback=listen)
                assert result.content[0].text == "done"
                quiet = await session.call_tool("do_it", {})
                assert quiet.content[0].text == "done"
        async with raw(url) as plain:
            await plain.begin()
            params = {"name": "do_it", "_meta": {"progressToken": 7}}
            headers = plain.headers(accept="application/json")
            answer = await plain.post("tools/call", params, headers=headers)
    assert heard == [(1, 2, "half"), (2, 2, None)] * 2
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["result"]["content"][0]["text"] == "done"


async def test_a_client_of_2026_that_leaves_cancels_its_call(contexts):
    begun, cancelled = asyncio.Event(), asyncio.Event()

    async def handler(call):
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    added = tool(handler, seconds=limits.EXTENSION_SECONDS)
    async with (
        serving(contexts, extension=Extension(tools=[added])) as url,
        client(url) as session,
    ):
        task = asyncio.create_task(session.call_tool("do_it", {}))
        await soon(begun.wait())
        task.cancel()
        await soon(cancelled.wait())


async def test_arguments_that_headers_repeat_have_to_agree(contexts):
    region = {"type": "string", "x-mcp-header": "Region"}
    schema = {"type": "object", "properties": {"region": region}}
    added = answering("done", input_schema=schema)
    async with (
        serving(contexts, extension=Extension(tools=[added])) as url,
        httpx.AsyncClient(base_url=url, timeout=20) as http,
    ):
        params = {"name": "do_it", "arguments": {"region": "eu"}}
        right = modern("tools/call", params, name="do_it", mcp_param_region="eu")
        wrong = modern("tools/call", params, name="do_it", mcp_param_region="us")
        absent = modern("tools/call", params, name="do_it")
        assert (await http.post("", **right)).json()["result"]["isError"] is False
        for sent in (wrong, absent):
            answer = await http.post("", **sent)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32020)
