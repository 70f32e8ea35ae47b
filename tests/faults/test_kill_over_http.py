"""Promise 1: what was acknowledged survives kill -9, once and where it was acknowledged."""

import asyncio

import httpx
import pytest

from serving import Server

WRITERS = 16
EACH = 30
KILLS = 2
SECONDS = 100
CHAT = "/v1/contexts/users.42/chat"


class Life:
    """A server that is killed and started again on the same file, for writers who go on."""

    def __init__(self, folder):
        self._folder = folder
        self.server = None

    def start(self):
        store = self._folder / "store" / "test.db"
        self.server = Server(self._folder, store=store).wait_until_ready()

    async def kill_and_start(self):
        await asyncio.to_thread(self.server.close)
        await asyncio.to_thread(self.start)

    async def post(self, client, body, headers):
        """Sends until there is an answer, whoever gives it, as a client with retries does."""
        while True:
            try:
                return await client.post(
                    self.server.url + CHAT + "/entries", json=body, headers=headers
                )
            except httpx.TransportError:
                await asyncio.sleep(0.01)  # the server is down; a real client would wait, too


async def write(life, writer, acknowledged):
    """Half of the appends are made safe by entry ids, half by idempotency keys."""
    async with httpx.AsyncClient(timeout=SECONDS) as client:
        for number in range(EACH):
            text = f"{writer}:{number}"
            entry = {"role": "user", "content": text}
            headers = {}
            if writer % 2:
                entry["id"] = text
            else:
                headers["idempotency-key"] = text
            answer = await life.post(client, {"entries": [entry]}, headers)
            assert answer.status_code == 200, answer.text
            acknowledged[text] = answer.json()["seqs"][0]


async def kill_along_the_way(life, acknowledged):
    for kill in range(1, KILLS + 1):
        while len(acknowledged) < WRITERS * EACH * kill // (KILLS + 1):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        await life.kill_and_start()


@pytest.fixture
def life(tmp_path):
    life = Life(tmp_path)
    life.start()
    yield life
    life.server.close()


@pytest.mark.faults
async def test_sixteen_writers_lose_nothing_to_two_kills(life):
    async with httpx.AsyncClient(timeout=SECONDS) as client:
        await client.put(life.server.url + CHAT, json={"kind": "conversation"})
        acknowledged = {}
        async with asyncio.timeout(SECONDS), asyncio.TaskGroup() as group:
            for writer in range(WRITERS):
                group.create_task(write(life, writer, acknowledged))
            group.create_task(kill_along_the_way(life, acknowledged))
        page = (await client.get(life.server.url + CHAT + "/entries?limit=1000")).json()
    assert {item["content"]: item["seq"] for item in page["items"]} == acknowledged
    assert [item["seq"] for item in page["items"]] == list(range(1, WRITERS * EACH + 1))
