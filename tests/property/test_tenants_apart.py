"""Two tenants call at random; what either sees is what it would see alone."""

import asyncio
import json
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backstory.config import load
from backstory.wiring import open_app
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


calls = st.one_of(
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
RANDOM = {"id", "trace_id", "cursor", "next", "commit", "epoch", "created_at", "updated_at", "at"}


@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(steps)
def test_what_one_tenant_does_has_no_influence_on_another(tried):
    asyncio.run(_compare(tried))


async def _compare(tried):
    together = await _answers(tried)
    for tenant in "ab":
        alone = await _answers([step for step in tried if step[0] == tenant])
        assert [answer for who, answer in together if who == tenant] == [each for _, each in alone]


async def _answers(tried):
    tokens = {tenant: ISSUER.token("1", ["admin"], tenant=tenant) for tenant in "ab"}
    found = []
    async with _served() as http:
        for tenant, (method, path, body, headers) in tried:
            sent = bearer(tokens[tenant]) | HOST | headers
            answer = await http.request(method, path, content=body, headers=sent)
            found.append((tenant, (answer.status_code, _told(answer))))
    return found


@asynccontextmanager
async def _served():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        jwks = await asyncio.to_thread(ISSUER.write, path / "keys.json")
        environment = ISSUER.environment(jwks) | {"BACKSTORY_STORE": f"sqlite:///{path}/t.db"}
        async with open_app(load(environ=environment)) as running, client_of(running.app) as http:
            yield http


def _told(answer):
    """The answer without what is random or of the moment."""
    try:
        return _steady(orjson.loads(answer.content))
    except orjson.JSONDecodeError:
        return answer.content


def _steady(value):
    if isinstance(value, dict):
        return {name: _steady(each) for name, each in value.items() if name not in RANDOM}
    return [_steady(each) for each in value] if isinstance(value, list) else value
