"""A cache whose memory is broken."""

import contextlib

import redis

import server_process
from drills.drill import CHAT, calling, failed, serving
from drills.networks import FRESH, database, talk

OURS, WORTH = "backstory:c1:*", 64
FAR = ("--cache-megabytes", "0", "--cache")


@contextlib.contextmanager
def broken(folder, services):
    """A byte of what a node keeps in its Redis is another one when it is read."""
    with (
        database(services) as store,
        server_process.redis() as own,
        redis.Redis(port=own.port) as other,
        serving(folder, *FAR, f"redis://127.0.0.1:{own.port}/0", store=store) as server,
    ):
        talk(server)

        def use(client):
            for key in other.scan_iter(OURS):
                if (kept := other.get(key)) and len(kept) > WORTH:
                    other.setrange(key, len(kept) - 1, bytes([kept[-1] ^ 1]))
            client.get(CHAT, headers=FRESH)

        def have_other_memory():
            end()
            other.flushdb()
            with server.client() as client:
                client.get(CHAT, headers=FRESH).raise_for_status()

        with calling(server.url, use, pause=0.5) as end:
            yield failed(server, have_other_memory)
