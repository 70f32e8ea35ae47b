"""Asking back in the middle of a call: one handler, whatever the client speaks."""

import json

import httpx
import pytest
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitResult

from backstory import limits
from backstory.transports.mcp.asks import Ask, InputRequired, form, visit
from backstory.transports.mcp.blocks import Contents, TextBlock
from backstory.transports.mcp.extending import Extension, Message, Prompt, Resource, Tool
from backstory.transports.mcp.session_asks import SessionAsks
from mcp_serving import ERAS, client, modern, opened, raw, serving, soon, until

NAMED = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
NAME = form("What is your name?", NAMED)
FORMS = {"elicitation": {}}
PARAMS = {"name": "greet", "arguments": {}}


async def greeting(call):
    """Asks for a name, then for a colour; keeps the name in between."""
    if call.state is None:
        return InputRequired({"name": NAME}, {"round": 1})
    if call.state["round"] == 1:
        if (filled := call.accepted("name")) is None:
            return "As you like."
        return InputRequired({"colour": NAME}, {"round": 2, "name": filled["name"]})
    return f"{call.state['name']} likes {call.accepted('colour')['name']}"


async def prompting(call):
    text = await greeting(call)
    return text if isinstance(text, InputRequired) else [Message("user", TextBlock(text))]


async def reading(call):
    text = await greeting(call)
    return text if isinstance(text, InputRequired) else Contents(text, "text/plain")


GREETS = Extension(
    tools=[Tool("greet", "Greets", greeting)],
    prompts=[Prompt("greet", "Greets", prompting)],
    resources=[Resource("test://greet", "greet", "Greets", reading, "text/plain")],
)


def answering(*answers):
    """What a client calls to be answered by its user."""
    left = list(answers)

    async def elicit(context, params):
        return left.pop(0)

    return elicit


def filled(name):
    return ElicitResult(action="accept", content={"name": name})


@pytest.mark.parametrize("mode", ERAS)
async def test_a_handler_is_called_again_with_the_answers(contexts, mode):
    asked = answering(*map(filled, ["Ada", "red"] * 3))
    async with (
        serving(contexts, extension=GREETS) as url,
        client(url, mode, elicitation_callback=asked) as session,
    ):
        result = await session.call_tool("greet", {})
        prompt = await session.get_prompt("greet")
        resource = await session.read_resource("test://greet")
    assert result.content[0].text == "Ada likes red"
    assert prompt.messages[0].content.text == "Ada likes red"
    assert resource.contents[0].text == "Ada likes red"


@pytest.mark.parametrize("mode", ERAS)
@pytest.mark.parametrize("action", ["decline", "cancel"])
async def test_a_user_may_say_no(contexts, mode, action):
    asked = answering(ElicitResult(action=action))
    async with (
        serving(contexts, extension=GREETS) as url,
        client(url, mode, elicitation_callback=asked) as session,
    ):
        assert (await session.call_tool("greet", {})).content[0].text == "As you like."


@pytest.mark.parametrize("mode", ERAS)
async def test_a_client_that_cannot_be_asked_is_told_so(contexts, mode):
    async with serving(contexts, extension=GREETS) as url, client(url, mode) as session:
        for call in (session.call_tool("greet", {}), session.get_prompt("greet")):
            with pytest.raises(MCPError, match=r"has to declare elicitation\.form"):
                await call


async def test_all_that_is_lacking_is_named(contexts):
    async def ask(call):
        page = visit("Sign in", "https://example.com/", "1")
        return InputRequired({"name": NAME, "page": page, "roots": Ask("roots/list")})

    async with (
        serving(contexts, extension=Extension(tools=[Tool("greet", "Asks", ask)])) as url,
        httpx.AsyncClient(base_url=url, timeout=20) as http,
    ):
        answer = await http.post("", **modern("tools/call", PARAMS, name="greet"))
    required = {"elicitation": {"form": {}, "url": {}}, "roots": {}}
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, -32021)
    assert answer.json()["error"]["data"] == {"requiredCapabilities": required}


class Rounds:
    """A client of 2026-07-28 that keeps the rounds in its own hands."""

    def __init__(self, url, http):
        self.url, self.http = url, http

    async def call(self, name="greet", who=None, **more):
        request = modern("tools/call", {"name": name, **more}, name=name, can=FORMS)
        if who is not None:
            request["headers"]["authorization"] = f"Bearer {who}"
        return (await self.http.post(self.url, **request)).json()


ADA = {"name": {"action": "accept", "content": {"name": "Ada"}}}


async def test_any_node_goes_on_with_a_call(contexts, tmp_path):
    async with (
        opened(tmp_path / "store.db") as others,
        serving(contexts, extension=GREETS) as url,
        serving(others, extension=GREETS) as other,
        httpx.AsyncClient(timeout=20) as http,
    ):
        first = (await Rounds(url, http).call())["result"]
        assert first["resultType"] == "input_required"
        again = {"inputResponses": ADA, "requestState": first["requestState"]}
        second = (await Rounds(other, http).call(**again))["result"]
        assert list(second["inputRequests"]) == ["colour"]


