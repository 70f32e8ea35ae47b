"""Two tenants call at random, over REST and MCP; what either sees is what it would see alone."""

import asyncio
import itertools
import json
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import postgres_server
from backstory.config import load
from backstory.wiring import open_app
from mcp_serving import modern
from token_issuer import HOST, Issuer, bearer
from transports.conftest import client_of

ISSUER = Issuer()
NAMES = ["users.1/a", "users.1/b", "_system.notes/c"]
names = st.sampled_from(NAMES)
words = st.sampled_from(["apple", "pear", "plum"])
JSON = {"content-type": "application/json"}
MERGE = {"content-type": "application/merge-patch+json"}


def request(method, path, body=None, headers=JSON):
    return method, path, None if body is None else json.dumps(body), dict(headers)


def of_context(make):
    return st.builds(lambda name, word: make(f"/v1/contexts/{name}", word), names, words)


def tool(name, **arguments):
    made = modern("tools/call", {"name": name, "arguments": arguments}, name=name)
    return "POST", "/mcp", json.dumps(made["json"]), made["headers"]


def by_tool(make):
    return st.builds(lambda name, word: tool(**make(name, word)), names, words)


tools = st.one_of(
    by_tool(lambda name, word: {"name": "write_context", "context": name, "kind": "session",
                                "state": {"t": word}}),
    by_tool(lambda name, word: {"name": "append_entries", "context": name,
                                "entries": [{"role": "user", "content": word}],
                                "idempotency_key": word}),
    by_tool(lambda name, _: {"name": "read_context", "context": name, "part": "entries"}),
    by_tool(lambda name, _: {"name": "delete_context", "context": name}),
    by_tool(lambda _, word: {"name": "search_contexts", "query": word}),
    by_tool(lambda _, __: {"name": "list_contexts"}),
    by_tool(lambda _, __: {"name": "read_changes"}),
    by_tool(lambda name, _: {"name": "render_window", "model": "gpt-4o", "budget": 2000,
                             "sources": [{"context": name}]}),
)  # fmt: skip
roles = st.one_of(
    st.builds(
        lambda word: request(
            "PUT", f"/v1/roles/{word}", {"deny": [{"verbs": ["write"], "namespaces": ["users.2"]}]}
        ),
        words,
    ),
    st.builds(lambda word: request("DELETE", f"/v1/roles/{word}"), words),
    # Both call as the subject of this name.
    st.builds(lambda word: request("PUT", "/v1/bindings/subjects/1", {"roles": [word]}), words),
    st.just(request("DELETE", "/v1/bindings/subjects/1")),
    st.just(request("GET", "/v1/roles")),
    st.just(request("GET", "/v1/bindings")),
    st.just(request("GET", "/v1/whoami?verb=write&namespace=users.2")),
    st.just(request("GET", "/v1/usage")),
)
calls = st.one_of(
    tools,
    roles,
    of_context(lambda path, word: request("PUT", path, {"kind": "document", "state": {"w": word}})),
    of_context(lambda path, word: request("PATCH", path, {word: 1}, MERGE)),
    of_context(
        lambda path, word: request(
            "POST", f"{path}/entries", {"entries": [{"role": "user", "content": word, "id": word}]}
        )
    ),
    of_context(
        lambda path, word: request("PUT", f"{path}/content", word, {"content-type": "text/plain"})
    ),
    of_context(
        lambda path, word: request(
            "PUT", path, {"kind": "document"}, JSON | {"idempotency-key": word}
        )
    ),
    of_context(lambda path, word: request("POST", f"{path}/fork", {"to": f"users.2/{word}"})),
    of_context(lambda path, _: request("POST", f"{path}/restore", {"version": 1})),
    of_context(lambda path, _: request("DELETE", path)),
    of_context(lambda path, _: request("DELETE", f"{path}?purge=true")),
    of_context(lambda path, _: request("GET", path)),
    of_context(lambda path, _: request("GET", f"{path}/content")),
    of_context(lambda path, _: request("GET", f"{path}?since=1")),
    of_context(lambda path, _: request("GET", f"{path}/versions")),
    st.just(request("GET", "/v1/contexts")),
    st.just(request("GET", "/v1/changes")),
    st.just(request("GET", "/v1/kinds")),
    st.builds(lambda word: request("POST", "/v1/search", {"query": word}), words),
    st.builds(
        lambda word: request("PUT", f"/v1/kinds/{word}", {"schema": {"type": "object"}}), words
    ),
)
steps = st.lists(st.tuples(st.sampled_from("ab"), calls), max_size=12)
RANDOM = {
    "id", "trace_id", "cursor", "next", "commit", "epoch", "created_at", "updated_at", "at", "render_id",
    "expires_at", "input", "prefix_hash", "tokens",
}  # fmt: skip
numbers = itertools.count()


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(steps)
def test_what_one_tenant_does_has_no_influence_on_another(tried):
    asyncio.run(_compare(tried, _file))


@settings(deadline=None, max_examples=8, suppress_health_check=list(HealthCheck))
@given(tried=steps)
def test_nor_in_postgresql(postgres, tried):
    asyncio.run(_compare(tried, lambda _: _database(postgres)))


@asynccontextmanager
async def _file(folder):
    yield f"sqlite:///{folder}/t.db"


@asynccontextmanager
async def _database(server):
    name, owner = f"apart_{next(numbers)}", postgres_server.PLAIN
    await server.do(f"CREATE DATABASE {name} TEMPLATE template OWNER {owner}")
    yield server.url(name, owner)
    await server.do(f"DROP DATABASE {name} WITH (FORCE)")


async def _compare(tried, store):
    together = await _answers(tried, store)
    for tenant in "ab":
        alone = await _answers([step for step in tried if step[0] == tenant], store)
        assert [answer for who, answer in together if who == tenant] == [each for _, each in alone]


async def _answers(tried, store):
    tokens = {tenant: ISSUER.token("1", ["admin"], tenant=tenant) for tenant in "ab"}
    found = []
    async with _served(store) as http:
        for tenant, (method, path, body, headers) in tried:
            sent = bearer(tokens[tenant]) | HOST | headers
            answer = await http.request(method, path, content=body, headers=sent)
            found.append((tenant, (answer.status_code, _told(answer))))
    return found


@asynccontextmanager
async def _served(store):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        jwks = await asyncio.to_thread(ISSUER.write, path / "keys.json")
        async with store(path) as url:
            few = {"BACKSTORY_STORE": url, "BACKSTORY_QUOTA_CONTEXTS": "2"}
            settings = load(environ=ISSUER.environment(jwks) | few)
            async with open_app(settings) as running, client_of(running.app) as http:
                yield http


def _told(answer):
    """The answer without what is random or of the moment."""
    try:
        return _steady(orjson.loads(answer.content))
    except orjson.JSONDecodeError:
        return answer.content


def _steady(value):
    if isinstance(value, dict):
        if "structuredContent" in value:  # which the text says again
            value = {name: each for name, each in value.items() if name != "content"}
        return {name: _steady(each) for name, each in value.items() if name not in RANDOM}
    return [_steady(each) for each in value] if isinstance(value, list) else value
