"""What two colours have to agree on: what one writes, the other reads as it is, and goes on with.

Each probe takes two servers. It writes through the first and reads through the second, in a
context of its own, and raises `DisagreeError` where an answer is not what it has to be.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from backstory import errors
from backstory.cli import remote
from backstory.errors import BackstoryError, ConfigError

_TRANSIENT: Final = frozenset({408, 429, 502, 503, 504, 507})
_PROTOCOL: Final = "2026-07-28"
_META: Final = {
    "io.modelcontextprotocol/protocolVersion": _PROTOCOL,
    "io.modelcontextprotocol/clientCapabilities": {},
}
STATE: Final = {"text": "Grüße, 你好", "n": 7, "half": 0.5, "deep": {"list": [1, None, True, {}]}}


class DisagreeError(Exception):
    """The colours do not fit together; says how."""


class UnansweredError(Exception):
    """A server cannot answer now; says which and why."""


@dataclass(frozen=True, slots=True)
class Side:
    """A server, by its colour's name."""

    name: str
    http: httpx.Client

    def ask(self, method: str, path: str, *statuses: int, **request: Any) -> httpx.Response:
        """An answer with one of these statuses.

        Raises:
            UnansweredError: it cannot be had now.
            ConfigError: the token does not let the probe in.
            DisagreeError: it has another status.
        """
        try:
            answer = self.http.request(method, path, **request)
        except httpx.HTTPError as error:
            where = remote.shown(str(self.http.base_url))
            told = f"the {self.name} colour at {where} cannot be asked: {error}"
            raise UnansweredError(told) from error
        if answer.status_code in statuses or (not statuses and answer.is_success):
            return answer
        told = f"the {self.name} colour answers {method} {path} with {answer.status_code}"
        problem = _problem(answer)
        if problem is not None:
            told = f"{told} {problem.code}: {problem.detail}"
        if answer.status_code in (401, 403):
            raise ConfigError(f"{told}; --token-file names a token that may write there")
        if answer.status_code in _TRANSIENT:
            raise UnansweredError(told)
        raise DisagreeError(told)

    def json(self, method: str, path: str, *statuses: int, **request: Any) -> Any:
        """The JSON of such an answer."""
        answer = self.ask(method, path, *statuses, **request)
        try:
            return answer.json()
        except ValueError:
            told = f"the {self.name} colour answers {method} {path} with something other than JSON"
            raise DisagreeError(told) from None

    def call(self, method: str, **params: Any) -> Any:
        """The result of a request of MCP."""
        headers = {
            "accept": "application/json, text/event-stream",
            "mcp-protocol-version": _PROTOCOL,
            "mcp-method": method,
        }
        if "name" in params:
            headers["mcp-name"] = params["name"]
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params | {"_meta": _META}}
        answer = self.ask("POST", "/mcp", 200, json=body, headers=headers)
        try:
            result = json.loads(_message(answer))["result"]
        except (ValueError, KeyError, TypeError):
            raise DisagreeError(f"the {self.name} colour answers {method} over MCP with no result"
                                ) from None  # fmt: skip
        if isinstance(result, dict) and result.get("isError"):
            told = json.dumps(result.get("structuredContent"))
            raise DisagreeError(f"the {self.name} colour answers {method} over MCP with {told}")
        return result


def _problem(answer: httpx.Response) -> BackstoryError | None:
    try:
        remote.checked(answer)
    except errors.StoreUnavailableError as error:
        return None if "no server of Backstory" in error.detail else error
    except BackstoryError as error:
        return error
    return None


def _message(answer: httpx.Response) -> str:
    """The JSON, or that of the last event of a stream."""
    if not answer.headers.get("content-type", "").startswith("text/event-stream"):
        return answer.text
    data = [line[5:] for line in answer.text.splitlines() if line.startswith("data:")]
    return data[-1] if data else ""


def same(what: str, one: Any, other: Any) -> None:
    """Both are equal.

    Raises:
        DisagreeError: they are not.
    """
    if one != other:
        raise DisagreeError(f"{what}: {_short(one)} is {_short(other)} in the other colour")