async def test_a_state_is_unreadable_and_good_for_nothing_else(contexts, principals):
    async def secret(call):
        if call.state is None:
            return InputRequired({"name": NAME}, {"password": "swordfish"})
        return call.state["password"]

    both = Extension(tools=[Tool(name, "Keeps it", secret) for name in ("greet", "other")])
    async with (
        serving(contexts, principals, both) as url,
        httpx.AsyncClient(timeout=20) as http,
    ):
        rounds = Rounds(url, http)
        state = (await rounds.call(who="ada"))["result"]["requestState"]
        assert "swordfish" not in state
        again = {"inputResponses": ADA, "requestState": state}
        refused = [
            await rounds.call(who="bob", **again),
            await rounds.call("other", who="ada", **again),
            await rounds.call(who="ada", arguments={"more": 1}, **again),
            await rounds.call(who="ada", inputResponses=ADA, requestState=state[:-1]),
            await rounds.call(who="ada", inputResponses=ADA, requestState='{"password": ""}'),
        ]
        assert [answer["error"]["code"] for answer in refused] == [-32602] * 5
        held = await rounds.call(who="ada", **again)
        assert held["result"]["content"][0]["text"] == "swordfish"


async def test_an_older_client_answers_any_node(contexts, tmp_path):
    async with (
        opened(tmp_path / "store.db") as others,
        serving(contexts, extension=GREETS) as url,
        serving(others, extension=GREETS) as other,
        raw(url) as older,
        raw(other) as elsewhere,
    ):
        await older.begin(**FORMS)
        elsewhere.session = older.session
        async with older.posting("tools/call", PARAMS) as messages:
            for name in ("Ada", "red"):
                asked = await soon(anext(messages))
                assert asked["method"] == "elicitation/create"
                result = {"action": "accept", "content": {"name": name}}
                assert (await elsewhere.answer(asked["id"], result=result)).status_code == 202
            final = await soon(anext(messages))
    assert final["id"] == 1
    assert final["result"]["content"][0]["text"] == "Ada likes red"


async def test_only_the_first_answer_counts_and_only_in_its_session(contexts, principals):
    async with (
        serving(contexts, principals, GREETS) as url,
        raw(url, "ada") as ada,
        raw(url, "bob") as bob,
    ):
        await ada.begin(**FORMS)
        await bob.begin(**FORMS)
        async with ada.posting("tools/call", PARAMS) as messages:
            asked = await soon(anext(messages))
            theirs = {"action": "accept", "content": {"name": "Mallory"}}
            assert (await bob.answer(asked["id"], result=theirs)).status_code == 202
            for name in ("Ada", "Eve"):
                result = {"action": "accept", "content": {"name": name}}
                assert (await ada.answer(asked["id"], result=result)).status_code == 202
            asked = await soon(anext(messages))
            await ada.answer(asked["id"], result={"action": "accept", "content": {"name": "red"}})
            final = await soon(anext(messages))
    assert final["result"]["content"][0]["text"] == "Ada likes red"


WRONG = [
    ({"result": 12345}, "the client's answer is none to elicitation/create"),
    ({"result": {"action": "perhaps"}}, "the client's answer is none to elicitation/create"),
    ({"error": {"code": -1, "message": "not now"}}, "refused elicitation/create: not now"),
    ({"error": "no"}, "the client refused elicitation/create"),
]


@pytest.mark.parametrize(("body", "detail"), WRONG)
async def test_an_answer_that_is_none_ends_the_call(contexts, body, detail):
    async with serving(contexts, extension=GREETS) as url, raw(url) as older:
        await older.begin(**FORMS)
        async with older.posting("tools/call", PARAMS) as messages:
            asked = await soon(anext(messages))
            await older.answer(asked["id"], **body)
            assert detail in (await soon(anext(messages)))["error"]["message"]


async def test_an_answer_is_bounded(contexts):
    async with serving(contexts, extension=GREETS) as url, raw(url) as older:
        await older.begin(**FORMS)
        async with older.posting("tools/call", PARAMS) as messages:
            asked = await soon(anext(messages))
            long = {"action": "accept", "content": {"name": "x" * limits.ASK_ANSWER_BYTES}}
            assert (await older.answer(asked["id"], result=long)).status_code == 413
            await older.answer(asked["id"], result={"action": "decline"})
            final = await soon(anext(messages))
    assert final["result"]["content"][0]["text"] == "As you like."


async def test_nobody_is_waited_for_longer_than_the_bound(contexts, monkeypatch):
    monkeypatch.setattr(limits, "ASK_SECONDS", 0.01)
    monkeypatch.setattr(limits, "ASK_LOOK_SECONDS", 0.01)
    async with serving(contexts, extension=GREETS) as url, raw(url) as older:
        await older.begin(**FORMS)
        async with older.posting("tools/call", PARAMS) as messages:
            await soon(anext(messages))
            final = await soon(anext(messages))
    error = json.loads(final["result"]["content"][0]["text"])
    assert (error["code"], error["limit"]) == ("busy", "ASK_SECONDS")


