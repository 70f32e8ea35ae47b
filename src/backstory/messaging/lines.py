"""A line to a server that passes messages on, and whether what is sent on it arrives.

An adapter is a `Link`. A line counts as open once it has heard a message of its own, and as
lost when it does not hear one within `limits.BUS_SECONDS`: so a server that takes messages and
passes none on, or a network that drops everything, is found out as well.
"""

from __future__ import annotations

import asyncio
import secrets
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from typing import Protocol

from backstory import limits
from backstory.errors import BusUnavailableError
from backstory.messaging.messages import Message, read

Take = Callable[[bytes | str], None]


class Line(Protocol):
    """One connection, or several that go together."""

    async def send(self, message: str) -> None:
        """Raises `BusUnavailableError`: it is lost."""
        ...

    async def lost(self) -> str:
        """Comes back when it is lost, with the reason."""
        ...


class Link(Protocol):
    """An adapter: opens lines.

    Opening may take its time; whoever opens bounds it. Closing is bounded by the adapter.
    """

    name: str
    """What stands at the other end, for people."""

    def open(self, channel: str, take: Take) -> AbstractAsyncContextManager[Line]:
        """A line on which each message of the channel is given to `take`, own ones included.

        Raises:
            BusUnavailableError: there is none to be had; the detail says why.
        """
        ...


class Heard:
    """A line of which is known that it hears itself. Made by `heard`."""

    def __init__(self, hear: Callable[[Sequence[str]], None]) -> None:
        self._hear = hear
        self._sender = urlsafe_b64encode(secrets.token_bytes(9)).decode("ascii")
        self._echo = asyncio.Event()
        self._turn = asyncio.Lock()
        self._line: Line

    async def attach(self, line: Line) -> None:
        self._line = line
        await self.prove()

    def take(self, raw: bytes | str) -> None:
        message = read(raw)
        if message is None:
            return
        if message.sender == self._sender:
            self._echo.set()
        elif message.marks:
            self._hear(message.marks)

    async def send(self, marks: Sequence[str]) -> None:
        """Send, within `limits.BUS_SECONDS`."""
        with _bounded("took no message"):
            async with asyncio.timeout(limits.BUS_SECONDS), self._turn:
                await self._line.send(str(Message(self._sender, tuple(marks))))

    async def prove(self) -> None:
        """Send a message and hear it, within `limits.BUS_SECONDS`."""
        self._echo.clear()
        await self.send(())
        with _bounded("passed no message on"):
            async with asyncio.timeout(limits.BUS_SECONDS):
                await self._echo.wait()

    async def keep_proving(self) -> None:
        while True:
            await asyncio.sleep(limits.BUS_CHECK_SECONDS)
            await self.prove()

    async def lost(self) -> None:
        raise BusUnavailableError(await self._line.lost())


@asynccontextmanager
async def heard(
    link: Link, channel: str, hear: Callable[[Sequence[str]], None]
) -> AsyncIterator[Heard]:
    """A line that hears itself; `hear` is given the marks of others' messages.

    Raises:
        BusUnavailableError: there is none to be had; the detail says why.
    """
    found = Heard(hear)
    async with AsyncExitStack() as stack:
        with _bounded("did not answer"):
            async with asyncio.timeout(limits.BUS_SECONDS):
                line = await stack.enter_async_context(link.open(channel, found.take))
        await found.attach(line)
        yield found


async def reach(link: Link) -> None:
    """See whether messages pass, on a channel of one's own.

    Raises:
        BusUnavailableError: they do not; the detail says why.
    """
    channel = "backstory_look_" + secrets.token_hex(8)
    async with heard(link, channel, lambda _: None):
        pass


@contextmanager
def _bounded(what: str) -> Iterator[None]:
    """What a timeout means here."""
    try:
        yield
    except TimeoutError as error:
        detail = f"the server {what} within {limits.BUS_SECONDS:g} s"
        raise BusUnavailableError(detail) from error
