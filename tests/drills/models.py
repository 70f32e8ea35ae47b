"""A provider of models who does not know the key."""

import contextlib
import json

from drills.drill import CHAT, ENTRY, calling, failed, serving
from observing.listening import listening
from postgres_server import free_port

RIGHT = "sk-the-key-that-was-paid-for"
SUMMARY = {"keep": 0, "tokens": 32}
SAID = {"role": "assistant", "content": "In short."}
ANSWER = {"choices": [{"index": 0, "message": SAID, "finish_reason": "stop"}]}


def answer(request):
    if request.headers.get("authorization") != f"Bearer {RIGHT}":
        return 401, b'{"error": {"message": "Incorrect API key provided"}}'
    return 200, json.dumps(ANSWER).encode()


def summarise(client):
    client.post(f"{CHAT}/entries", json=ENTRY)
    client.post(f"{CHAT}/summaries", json=SUMMARY)


@contextlib.contextmanager
def unpaid(folder, _services):
    """The key was taken back by which a node asks a model for summaries."""
    port = ("--port", str(free_port()))
    with listening(answer) as provider, contextlib.ExitStack() as node:
        model = {"provider": "openai", "url": f"http://127.0.0.1:{provider}/v1", "model": "small"}
        variables = {"BACKSTORY_SUMMARISER": json.dumps(model)}

        def start(key):
            node.pop_all().close()
            with_key = variables | {"BACKSTORY_SUMMARISER_KEY": key}
            return node.enter_context(serving(folder, *port, env=with_key))

        server = start("sk-an-old-one")
        with server.client() as client:
            client.put(CHAT, json={"kind": "conversation"}).raise_for_status()
        with calling(server.url, summarise, pause=0.5):
            yield failed(server, lambda: start(RIGHT))