async def test_a_connection_is_kept_open_while_a_user_thinks(contexts, monkeypatch):
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 0.01)
    monkeypatch.setattr(limits, "ASK_LOOK_SECONDS", 0.01)
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": PARAMS}
    async with serving(contexts, extension=GREETS) as url, raw(url) as older:
        await older.begin(**FORMS)
        sent = {"json": message, "headers": older.headers()}
        async with older.http.stream("POST", url, **sent) as answer:
            lines = answer.aiter_lines()
            while await soon(anext(lines)) != ": still here":
                pass


async def test_a_server_that_stops_waits_for_nobody(contexts):
    async with serving(contexts, extension=GREETS) as url, raw(url) as older:
        await older.begin(**FORMS)
        async with older.posting("tools/call", PARAMS) as messages:
            await soon(anext(messages))
            contexts.hub.drain()
            final = await soon(anext(messages))
    assert "the server is stopping" in final["result"]["content"][0]["text"]


@pytest.mark.parametrize("mode", ERAS)
async def test_what_is_kept_is_json_and_bounded(contexts, mode):
    async def keeps(call):
        if call.state is None:
            return InputRequired({"name": NAME}, call.arguments["state"])
        return {"state": call.state}

    tool = Tool("greet", "Keeps it", keeps)
    asked = answering(filled("x"))
    async with (
        serving(contexts, extension=Extension(tools=[tool])) as url,
        client(url, mode, elicitation_callback=asked) as session,
    ):
        state = {"a": [1, None, "é"]}
        kept = await session.call_tool("greet", {"state": state})
        assert kept.structured_content == {"state": state}
        long = await session.call_tool("greet", {"state": "x" * limits.ASK_STATE_BYTES})
        assert f"may keep {limits.ASK_STATE_BYTES} bytes" in long.content[0].text


async def test_a_server_asks_only_so_many_at_once(contexts, monkeypatch):
    monkeypatch.setattr(limits, "ASKS", 0)
    async with serving(contexts, extension=GREETS) as url, raw(url) as older:
        await older.begin(**FORMS)
        answer = (await older.post("tools/call", PARAMS)).json()
    error = answer["result"]["structuredContent"]
    assert (error["code"], error["limit"]) == ("busy", "ASKS")


async def test_a_handler_that_never_has_enough_is_stopped(contexts):
    async def insatiable(call):
        return InputRequired({"name": NAME})

    asked = answering(*map(filled, "x" * limits.ASK_ROUNDS))
    tool = Tool("greet", "Asks", insatiable)
    async with (
        serving(contexts, extension=Extension(tools=[tool])) as url,
        client(url, "legacy", elicitation_callback=asked) as session,
    ):
        result = await session.call_tool("greet", {})
    assert result.structured_content["limit"] == "ASK_ROUNDS"


async def test_who_has_ended_the_session_is_not_waited_for(contexts):
    async with serving(contexts, extension=GREETS) as url, raw(url) as older:
        await older.begin(**FORMS)
        async with older.posting("tools/call", PARAMS) as messages:
            await soon(anext(messages))
            await older.http.delete(url, headers=older.headers())
            final = await soon(anext(messages))
    assert "left before it answered" in final["error"]["message"]


async def test_who_has_left_is_not_waited_for(contexts, monkeypatch):
    asks = []
    ask = SessionAsks.ask

    async def watched(*given):
        try:
            return await ask(*given)
        except MCPError as error:
            asks.append(error.message)
            raise

    monkeypatch.setattr(SessionAsks, "ask", watched)
    async with serving(contexts, extension=GREETS) as url, raw(url) as older:
        await older.begin(**FORMS)
        async with older.posting("tools/call", PARAMS) as messages:
            await soon(anext(messages))
        await until(lambda: asks)
    assert asks == ["the client left before it answered"]


async def test_a_question_that_the_protocol_does_not_have_is_for_the_log(contexts, caplog):
    async def ask(call):
        return InputRequired({"name": Ask("elicitation/create", {"message": 1})})

    tool = Tool("greet", "Asks", ask)
    for mode in ERAS:
        async with (
            serving(contexts, extension=Extension(tools=[tool])) as url,
            client(url, mode, elicitation_callback=answering()) as session,
        ):
            result = await session.call_tool("greet", {})
        assert result.structured_content["code"] == "internal"
    assert "the tool greet failed" in caplog.text


def test_only_what_clients_answer_can_be_asked():
    with pytest.raises(ValueError, match="elicitation/create, sampling/createMessage, roots/list"):
        Ask("tools/call")
    with pytest.raises(ValueError, match="needs asks"):
        InputRequired({})
