"""A client that leaves while it waits ends what was done for it."""

import asyncio
import gc

import pytest

from backstory.errors import StoreUnavailableError
from backstory.transports.edge.body import ClientGoneError
from backstory.transports.rest.call import Call, Served
from backstory.transports.rest.events import EventStream

NOTHING = Served(contexts=None, renderer=None, accepted=None)


async def disconnect():
    return {"type": "http.disconnect"}


@pytest.fixture
async def told():
    """What the event loop was told of that nobody has heard; call it at the end."""
    contexts = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: contexts.append(context))

    def collected():
        gc.collect()
        return contexts

    return collected


async def failing_when_cancelled():
    try:
        await asyncio.Event().wait()
    finally:
        raise StoreUnavailableError("the database does not answer")


async def test_what_a_wait_fails_with_once_its_client_has_left_is_told_to_nobody(told):
    with pytest.raises(ClientGoneError):
        await Call({}, disconnect, NOTHING, {}).while_connected(failing_when_cancelled())
    assert told() == []


async def test_what_a_stream_fails_with_once_its_client_has_left_is_told_to_nobody(told):
    async def pieces():
        yield await failing_when_cancelled()

    async def send(message):
        pass

    await EventStream(pieces())({}, disconnect, send)
    assert told() == []
