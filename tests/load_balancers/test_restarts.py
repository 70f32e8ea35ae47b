"""While nodes are restarted under load, nobody notices: no request fails, nothing is lost."""

import asyncio
import json

import pytest

import balancers
from serving import SECONDS

pytestmark = pytest.mark.operations
CLIENTS = 16
RESTARTS = 3
MERGE = {"content-type": "application/merge-patch+json"}
CHAT = "/v1/contexts/users.42/chat"


class Load:
    """What clients do that send nothing twice, and what they were answered."""

    def __init__(self):
        self.appended, self.seen, self.polled = {}, [], []
        self.stop, self.written = asyncio.Event(), asyncio.Event()

    async def write_and_read(self, connect, writer):
        """On one connection that is kept, as far as the load balancer keeps it."""
        number = 0
        async with connect() as http:
            while not self.stop.is_set():
                text = f"{writer}-{number}"
                entry = {"role": "user", "content": text}
                answer = await http.post(f"{CHAT}/entries", json={"entries": [entry]})
                assert answer.status_code == 200, answer.text
                self.appended[text] = answer.json()["first_seq"]
                read = await http.get(CHAT)
                assert read.status_code == 200, read.text
                assert read.json()["entry_count"] >= self.appended[text]
                number += 1

    async def follow(self, connect):
        """By server-sent events: an end is proper, and the next stream goes on from there."""
        headers = {"accept": "text/event-stream"}
        async with connect() as http:
            while not self._is_all(self.seen):
                params = {} if "last-event-id" in headers else {"after": self.begin}
                async with http.stream(
                    "GET", "/v1/changes", params=params, headers=headers
                ) as answer:
                    assert answer.status_code == 200
                    async for line in answer.aiter_lines():
                        word, _, rest = line.partition(": ")
                        if word == "id":
                            headers["last-event-id"] = rest
                        elif word == "data":
                            self._saw(json.loads(rest), self.seen)
                            if self._is_all(self.seen):
                                return

    async def poll(self, connect):
        """By long polls, each of which is answered."""
        cursor = self.begin
        async with connect() as http:
            while not self._is_all(self.polled):
                params = {"after": cursor, "wait": 1 if self.written.is_set() else 60}
                answer = await http.get("/v1/changes", params=params)
                assert answer.status_code == 200, answer.text
                cursor = answer.json()["next"]
                for change in answer.json()["items"]:
                    self._saw(change, self.polled)

    async def from_here(self, connect):
        async with connect() as http:
            made = await http.put(CHAT, json={"kind": "conversation"})
            assert made.status_code in (200, 201)
            self.begin = (await http.get("/v1/changes", params={"after": "now"})).json()["next"]

    def _is_all(self, seqs):
        return self.written.is_set() and len(seqs) >= len(self.appended)

    async def write(self, connect):
        async with asyncio.TaskGroup() as group:
            for writer in range(CLIENTS):
                group.create_task(self.write_and_read(connect, writer))
        self.written.set()
        async with connect() as http:  # so that those who wait look once more
            await http.patch(CHAT, json={"done": True}, headers=MERGE)

    def _saw(self, change, where):
        for first, last in change["seqs"]:
            where += range(first, last + 1)


@pytest.mark.slow
@pytest.mark.faults
async def test_no_request_fails_while_nodes_are_restarted(name, nodes, balancer, connect):
    load = Load()
    await load.from_here(connect)
    async with asyncio.timeout(2 * SECONDS), asyncio.TaskGroup() as group:
        group.create_task(load.write(connect))
        group.create_task(load.follow(connect))
        group.create_task(load.poll(connect))
        for restart in range(RESTARTS):
            number = restart % len(nodes)
            await asyncio.to_thread(restarted, name, balancer, number, nodes[number])
        load.stop.set()
    begin = min(load.appended.values())
    everything = list(range(begin, begin + len(load.appended)))
    assert sorted(load.appended.values()) == everything
    assert load.seen == everything
    assert load.polled == everything


def restarted(name, balancer, number, node):
    before = balancers.ups(balancer, number)
    assert node.stop() == 0
    node.start()
    balancers.wait_for(name, balancer, number, node, before)
