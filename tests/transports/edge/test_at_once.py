"""What is answered where it comes in is told of once, and what is not has never happened."""

import asyncio
import gc

import pytest

from backstory import limits
from backstory.errors import DeniedError, MissingError
from backstory.ports import acts
from backstory.resilience.stepping import WaitsError, at_once, hurried, waits
from backstory.transports.edge.answer import Answer
from backstory.transports.edge.at_once import AtOnce
from backstory.transports.edge.coding.middleware import Coding
from backstory.transports.edge.guard import PRINCIPAL, REQUEST
from edge_scenes import WHO, Edge


class Known:
    """An authenticator that knows whom it is told to."""

    def __init__(self, found=WHO):
        self.found = found

    def knowing(self, scope):
        if isinstance(self.found, Exception):
            raise self.found
        return lambda: self.found

    def challenge(self, scope, error):
        return None


class Way:
    """Answers now, or not at all."""

    later = None

    def __init__(self, now):
        self.now = now


class Scene:
    """What answers by a lane, who is told of it, and the tokens of callers."""

    def __init__(self, work, who=WHO, burst=10):
        edge, self.begun = Edge(burst), 0
        self.listener, self.pacer = edge.listener, edge.pacer

        async def lane(scope, body):
            self.begun += 1
            scope[REQUEST].routed("/somewhere")
            acts.decided("read", scope[PRINCIPAL].subject, "ok")
            return await work()

        self.ask_once = AtOnce(
            [lambda scope: Way(lane) if scope["path"] == "/" else None],
            Known(who),
            edge.told,
            Coding(None),
            pacing=edge.pacing,
            acting=edge.acting,
        )

    def ask(self, path="/", *headers):
        scope = {
            "type": "http",
            "method": "GET",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"host", b"localhost"), *headers],
            "client": ("127.0.0.1", 1),
        }
        way, known = self.ask_once.way(scope), self.ask_once.known(scope)
        if way is None or known is None:
            return None
        return self.ask_once(way.now, known, scope, b"")

    @property
    def tokens(self):
        return sum(self.pacer._full_at.values())


async def answering():
    return Answer(200, b"{}")


async def test_an_answer_is_told_of_once():
    scene = Scene(answering)
    assert scene.ask().body == b"{}"
    read, ended = scene.listener.heard
    assert (read.subject, read.verb, read.on) == ("ana", "read", ("ana",))
    assert (ended.route, ended.status, ended.sent) == ("/somewhere", 200, 2)
    assert ended.principal is WHO
    assert scene.tokens


async def none():
    return None


async def missing():
    raise MissingError("nothing is there")


async def broken():
    raise RuntimeError("there is no task")


async def waiting():
    await asyncio.sleep(0)


async def to_a_thread():
    waits()


@pytest.mark.parametrize("work", [none, missing, broken, waiting, to_a_thread])
async def test_what_the_lane_does_not_answer_has_never_happened(work):
    scene = Scene(work)
    assert scene.ask() is None
    assert scene.begun == 1
    assert scene.listener.heard == []
    assert scene.tokens == 0


@pytest.mark.parametrize("who", [None, DeniedError("not you")])
async def test_nothing_is_begun_for_whom_nobody_knows(who):
    scene = Scene(answering, who)
    assert scene.ask() is None
    assert (scene.begun, scene.tokens, scene.listener.heard) == (0, 0, [])


async def test_nothing_is_begun_for_who_comes_too_often():
    scene = Scene(answering, burst=1)
    assert scene.ask() is not None
    assert scene.ask() is None
    assert scene.begun == 1


@pytest.mark.parametrize(
    "header",
    [
        (b"origin", b"http://localhost"),
        (b"content-encoding", b"gzip"),
        (b"x", b"y" * limits.HEADER_BYTES),
    ],
)
async def test_nothing_is_begun_where_the_head_needs_a_longer_look(header):
    scene = Scene(answering)
    assert scene.ask("/", header) is None
    assert scene.ask("/elsewhere") is None
    assert scene.begun == 0


async def test_who_is_hurried_knows():
    async def asked():
        return hurried()

    assert at_once(asked()) is True
    assert hurried() is False
    waits()  # is allowed again
    with pytest.raises(WaitsError):
        at_once(to_a_thread())


async def test_what_it_starts_for_later_is_in_no_hurry():
    begun = []

    async def later():
        return hurried()

    async def starting():
        begun.append(asyncio.create_task(later()))

    at_once(starting())
    assert await begun[0] is False


async def test_what_is_ended_leaves_nothing_behind():
    """A generator that is closed in the middle of a wait cannot be closed by the loop any more."""
    told = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    async def pieces():
        yield 1
        await asyncio.sleep(0)
        yield 2

    async def reading():
        return [piece async for piece in pieces()]

    assert at_once(reading()) is None
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0)
    gc.collect()
    assert told == []