def shared(what: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
    """The members that both answers have are equal; a release may have more of them."""
    for name in one.keys() & other.keys():
        same(f"{what}, {name}", one[name], other[name])


def _short(value: Any) -> str:
    told = json.dumps(value, ensure_ascii=False, default=str)
    return told if len(told) <= 80 else f"{told[:77]}..."


Probe = Callable[[Side, Side, str, str], None]
"""Takes who writes, who reads, a namespace and a name in it."""


def context(writer: Side, reader: Side, namespace: str, name: str) -> None:
    """A context with its tag, its version and all that it says of itself."""
    path = f"/v1/contexts/{namespace}/{name}"
    etag = writer.ask("GET", path, 200).headers.get("etag")
    answer = reader.ask("GET", path, 200)
    same("the tag of a context", etag, answer.headers.get("etag"))
    here, there = writer.json("GET", path, 200), reader.json("GET", path, 200)
    lost = sorted(here.keys() - there.keys())
    if lost and writer.name == "old":
        raise DisagreeError(f"the new colour shows no {', '.join(lost)} of a context")
    shared("a context", here, there)
    same("a state", STATE, there.get("state"))
    reader.ask("GET", path, 304, headers={"if-none-match": etag or "none"})


def conditions(writer: Side, reader: Side, namespace: str, name: str) -> None:
    """Versions: a write through one is the next version, and the other knows it."""
    path = f"/v1/contexts/{namespace}/{name}"
    before = writer.json("GET", path, 200)["version"]
    head = {"content-type": "application/merge-patch+json", "if-match": f'"{before}"'}
    done = reader.json("PATCH", path, 200, json={"n": 8}, headers=head)
    same("the version behind a write", before + 1, done.get("version"))
    same("a version", before + 1, writer.json("GET", path, 200).get("version"))
    writer.ask("PATCH", path, 412, json={"n": 9}, headers=head)


def entries(writer: Side, reader: Side, namespace: str, name: str) -> None:
    """Entries as they were appended, and known again by their ids and keys."""
    path = f"/v1/contexts/{namespace}/{name}/entries"
    body = {"entries": [{"role": "user", "content": "Hi, 你好", "id": f"{name}-{n}"} for n in "ab"]}
    first = writer.json("POST", path, 200, json=body)
    again = reader.json("POST", path, 200, json=body)
    same("places of entries that were sent again", first.get("seqs"), again.get("seqs"))
    same("entries made of ones that were sent again", 0, again.get("created"))
    here, there = (side.json("GET", path, 200)["items"] for side in (writer, reader))
    same("a number of entries", len(here), len(there))
    for one, other in zip(here, there, strict=True):
        shared("an entry", one, other)
    head = {"idempotency-key": f"{namespace}-{name}"}
    body = {"entries": [{"role": "assistant", "content": "Once"}]}
    kept = writer.json("POST", path, 200, json=body, headers=head)
    same(
        "an answer to a repeated key", kept, reader.json("POST", path, 200, json=body, headers=head)
    )


def cursors(writer: Side, reader: Side, namespace: str, name: str) -> None:
    """The change stream and lists go on through the other where they ended."""
    del name
    asked: dict[str, Any] = {"namespace": namespace, "limit": 1}
    first = writer.json("GET", "/v1/changes", 200, params=asked)
    rest = {"namespace": namespace, "after": first["next"]}
    here, there = (side.json("GET", "/v1/changes", 200, params=rest) for side in (writer, reader))
    tell = [[(item["name"], item["version"]) for item in page["items"]] for page in (here, there)]
    same("changes behind a cursor", *tell)
    page = writer.json("GET", "/v1/contexts", 200, params=asked)
    if page["next"] is not None:
        more = {"namespace": namespace, "cursor": page["next"]}
        there = reader.json("GET", "/v1/contexts", 200, params=more)
        names = [item["name"] for item in (*page["items"], *there["items"])]
        same("names of contexts by pages", sorted(set(names)), names)


def content(writer: Side, reader: Side, namespace: str, name: str) -> None:
    """Content, byte for byte."""
    path = f"/v1/contexts/{namespace}/{name}/content"
    sent = f"content of {name}\n".encode() * 500
    writer.ask("PUT", path, content=sent, headers={"content-type": "text/plain"})
    read = reader.ask("GET", path, 200)
    same("the length of content", len(sent), len(read.content))
    if read.content != sent:
        raise DisagreeError("content that one colour stored is another one in the other")


def tools(writer: Side, reader: Side, namespace: str, name: str) -> None:
    """MCP: the tools of the old colour in the new one, and a read through each."""
    if writer.name == "old":
        before, after = (_tools(side) for side in (writer, reader))
        if lost := sorted(before.keys() - after.keys()):
            raise DisagreeError(f"the new colour has no tool {', '.join(lost)}")
        for tool in before:
            if more := sorted(after[tool] - before[tool]):
                raise DisagreeError(f"the new colour's tool {tool} needs {', '.join(more)}")
    asked = {"context": f"{namespace}/{name}", "part": "state"}
    here, there = (
        side.call("tools/call", name="read_context", arguments=asked)["structuredContent"]
        for side in (writer, reader)
    )
    shared("a context over MCP", here, there)


def _tools(side: Side) -> dict[str, set[str]]:
    """The arguments that each tool needs."""
    listed = side.call("tools/list")["tools"]
    return {tool["name"]: set(tool["inputSchema"].get("required", ())) for tool in listed}


def operations(writer: Side, reader: Side, namespace: str, name: str) -> None:
    """Each operation of the old colour's REST interface is in the new one."""
    del namespace, name
    if writer.name != "old":
        return
    before, after = (
        {
            f"{method.upper()} {path}"
            for path, methods in side.json("GET", "/openapi.json", 200)["paths"].items()
            for method in methods
        }
        for side in (writer, reader)
    )
    if lost := sorted(before - after):
        raise DisagreeError(f"the new colour has no {', '.join(lost)}")


PROBES: Final[tuple[Probe, ...]] = (
    context,
    conditions,
    entries,
    cursors,
    content,
    tools,
    operations,
)
