"""What a tenant may keep: by the settings, or by what an operator says of it."""

import asyncio
import os
from dataclasses import replace

import pytest

from backstory import limits
from backstory.domain.principals import LOCAL_ADMIN
from backstory.domain.quotas import KEY, Quota
from backstory.errors import DeniedError
from transports.test_roles import BOSS, code, node

LONG = "x" * 3000
OPERATOR = replace(LOCAL_ADMIN, tenant="acme")
SMALL = {"BACKSTORY_QUOTA_CONTEXTS": "2", "BACKSTORY_QUOTA_BYTES": "20000"}


@pytest.fixture
async def call(tmp_path):
    async with node(tmp_path, **SMALL) as caller:
        yield caller


async def put(call, name, state=None, who=BOSS):
    body = {"kind": "session", "state": state or {}}
    return await call(who, "PUT", f"/v1/contexts/{name}", body)


async def test_a_context_too_many_is_refused_with_what_to_do(call):
    for name in ("a/one", "a/two"):
        assert (await put(call, name)).status_code == 201
    refused = await put(call, "a/three")
    assert (refused.status_code, code(refused)) == (403, "quota_contexts")
    assert refused.headers["retry-after"] == str(limits.QUOTA_RETRY_SECONDS)
    problem = refused.json()
    assert (problem["quota"], problem["used"]) == (2, 2)
    assert "delete some" in problem["detail"]
    assert (await put(call, "a/one", {"n": 1})).status_code == 200
    assert await call.status(BOSS, "DELETE", "/v1/contexts/a/one") == 204
    assert (await put(call, "a/three")).status_code == 201


async def test_bytes_too_many_are_refused_wherever_they_come_from(call):
    await put(call, "a/one")
    for n in range(5):
        entries = {"entries": [{"role": "user", "content": f"{n}{LONG}"}]}
        assert await call.status(BOSS, "POST", "/v1/contexts/a/one/entries", entries) == 200
    used = (await call.ok(BOSS, "GET", "/v1/usage"))["bytes"]
    entries = {"entries": [{"role": "user", "content": LONG * 7}]}
    refused = await call.status(BOSS, "POST", "/v1/contexts/a/one/entries", entries)
    assert refused == (403, "quota_bytes")
    commit = {"operations": [{"op": "put", "context": "a/two", "kind": "session",
                              "state": {"t": LONG * 7}}]}  # fmt: skip
    assert await call.status(BOSS, "POST", "/v1/commits", commit) == (403, "quota_bytes")
    headers = {"content-type": "text/plain"}
    sent = await call.http.put(
        "/v1/contexts/a/one/content",
        content=os.urandom(30_000),
        headers={"authorization": f"Bearer {call.token(BOSS)}", "host": "context.example.com"}
        | headers,
    )
    assert (sent.status_code, code(sent)) == (403, "quota_bytes")
    assert (await call.ok(BOSS, "GET", "/v1/usage"))["bytes"] == used


async def test_one_tenant_takes_nothing_from_another(call):
    for name in ("a/one", "a/two"):
        await put(call, name)
    other = BOSS | {"tenant": "other"}
    assert (await put(call, "a/one", who=other)).status_code == 201
    usage = await call.ok(other, "GET", "/v1/usage")
    assert usage == {"contexts": 1, "bytes": 0, "quota": {"contexts": 2, "bytes": 20000}}


async def test_what_is_kept_is_told_to_those_who_may_read_reserved_namespaces(call):
    assert await call.status({"roles": ["member"]}, "GET", "/v1/usage") == (404, "not_found")
    assert (await call.ok({"roles": ["reader"]}, "GET", "/v1/usage"))["contexts"] == 0


async def test_roles_can_be_managed_whatever_the_quota_is(call):
    for name in ("a/one", "a/two"):
        await put(call, name)
    await call.ok(BOSS, "PUT", "/v1/bindings/subjects/ada", {"roles": ["reader"]})
    assert (await call.ok(BOSS, "GET", "/v1/usage"))["contexts"] == 2


async def test_an_operator_says_what_a_tenant_may_keep_and_every_node_obeys(call, tmp_path):
    async with node(tmp_path, **SMALL) as other:
        for name in ("a/one", "a/two"):
            await put(other, name)
        await call.contexts.allotting.allot(OPERATOR, Quota(contexts=3))
        async with asyncio.timeout(10):
            while (await put(other, "a/three")).status_code == 403:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)
        assert (await other.ok(BOSS, "GET", "/v1/usage"))["quota"] == {"contexts": 3, "bytes": None}
        await call.contexts.allotting.allot(OPERATOR, None)
        async with asyncio.timeout(10):
            while (await other.ok(BOSS, "GET", "/v1/usage"))["quota"]["contexts"] == 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)


async def test_only_operators_say_what_a_tenant_may_keep(call):
    admin = replace(OPERATOR, operator=False)
    with pytest.raises(DeniedError):
        await call.contexts.allotting.allot(admin, Quota())
    await call.contexts.allotting.allot(OPERATOR, Quota(contexts=0))
    raw = {"kind": "session", "state": {}}
    path = f"/v1/contexts/{KEY}"
    assert await call.status(BOSS, "PUT", path, raw) == (403, "forbidden")
    assert await call.status(BOSS, "DELETE", path) == (403, "forbidden")
    assert await call.status(BOSS, "POST", f"{path}/restore", {"version": 1}) == (403, "forbidden")
    assert await call.status(BOSS, "PUT", "/v1/contexts/a/one", raw) == (403, "quota_contexts")
