"""A version that is worse than today's, for rehearsals: `python -m worse serve ...`.

It is today's server with one fault put into it, between what measures requests and what serves
them. `WORSE` says which.
"""

import asyncio
import os
import re
from itertools import count

from backstory.cli import main
from backstory.errors import OutcomeUnknownError, StoreUnavailableError
from backstory.wiring import app

SLOW_SECONDS = 1.0
SERVED = app._Split.__call__
OURS = ("/v1/", "/mcp")  # and not what a load balancer asks
TAG = re.compile(rb'"(\d+)"')
turns = count()


async def slow(self, scope, receive, send):
    """Every answer comes late."""
    await asyncio.sleep(SLOW_SECONDS)
    await SERVED(self, scope, receive, send)


async def failing(self, scope, receive, send):
    """Of five requests one is not done, and one is done without anybody being told."""
    turn = next(turns) % 5
    if turn == 1:
        raise StoreUnavailableError("this version does not do everything")
    if turn == 3:
        await SERVED(self, scope, receive, _nobody)
        raise OutcomeUnknownError("this version does not say everything")
    await SERVED(self, scope, receive, send)


async def _nobody(message):
    """Hears no answer."""


async def incompatible(self, scope, receive, send):
    """Versions in tags are one too high."""

    async def sent(message):
        if message["type"] == "http.response.start":
            headers = message.get("headers", ())
            message = message | {"headers": [(name, _tag(name, value)) for name, value in headers]}
        await send(message)

    await SERVED(self, scope, receive, sent)


def _tag(name, value):
    return TAG.sub(lambda found: b'"%d"' % (int(found[1]) + 1), value) if name == b"etag" else value


FAULTS = {each.__name__: each for each in (slow, failing, incompatible)}


def worse(fault):
    async def serve(self, scope, receive, send):
        ours = scope["path"].startswith(OURS)
        await (fault if ours else SERVED)(self, scope, receive, send)

    return serve


if __name__ == "__main__":
    app._Split.__call__ = worse(FAULTS[os.environ["WORSE"]])
    main()
