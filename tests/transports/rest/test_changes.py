"""The change stream over REST: pages, long polls, server-sent events."""

import asyncio
import json
import re

import pytest

from backstory import limits

SECONDS = 20  # after which a wait in these tests has failed


async def changes(http, **query):
    answer = await http.get("/v1/changes", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_changes_come_in_order_with_a_cursor_to_go_on_from(http, put, append):
    await put("a/one")
    await append("a/one", "x")
    await put("a/two", "document")
    await http.delete("/v1/contexts/a/two")
    page = await changes(http)
    assert [(c["name"], c["version"], c["op"], c["parts"], c["seqs"]) for c in page["items"]] == [
        ("one", 1, "created", ["state", "head"], []),
        ("one", 2, "updated", ["entries"], [[1, 1]]),
        ("two", 1, "created", ["state", "head"], []),
        ("two", 2, "deleted", ["state", "head"], []),
    ]
    assert set(page["items"][0]) == {
        *("cursor", "commit", "id", "namespace", "name", "kind", "version"),
        *("op", "parts", "seqs", "by", "trust", "at"),
    }
    assert re.fullmatch(r"[A-Za-z0-9._~-]+", page["next"])
    assert (await changes(http, after=page["next"]))["items"] == []
    rest = await changes(http, after=page["items"][1]["cursor"])
    assert rest["items"] == page["items"][2:]


async def test_changes_are_paged_and_next_is_always_there(http, put):
    for name in "abc":
        await put(f"x/{name}")
    seen, after = [], None
    for _ in range(4):
        page = await changes(http, limit=2, **({"after": after} if after else {}))
        seen += [item["name"] for item in page["items"]]
        after = page["next"]
    assert seen == ["a", "b", "c"]


async def test_a_filtered_page_moves_on(http, put):
    await put("a/one")
    await put("b/two")
    page = await changes(http, namespace="b")
    assert [item["name"] for item in page["items"]] == ["two"]
    nothing = await changes(http, namespace="c.*")
    assert nothing["items"] == []
    assert (await changes(http, after=nothing["next"]))["items"] == []


async def test_from_now_on(http, put):
    await put("a/one")
    now = (await changes(http, after="now"))["next"]
    await put("a/two")
    assert [item["name"] for item in (await changes(http, after=now))["items"]] == ["two"]


async def test_a_purged_context_has_no_name_in_the_stream(http, put):
    await put("a/secret")
    await http.delete("/v1/contexts/a/secret?purge=true")
    page = await changes(http)
    assert {item["name"] for item in page["items"]} == {None}
    assert page["items"][-1]["op"] == "purged"


async def until_someone_waits(running, count=1):
    async with asyncio.timeout(SECONDS):
        while running.contexts.hub._count < count:  # noqa: ASYNC110 -- the hub tells nobody
            await asyncio.sleep(0)


async def test_a_long_poll_answers_as_soon_as_something_changes(running, http, put):
    now = (await changes(http, after="now"))["next"]
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        waiting = group.create_task(changes(http, after=now, wait=60, namespace="a.*"))
        await until_someone_waits(running)
        await put("b/other")
        await put("a/one")
    assert [item["name"] for item in waiting.result()["items"]] == ["one"]
    assert running.contexts.hub._count == 0


async def test_a_long_poll_ends_empty_when_the_time_is_over(http, put):
    await put("a/one")
    page = await changes(http, after="now", wait=0.05)
    assert page["items"] == []
    assert page["next"]


async def test_nobody_waits_longer_than_the_bound(http, monkeypatch):
    monkeypatch.setattr(limits, "WAIT_SECONDS", 0.01)
    async with asyncio.timeout(SECONDS):
        assert (await changes(http, after="now", wait=99999))["items"] == []


async def test_waiting_with_changes_at_hand_does_not_wait(running, http, put):
    await put("a/one")
    async with asyncio.timeout(SECONDS):
        assert len((await changes(http, wait=60))["items"]) == 1


async def test_a_drain_lets_long_polls_go(running, http):
    async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
        waiting = group.create_task(changes(http, after="now", wait=60))
        await until_someone_waits(running)
        running.drain()
    assert waiting.result()["items"] == []


async def test_too_many_watchers_are_told_when_to_come_back(http, monkeypatch):
    monkeypatch.setattr(limits, "WATCHERS", 0)
    answer = await http.get("/v1/changes", params={"after": "now", "wait": 1})
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert answer.headers["retry-after"]
    events = await http.get(
        "/v1/changes", params={"after": "now"}, headers={"accept": "text/event-stream"}
    )
    assert events.status_code == 503


class Reader:
    """A client of an event stream, in process: httpx would wait for its end."""

    def __init__(self, app, query=b"", **headers):
        self._app = app
        self._gone = asyncio.Event()
        self._pieces = asyncio.Queue()
        pairs = [(name.replace("_", "-").encode(), v.encode()) for name, v in headers.items()]
        self._scope = {
            "type": "http",
            "method": "GET",
            "path": "/v1/changes",
            "query_string": query,
            "headers": [(b"host", b"localhost"), (b"accept", b"text/event-stream"), *pairs],
        }
        self.status = None
        self.media = None

    async def __aenter__(self):
        self.task = asyncio.create_task(self._app(self._scope, self._receive, self._send))
        return self

    async def __aexit__(self, *_):
        self._gone.set()
        async with asyncio.timeout(SECONDS):
            await self.task

    def leave(self):
        self._gone.set()

    async def _receive(self):
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.media = dict(message["headers"])[b"content-type"].decode()
        else:
            await self._pieces.put((message.get("body", b""), message.get("more_body", False)))

    async def piece(self):
        """What comes next; None at the end."""
        async with asyncio.timeout(SECONDS):
            body, more = await self._pieces.get()
        return body.decode() if more else None

    async def changes(self):
        """The changes of the next piece that has some, with their ids."""
        found = []
        while not found:
            for block in (await self.piece()).split("\n\n"):
                lines = dict(line.split(": ", 1) for line in block.split("\n") if line)
                if lines.get("event") == "change":
                    found.append((lines["id"], json.loads(lines["data"])))
        return found


async def test_events_begin_with_the_oldest_and_go_on(running, put):
    await put("a/one")
    async with Reader(running.app) as reader:
        ((first_id, first),) = await reader.changes()
        assert (reader.status, reader.media) == (200, "text/event-stream; charset=utf-8")
        assert (first["name"], first["cursor"]) == ("one", first_id)
        await put("a/two")
        ((second_id, second),) = await reader.changes()
        assert second["name"] == "two"
    async with Reader(running.app, last_event_id=first_id) as reader:
        assert (await reader.changes())[0][0] == second_id
    async with Reader(running.app, b"after=now", last_event_id=first_id) as reader:
        assert (await reader.changes())[0][0] == second_id


async def test_events_are_filtered(running, put):
    async with Reader(running.app, b"after=now&namespace=a.*") as reader:
        await reader.piece()
        await put("b/x")
        await put("a/y")
        assert [change["name"] for _, change in await reader.changes()] == ["y"]


async def test_a_heartbeat_moves_the_cursor_of_a_client_that_hears_nothing(
    running, put, monkeypatch
):
    monkeypatch.setattr(limits, "HEARTBEAT_SECONDS", 0.01)
    async with Reader(running.app, b"after=now&namespace=a") as reader:
        start = await reader.piece()
        assert re.fullmatch(r": waiting\nid: [\w-]+\n\n", start)
        await put("b/x")
        async with asyncio.timeout(SECONDS):
            while await reader.piece() == start:
                pass


async def test_a_client_that_goes_frees_its_listener(running):
    reader = Reader(running.app, b"after=now")
    async with reader:
        await reader.piece()
        assert running.contexts.hub._count == 1
        reader.leave()
        async with asyncio.timeout(SECONDS):
            await reader.task
        assert running.contexts.hub._count == 0


async def test_a_drain_ends_event_streams_as_a_whole_answer(running):
    async with Reader(running.app, b"after=now") as reader:
        await reader.piece()
        running.drain()
        while await reader.piece() is not None:
            pass


async def test_what_is_wrong_is_told_before_the_stream_begins(http):
    answer = await http.get(
        "/v1/changes", params={"after": "nope"}, headers={"accept": "text/event-stream"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    ("accept", "events"),
    [
        ("text/event-stream", True),
        ("text/event-stream, */*;q=0.1", True),
        ("TEXT/EVENT-STREAM", True),
        ("application/json", False),
        ("*/*", False),
        ("application/json, text/event-stream", False),
        ("text/event-stream;q=0", False),
        ("text/event-stream;q=0.5, application/json", False),
        ("image/png", False),
    ],
)
async def test_events_are_for_those_who_would_rather_have_them(running, accept, events):
    reader = Reader(running.app, b"after=now")
    reader._scope["headers"][1] = (b"accept", accept.encode())
    async with reader:
        async with asyncio.timeout(SECONDS):
            await reader._pieces.get()
        assert (reader.media == "text/event-stream; charset=utf-8") is events


async def test_a_thousand_idle_watchers_hear_of_a_change(running, http, put):
    """All of them share one tail of the log, and the server answers others meanwhile."""
    count = 1000
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(changes(http, after="now", wait=60, namespace="a"))
            for _ in range(count)
        ]
        await until_someone_waits(running, count)
        assert len(running.contexts.hub._tails) == 1
        assert (await http.get("/readyz")).status_code == 200
        await put("a/one")
    assert all(task.result()["items"][0]["name"] == "one" for task in tasks)
