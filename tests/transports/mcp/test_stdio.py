"""The server on stdin and stdout, as a client on the same machine starts it."""

import asyncio
import json
import os
import signal
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from mcp import Client
from mcp.client.stdio import StdioServerParameters
from mcp.client.subscriptions import ResourceUpdated

from backstory import limits
from backstory.transports.mcp.tools import TABLE
from mcp_serving import ERAS, OLDER, WAIT, call, create, opened, say, soon, until

BACKSTORY = str(Path(sys.executable).parent / "backstory")
CHAT = "context://users.42/chat"
HELLO = {
    "protocolVersion": OLDER,
    "capabilities": {},
    "clientInfo": {"name": "raw", "version": "1"},
}


def arguments(folder):
    return ["serve", "--stdio", "--store", f"sqlite:///{folder / 'store.db'}"]


@asynccontextmanager
async def started(folder, mode, **options):
    """The official client of a server of its own."""
    server = StdioServerParameters(command=BACKSTORY, args=arguments(folder), env=dict(os.environ))
    async with Client(server, mode=mode, cache=None, **options) as session:
        yield session


class Process:
    """A server, spoken to line by line."""

    def __init__(self, process):
        self.process = process

    def write(self, line):
        self.process.stdin.write(line if isinstance(line, bytes) else json.dumps(line).encode())
        self.process.stdin.write(b"\n")

    def ask(self, id, method, params=None):  # noqa: A002
        self.write({"jsonrpc": "2.0", "id": id, "method": method, "params": params or {}})

    async def read(self):
        return json.loads(await soon(self.process.stdout.readline()))

    async def end(self):
        """Its exit code, after all that it still said was no more than it should."""
        rest = await soon(self.process.stdout.read())
        assert rest == b""
        return await soon(self.process.wait())


@pytest.fixture
async def process(tmp_path):
    process = await asyncio.create_subprocess_exec(
        BACKSTORY,
        *arguments(tmp_path),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=limits.BODY_BYTES,
    )
    try:
        yield Process(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("mode", ERAS)
async def test_both_eras_are_served(tmp_path, mode):
    async with started(tmp_path, mode) as session:
        arguments = {"context": "users.42/chat", "kind": "conversation", "state": {"a": 1}}
        done = await session.call_tool("write_context", arguments)
        assert done.structured_content["version"] == 1
        assert len((await session.list_tools()).tools) == len(TABLE)
        assert CHAT in [each.uri for each in (await session.list_resources()).resources]
    async with opened(tmp_path / "store.db") as contexts:
        answer = await call(contexts, "read_context", context="users.42/chat")
    assert (answer["author"], answer["trust"]) == ("local", "operator")


async def test_a_stream_tells_what_another_process_wrote(tmp_path):
    async with (
        opened(tmp_path / "store.db") as contexts,
        started(tmp_path, ERAS[0]) as session,
    ):
        await create(contexts)
        async with session.listen(resource_subscriptions=[CHAT]) as subscription:
            await say(contexts, "one")
            assert await soon(anext(subscription)) == ResourceUpdated(uri=CHAT)


@pytest.mark.filterwarnings("ignore:resources/(un)?subscribe is removed")
async def test_an_older_client_is_told_what_it_subscribed_to(tmp_path):
    heard = []

    async def hear(message):
        heard.append(message)

    async with (
        opened(tmp_path / "store.db") as contexts,
        started(tmp_path, "legacy", message_handler=hear) as session,
    ):
        await create(contexts)
        await session.session.subscribe_resource(CHAT)
        await say(contexts, "one")
        await until(lambda: any(m.method == "notifications/resources/updated" for m in heard))
        await session.session.unsubscribe_resource(CHAT)
        heard.clear()
        await say(contexts, "two")
        await create(contexts, "team/hello", "prompt", {"messages": []})
        await until(lambda: len(heard) == 2)
        assert {message.method for message in heard} == {
            "notifications/resources/list_changed",
            "notifications/prompts/list_changed",
        }


async def test_it_ends_when_its_input_does(process):
    process.ask(1, "initialize", HELLO)
    assert (await process.read())["result"]["protocolVersion"] == OLDER
    process.process.stdin.close()
    assert await process.end() == 0


async def test_it_ends_when_it_is_told_to_while_its_client_says_nothing(process):
    process.ask(1, "initialize", HELLO)
    await process.read()
    process.process.send_signal(signal.SIGTERM)
    await process.end()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"hello", -32700),
        (b'{"jsonrpc": "2.0", "id": 1, "id": 2, "method": "ping"}', -32700),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"n": NaN}}', -32700),
        (b"\xff\xfe", -32700),
        (b'"' + b"x" * limits.BODY_BYTES + b'"', -32700),
        (b"[]", -32600),
        (b'{"id": 1}', -32600),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_a_line_that_is_no_message_is_answered_and_the_next_one_served(process, line, code):
    process.ask("a", "initialize", HELLO)
    await process.read()
    process.write(line)
    assert (await process.read())["error"]["code"] == code
    process.write(b"")
    process.ask("b", "ping")
    assert await process.read() == {"jsonrpc": "2.0", "id": "b", "result": {}}


async def test_a_message_in_two_pieces_and_one_without_an_end_are_read(process):
    process.ask(1, "initialize", HELLO)
    await process.read()
    stdin = process.process.stdin
    stdin.write(b'{"jsonrpc": "2.0", "id": 2, ')
    async with asyncio.timeout(WAIT):
        await stdin.drain()
    stdin.write(b'"method": "ping"}\n{"jsonrpc": "2.0", "id": 3, "method": "ping"}')
    stdin.close()
    answered = {(await process.read())["id"], (await process.read())["id"]}
    assert answered == {2, 3}
    assert await process.end() == 0


async def test_all_that_was_asked_before_the_end_is_answered(process):
    """As a script does it: everything in at once, then everything out."""
    process.ask(0, "initialize", HELLO)
    for n in range(1, 50):
        arguments = {"context": f"users.42/c{n}", "kind": "session", "state": {}}
        process.ask(n, "tools/call", {"name": "write_context", "arguments": arguments})
    process.process.stdin.close()
    answers = [await process.read() for _ in range(50)]
    assert {answer["id"] for answer in answers} == set(range(50))
    assert not any(answer["result"].get("isError") for answer in answers)
    assert await process.end() == 0


async def test_a_stream_ends_gracefully_when_the_input_does(process):
    meta = {
        "io.modelcontextprotocol/protocolVersion": ERAS[0],
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    wanted = {"resourceSubscriptions": [CHAT]}
    process.ask(1, "subscriptions/listen", {"notifications": wanted, "_meta": meta})
    assert (await process.read())["method"] == "notifications/subscriptions/acknowledged"
    process.process.stdin.close()
    assert (await process.read())["result"]["resultType"] == "complete"
    assert await process.end() == 0
