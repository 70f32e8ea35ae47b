"""One caller of a cluster: one request at a time, to another node where one fails."""

import asyncio
import time
from itertools import count

import httpx

from backstory.testing.histories import Outcome
from mcp_serving import modern

ATTEMPT_SECONDS = 3  # a caller waits for an answer; then it asks another node
LEFT_OUT = 10  # requests that do not go to a node which has failed, as a load balancer has it
PAUSE_SECONDS = 0.02  # between two attempts, as callers with retries do
PATIENCE_SECONDS = 90  # in which a request has to be answered for certain
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
DECIDED = {"precondition_failed", "version_conflict"}  # against the caller, for good
LATER = {"store_unavailable", "busy"}  # nothing was written
TRUE_NOW = {"cache-control": "no-cache"}  # rather no answer than a copy of before


class Answered:
    """The answer that settled a request, and all attempts up to it."""

    def __init__(self, answer, attempts, begun, node):
        self.answer, self.attempts, self.begun, self.node = answer, attempts, begun, node
        self.ended = time.monotonic()

    @property
    def status(self):
        return self.answer.status_code


class Caller:
    """Sends to the nodes in turn, and again until it is known what became of a request."""

    def __init__(self, name, load):
        self.name, self.load = name, load
        self._turn = count(load.next_number())
        self._left_out = {}
        self._http = httpx.AsyncClient(timeout=ATTEMPT_SECONDS, limits=load.limits)

    async def aclose(self):
        await self._http.aclose()

    def node(self):
        """The next in turn that has not just failed; any where all have."""
        turn = next(self._turn)
        nodes = [node for node in self.load.nodes if self._left_out.get(node.name, 0) <= turn]
        nodes = nodes or self.load.nodes
        return nodes[turn % len(nodes)]

    def leave_out(self, node):
        self._left_out[node.name] = next(self._turn) + LEFT_OUT

    async def send(self, method, path, **request):
        """A request that may be repeated as it is: the same key, ids or nothing to write."""
        begun, attempts = time.monotonic(), []
        while True:
            node = self.node()
            answer, outcome = await self._attempt(node, method, path, request)
            attempts.append(outcome)
            if outcome is Outcome.DONE:
                return Answered(answer, tuple(attempts), begun, node)
            self.load.failed(node, outcome)
            self.leave_out(node)
            late = time.monotonic() - begun > PATIENCE_SECONDS
            assert not late, f"{method} {path} was answered by nobody: {attempts[-9:]}"
            await asyncio.sleep(PAUSE_SECONDS)

    async def tool(self, name, **arguments):
        """The same over MCP; the answer is the tool's."""
        params = {"name": name, "arguments": arguments}
        return await self.send("POST", "/mcp", **modern("tools/call", params, name=name))

    async def _attempt(self, node, method, path, request):
        try:
            answer = await self._http.request(method, node.url + path, **request)
        except NEVER_SENT:
            return None, Outcome.REFUSED
        except httpx.TransportError:
            return None, Outcome.UNKNOWN
        return answer, outcome_of(answer)


def outcome_of(answer):
    """What an answer says of its request: DONE also where it was decided against it."""
    code = error_code(answer)
    if code is None or code in DECIDED:
        return Outcome.DONE
    assert code in {*LATER, "outcome_unknown"}, f"{answer.status_code} {answer.text}"
    return Outcome.REFUSED if code in LATER else Outcome.UNKNOWN


def error_code(answer):
    """The code of an error, over REST or MCP; None where it is none."""
    if answer.status_code == 304 or not answer.content:
        return None
    body = answer.json()
    if "jsonrpc" not in body:
        return body["code"] if answer.status_code >= 400 else None
    if "error" in body:
        return body["error"].get("data", {}).get("code", "protocol")
    result = body["result"]
    return result["structuredContent"]["code"] if result.get("isError") else None


def told(answer):
    """What a tool answered."""
    return answer.json()["result"]["structuredContent"]
