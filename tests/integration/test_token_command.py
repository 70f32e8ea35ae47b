"""`backstory token`: keys, tokens, and tokens that are refused again, on every node."""

import asyncio
import json
import os
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import pytest

from mcp_serving import MODERN, client, raw, soon
from serving import Wire, serving, until
from token_issuer import bearer

ISSUER, AUDIENCE = "https://tokens.example.com", "https://context.example.com"
SETTINGS = {
    "BACKSTORY_AUTH_ISSUER": ISSUER,
    "BACKSTORY_AUTH_AUDIENCE": AUDIENCE,
    "BACKSTORY_ALLOWED_HOSTS": "127.0.0.1,localhost",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("token")


def run(folder, *arguments, given=None, status=0, **environment):
    store = {"BACKSTORY_STORE": f"sqlite:///{folder}/store/test.db"}
    done = subprocess.run(
        [sys.executable, "-m", "backstory", "token", *arguments],
        capture_output=True,
        text=True,
        input=given,
        cwd=folder,
        env={**os.environ, **SETTINGS, **store, **environment},
        check=False,
    )
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def make(folder, *arguments):
    return json.loads(run(folder, "create", "--json", *arguments))


@pytest.fixture(scope="module")
def jwks(folder):
    return json.loads(run(folder, "keys", "--json"))["jwks"]


@pytest.fixture(scope="module")
def nodes(folder, jwks):
    """Two servers on one store."""
    environment = SETTINGS | {"BACKSTORY_AUTH_JWKS": jwks}
    with serving(folder, env=environment) as one, serving(folder, env=environment) as other:
        yield one, other


@pytest.fixture(scope="module")
def ask(nodes):
    """The statuses of a token on each node, or what it is told there."""
    clients = [node.client() for node in nodes]

    def statuses(token, path="/v1/whoami"):
        return [http.get(path, headers=bearer(token)).status_code for http in clients]

    yield statuses
    for http in clients:
        http.close()


def whoami(node, token):
    with node.client() as http:
        return http.get("/v1/whoami", headers=bearer(token)).json()


def test_only_the_owner_reads_the_private_keys(folder, jwks):
    private = folder / "store" / "token-keys.json"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    public = json.loads((folder / "store" / "token-jwks.json").read_text())["keys"]
    assert all("d" not in key for key in public)
    private.chmod(0o644)
    try:
        assert "others may read" in run(folder, "create", "--client", "x", status=2)
    finally:
        private.chmod(0o600)


def test_a_machine_gets_a_token_for_its_own_namespace(folder, nodes):
    made = make(folder, "--client", "billing", "--tenant", "acme", "--for", "5m")
    found = whoami(nodes[0], made["token"])
    assert (found["tenant"], found["subject"], found["client"]) == ("acme", "billing", "billing")
    assert (found["trust"], found["roles"], found["scopes"]) == ("agent", ["member"], None)
    assert {right["namespace"] for right in found["rights"]} == {"clients.billing.*"}
    assert found["expires_at"] == made["expires_at"]


def test_roles_and_scopes_are_those_that_were_given(folder, nodes):
    given = ("--subject", "ada", "--role", "reader", "--role", "member", "--scope", "context:read")
    found = whoami(nodes[0], make(folder, *given)["token"])
    assert (found["subject"], found["client"]) == ("ada", "backstory-cli")
    assert (found["roles"], found["scopes"]) == (["member", "reader"], ["context:read"])


def test_a_revoked_token_is_refused_on_every_node_though_it_is_known(folder, ask):
    first, other, last = (make(folder, "--client", "billing") for _ in range(3))
    assert ask(first["token"]) == ask(other["token"]) == ask(last["token"]) == [200, 200]
    run(folder, "revoke", first["token"])
    until(lambda: ask(first["token"]) == [401, 401], "the revocation")
    run(folder, "revoke", other["id"])
    until(lambda: ask(other["token"]) == [401, 401], "the revocation by id")
    run(folder, "revoke", "-", given=last["token"])
    until(lambda: ask(last["token"]) == [401, 401], "the revocation from stdin")
    assert ask(first["token"]) == [401, 401]
    assert ask(make(folder, "--client", "billing")["token"]) == [200, 200]


def test_tokens_revoked_at_the_same_time_are_all_refused(folder, ask):
    made = [make(folder, "--client", "many") for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: run(folder, "revoke", each["id"]), made))
    until(lambda: all(ask(each["token"]) == [401, 401] for each in made), "the revocations")


