"""A database that is not reached or lost in the middle, and a Redis that is away."""

import asyncio
import contextlib
import itertools

from drills.drill import CHAT, ENTRY, calling, failed, serving
from serving import until
from tcp_proxy import Proxy
from troubleshooting import network_to

_numbers = itertools.count(1)
FRESH = {"Cache-Control": "no-cache"}


@contextlib.contextmanager
def database(services, owner="backstory"):
    """The URL of one of one's own."""
    name = f"drill_{next(_numbers)}"
    made = f"CREATE DATABASE {name} TEMPLATE template OWNER {owner}"
    asyncio.run(services.postgres.do(made))
    try:
        yield services.postgres.url(name)
    finally:
        asyncio.run(services.postgres.do(f"DROP DATABASE {name} WITH (FORCE)"))


def talk(server):
    with server.client() as client:
        client.put(CHAT, json={"kind": "conversation"}).raise_for_status()
        client.post(f"{CHAT}/entries", json=ENTRY).raise_for_status()
        client.get(CHAT).raise_for_status()


@contextlib.contextmanager
def through(services):
    """The URL of a database behind a network, and what is done to that."""
    with database(services) as url, network_to(services.postgres.port) as (proxy, do):
        yield url.replace(f":{services.postgres.port}/", f":{proxy.port}/"), do


@contextlib.contextmanager
def cut(folder, services):
    """Nothing gets from the node to its database any more."""
    with through(services) as (url, do), serving(folder, store=url) as server:
        talk(server)
        do(Proxy.cut)
        with calling(server.url, lambda client: client.get(CHAT), callers=2):
            yield failed(server, lambda: do(Proxy.mend))


@contextlib.contextmanager
def alone(folder, services):
    """The Redis is away that nodes share as a cache and hear of each other by."""
    redis = services.redis
    url = f"redis://127.0.0.1:{redis.port}"

    def use(client):
        client.get(CHAT, headers=FRESH)
        client.post(f"{CHAT}/entries", json=ENTRY)

    with (
        database(services) as store,
        serving(folder, "--cache", f"{url}/0", "--bus", f"{url}/1", store=store) as server,
    ):
        talk(server)
        redis.kill()
        with calling(server.url, use):
            yield failed(server, redis.start)


@contextlib.contextmanager
def torn(folder, services):
    """Connections to the database break, again and again, while a write is made durable."""
    with through(services) as (url, do), serving(folder, store=url) as server:
        talk(server)
        numbers = itertools.count(1)

        def write(client):
            text = f"Still there, for the {next(numbers)}. time?"
            do(lambda one: one.cut_at(text.encode(), after=True))
            entries = {"entries": [{"role": "user", "content": text}]}
            key = {"Idempotency-Key": f'"{text}"'}
            lost = client.post(f"{CHAT}/entries", json=entries, headers=key)
            if lost.status_code == 503:  # as owners of clients are told to do
                client.post(f"{CHAT}/entries", json=entries, headers=key)

        def mend():
            end()
            page = {}
            with server.client() as client:

                def read():
                    answer = client.get(f"{CHAT}/entries", params={"limit": 1000})
                    page.update(answer.json())
                    return answer.status_code == 200

                until(read, "a read")
            texts = [one["content"] for one in page["items"]]
            assert len(texts) == len(set(texts)) > 1

        with calling(server.url, write, pause=0.5) as end:
            yield failed(server, mend)
