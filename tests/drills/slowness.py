"""What takes long: a network, a turn at the few connections, a provider."""

import contextlib
import json
import threading
import time

from drills.drill import CHAT, ENTRY, Watch, calling, failed, serving
from drills.networks import FRESH, talk, through
from observing.listening import listening
from postgres_server import free_port
from serving import until
from tcp_proxy import Proxy


@contextlib.contextmanager
def far(services, seconds):
    """The URL of a database behind a network that is slow, and what makes it fast."""
    with through(services) as (url, do):

        def slow():
            do(lambda one: one.delay(seconds))

        yield url, slow, lambda: do(Proxy.mend)


@contextlib.contextmanager
def slow(folder, services):
    """The network to the database is slow, and every answer with it."""
    watch = Watch(folder / "watch")
    with far(services, 0.2) as (store, slow, mend), serving(folder, store=store) as server:
        talk(server)
        slow()
        read = lambda client: client.get(CHAT, headers=FRESH)  # noqa: E731
        address = server.url.partition("//")[2]
        with calling(server.url, read, callers=4), watch.over([address]):
            yield failed(server, mend, watch=watch)


@contextlib.contextmanager
def few(folder, services):
    """A node has few connections to a database that is far away, and more callers than it has turns."""
    port = ("--port", str(free_port()))
    with far(services, 0.05) as (store, slow, _), contextlib.ExitStack() as node:
        server = node.enter_context(serving(folder, *port, store=f"{store}?connections=2"))
        talk(server)
        slow()

        def read(client):
            return client.get("/v1/contexts", headers={"Prefer": "wait=3"})

        def have_more():
            node.close()
            more = node.enter_context(serving(folder, *port, store=f"{store}?connections=16"))
            with more.client() as client:
                until(lambda: read(client).status_code == 200, "a read in time")

        with calling(server.url, read, callers=12):
            yield failed(server, have_more)


CONTEXTS, AT_ONCE = 550, 50


@contextlib.contextmanager
def unanswered(folder, _services):
    """The provider of summaries takes its time, and many conversations are due."""
    answers = threading.Event()
    said = {"role": "assistant", "content": "In short."}
    answer = json.dumps({"choices": [{"index": 0, "message": said, "finish_reason": "stop"}]})

    def take_long(_request):
        answers.wait()
        time.sleep(0.1)
        return 200, answer.encode()

    with listening(take_long) as port:
        model = {"provider": "openai", "url": f"http://127.0.0.1:{port}/v1", "model": "large"}
        patience = {"seconds": 600, "try_seconds": 600}
        rules = {"rules": [{"kind": "conversation", "entries": 1, "keep": 0}]}
        variables = {"BACKSTORY_SUMMARISER": json.dumps(model | patience | rules)}
        try:
            with serving(folder, env=variables) as server:
                with server.client() as client:
                    for first in range(0, CONTEXTS, AT_ONCE):
                        operations = [
                            one
                            for number in range(first, first + AT_ONCE)
                            for one in begun(f"users.{number}/chat")
                        ]
                        sent = client.post("/v1/commits", json={"operations": operations})
                        sent.raise_for_status()
                yield failed(server, answers.set)
        finally:
            answers.set()


def begun(context):
    """A conversation with something to sum up."""
    yield {"op": "put", "context": context, "kind": "conversation"}
    yield {"op": "append", "context": context, **ENTRY}