def test_a_revoked_token_is_refused_by_a_server_that_starts_later(folder, jwks):
    made = make(folder, "--client", "late")
    run(folder, "revoke", made["token"])
    environment = SETTINGS | {"BACKSTORY_AUTH_JWKS": jwks}
    with serving(folder, env=environment) as node, node.client() as http:
        assert http.get("/v1/whoami", headers=bearer(made["token"])).status_code == 401


def test_keys_rotate_while_servers_run(folder, ask):
    before = make(folder, "--client", "billing")["token"]
    old = json.loads(run(folder, "keys", "--json"))["keys"][0]
    assert ask(before) == [200, 200]
    run(folder, "keys", "--rotate")
    after = make(folder, "--client", "billing")["token"]
    until(lambda: ask(after) == [200, 200], "the new key")
    assert ask(before) == [200, 200]
    run(folder, "keys", "--retire", old)
    until(lambda: ask(before) == [401, 401], "the end of the old key")
    assert ask(after) == [200, 200]


@asynccontextmanager
async def listening(node, token):
    """A stream of events, begun."""
    wire = await Wire.to(node)
    wire.send(
        "/v1/changes?after=now", f"Authorization: Bearer {token}", "Accept: text/event-stream"
    )
    try:
        status, _ = await wire.head()
        assert status == 200
        yield wire
    finally:
        wire.close()


async def ended(wire):
    """Comes back at the last chunk, which tells that the answer is whole; fails without one."""
    while (line := await wire.line()) != "0":
        assert line is not None
        assert not wire._reader.at_eof()


async def test_a_stream_ends_gracefully_with_its_token(folder, nodes):
    made = await asyncio.to_thread(make, folder, "--client", "short", "--for", "3s")
    async with listening(nodes[0], made["token"]) as wire:
        await soon(ended(wire))


async def test_a_stream_ends_when_its_token_is_revoked(folder, nodes):
    made = await asyncio.to_thread(make, folder, "--client", "billing")
    async with listening(nodes[1], made["token"]) as wire:
        await asyncio.to_thread(run, folder, "revoke", made["token"])
        await soon(ended(wire))


async def test_subscriptions_over_mcp_end_when_the_token_is_revoked(folder, nodes):
    made = await asyncio.to_thread(make, folder, "--client", "billing")
    async with (
        client(f"{nodes[0].url}/mcp", MODERN, who=made["token"]) as session,
        session.listen(resources_list_changed=True) as subscription,
    ):
        await asyncio.to_thread(run, folder, "revoke", made["token"])
        assert await soon(_to_the_end(subscription)) == []


async def test_the_stream_of_an_older_client_ends_when_the_token_is_revoked(folder, nodes):
    made = await asyncio.to_thread(make, folder, "--client", "billing")
    async with raw(f"{nodes[0].url}/mcp", made["token"]) as older:
        await older.begin()
        async with older.stream() as messages:
            await asyncio.to_thread(run, folder, "revoke", made["token"])
            assert await soon(_to_the_end(messages)) == []


async def _to_the_end(events):
    return [event async for event in events]


@pytest.mark.parametrize(
    ("arguments", "changed", "said"),
    [
        (("create",), {}, "--subject or a --client"),
        (("create", "--client", "x", "--for", "2y"), {}, "must be a time"),
        (("create", "--client", "x", "--for", "367d"), {}, "366d at most"),
        (("create", "--client", "x" * 300), {}, "--client"),
        (("create", "--client", "x"), {"BACKSTORY_AUTH_ISSUER": ""}, "auth_issuer is needed"),
        (("create", "--client", "x"), {"BACKSTORY_AUTH_AUDIENCE": ""}, "auth_audience is needed"),
        (("revoke", "a.b.c"), {}, "TOKEN"),
        (("revoke", ""), {}, "TOKEN"),
        (("keys", "--retire", "nope"), {}, "there is no key"),
    ],
)
def test_what_is_typed_wrong_is_told(folder, jwks, arguments, changed, said):
    (line,) = run(folder, *arguments, status=2, **changed).splitlines()
    assert line.startswith("error: ")
    assert said in line


def test_a_tenant_never_reads_what_a_token_of_another_wrote(folder, nodes):
    tokens = {name: make(folder, "--client", "c", "--tenant", name)["token"] for name in "ab"}
    with nodes[0].client() as http:
        path = "/v1/contexts/clients.c/note"
        http.put(path, json={"kind": "session"}, headers=bearer(tokens["a"]))
        assert http.get(path, headers=bearer(tokens["b"])).status_code == 404
        assert http.get(path, headers=bearer(tokens["a"])).status_code == 200


def test_times_of_tokens_are_of_this_moment(folder):
    made = make(folder, "--client", "x", "--for", "1d")
    assert made["expires_at"] > time.strftime("%Y-%m-%dT", time.gmtime(time.time() + 80_000))
