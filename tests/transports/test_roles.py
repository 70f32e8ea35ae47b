"""Roles and bindings of a tenant: made over REST, in force everywhere within a second."""

import asyncio
import json
import logging
from contextlib import asynccontextmanager

import orjson
import pytest

from backstory import ids
from backstory.config import load
from backstory.domain.commits import Commit, Put
from backstory.domain.keys import ContextKey
from backstory.domain.principals import SYSTEM
from backstory.wiring import open_app
from mcp_serving import until
from token_issuer import HOST, Issuer, bearer
from transports.conftest import client_of

ISSUER = Issuer()
SUPPORT = {
    "description": "Answers customers.",
    "allow": [
        {"verbs": ["read", "write"], "namespaces": ["teams.support.*"]},
        {"verbs": ["read"], "namespaces": ["notes.{sub}.*", "of.{group}.*", "by.{client_id}"]},
    ],
    "deny": [{"verbs": ["read"], "namespaces": ["teams.support.salaries.*"]}],
}
BOSS = {"roles": ["admin"], "subject": "boss"}
MINUTE = 60


def environment(tmp_path):
    jwks = ISSUER.write(tmp_path / "keys.json")
    return ISSUER.environment(jwks) | {"BACKSTORY_STORE": f"sqlite:///{tmp_path}/roles.db"}


class Caller:
    """One node, called as whoever a token names."""

    def __init__(self, http, running):
        self.http, self.contexts = http, running.contexts
        self.tokens = {}

    def token(self, who):
        name = json.dumps(who, sort_keys=True)
        if name not in self.tokens:
            self.tokens[name] = ISSUER.token(who.get("subject", "ada"), **{"roles": ()} | rest(who))
        return self.tokens[name]

    async def __call__(self, who, method, path, body=None, headers=()):
        sent = bearer(self.token(who)) | HOST | dict(headers)
        return await self.http.request(method, path, json=body, headers=sent)

    async def ok(self, who, method, path, body=None):
        answer = await self(who, method, path, body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    async def status(self, who, method, path, body=None):
        answer = await self(who, method, path, body)
        return answer.status_code if answer.is_success else (answer.status_code, code(answer))


def rest(who):
    return {name: value for name, value in who.items() if name != "subject"}


def code(answer):
    return answer.json()["code"]


@asynccontextmanager
async def node(tmp_path, **more):
    settings = load(environ=environment(tmp_path) | more)
    async with open_app(settings) as running, client_of(running.app) as http:
        yield Caller(http, running)


@pytest.fixture
async def call(tmp_path):
    async with node(tmp_path) as caller:
        for place in (
            "teams.support/faq",
            "teams.support.salaries/all",
            "notes.ada/n",
            "of.staff/n",
        ):
            await caller.ok(BOSS, "PUT", f"/v1/contexts/{place}", {"kind": "session"})
        yield caller


async def seen(call, who):
    found = await call.ok(who, "GET", "/v1/contexts")
    return [f"{each['namespace']}/{each['name']}" for each in found["items"]]


async def becomes(wanted, call, who):
    """Whether it comes to see anything, or nothing, in bounded time."""
    async with asyncio.timeout(10):
        while bool(await seen(call, who)) is not wanted:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)
    return True


# -- what they grant and deny ---------------------------------------------------------------


async def test_a_bound_role_grants_what_it_says_and_denies_what_it_says(call):
    ada = {"subject": "ada", "groups": ["staff"]}
    assert await seen(call, ada) == []
    made = await call(BOSS, "PUT", "/v1/roles/support", SUPPORT)
    assert (made.status_code, made.headers["location"]) == (201, "/v1/roles/support")
    bound = await call(BOSS, "PUT", "/v1/bindings/subjects/ada", {"roles": ["support"]})
    assert (bound.status_code, bound.headers["etag"]) == (201, '"1"')
    assert await seen(call, ada) == ["notes.ada/n", "of.staff/n", "teams.support/faq"]
    put = {"kind": "session", "state": {"n": 1}}
    assert await call.status(ada, "PUT", "/v1/contexts/teams.support/faq", put) == 200
    assert await call.status(ada, "PUT", "/v1/contexts/notes.ada/n", put) == (403, "forbidden")
    hidden = "/v1/contexts/teams.support.salaries/all"
    for method, body in (("GET", None), ("PUT", put), ("DELETE", None)):
        assert await call.status(ada, method, hidden, body) == (404, "not_found")
    found = await call.ok(ada, "GET", "/v1/changes")
    assert {each["namespace"] for each in found["items"]} == {
        "notes.ada",
        "of.staff",
        "teams.support",
    }


async def test_a_role_may_be_bound_to_groups_and_clients_and_be_named_by_a_token(call):
    await call.ok(BOSS, "PUT", "/v1/roles/support", SUPPORT)
    await call.ok(BOSS, "PUT", "/v1/bindings/groups/the%20staff%2Fday", {"roles": ["support"]})
    await call.ok(BOSS, "PUT", "/v1/bindings/clients/bot", {"roles": ["reader"]})
    staff = {"subject": "eve", "groups": ["the staff/day"]}
    assert await seen(call, staff) == ["teams.support/faq"]
    assert "teams.support.salaries/all" in await seen(call, {"subject": "eve", "client_id": "bot"})
    both = staff | {"client_id": "bot"}
    assert "teams.support.salaries/all" not in await seen(call, both)
    assert await seen(call, {"roles": ["support"]}) == ["notes.ada/n", "teams.support/faq"]
    assert await seen(call, {"roles": ["unknown"]}) == []


async def test_a_denial_counts_against_the_roles_of_the_token(call):
    deny = {"deny": [{"verbs": ["write", "instruct"], "namespaces": ["*"]}]}
    await call.ok(BOSS, "PUT", "/v1/roles/frozen", deny)
    await call.ok(BOSS, "PUT", "/v1/bindings/subjects/ed", {"roles": ["frozen"]})
    ed = {"subject": "ed", "roles": ["editor"]}
    assert len(await seen(call, ed)) == 6
    put = {"kind": "session", "state": {"n": 1}}
    assert await call.status(ed, "PUT", "/v1/contexts/teams.support/faq", put) == (403, "forbidden")


async def test_a_scope_narrows_what_is_bound(call):
    await call.ok(BOSS, "PUT", "/v1/roles/support", SUPPORT)
    await call.ok(BOSS, "PUT", "/v1/bindings/subjects/ada", {"roles": ["support"]})
    narrow = {"scope": "context:read:teams.*"}
    assert await seen(call, narrow) == ["teams.support/faq"]
    put = {"kind": "session", "state": {"n": 1}}
    path = "/v1/contexts/teams.support/faq"
    assert await call.status(narrow, "PUT", path, put) == (403, "insufficient_scope")
    hidden = "/v1/contexts/teams.support.salaries/all"
    assert await call.status(narrow, "GET", hidden) == (404, "not_found")


async def test_what_is_bound_in_one_tenant_is_nothing_in_another(call):
    await call.ok(BOSS, "PUT", "/v1/bindings/subjects/ada", {"roles": ["admin"]})
    other = {"tenant": "other"}
    assert await call.status({}, "GET", "/v1/roles") == 200
    assert (await call.ok(other, "GET", "/v1/roles"))["items"] == []
    assert await call.status(other, "GET", "/v1/bindings/subjects/ada") == (404, "not_found")


# -- managing them --------------------------------------------------------------------------


async def test_roles_are_read_listed_changed_and_deleted_with_conditions(call):
    made = await call.ok(BOSS, "PUT", "/v1/roles/support", SUPPORT)
    assert made == SUPPORT | {"role": "support", "built_in": False, "version": 1, "readable": True}
    assert await call.ok(BOSS, "GET", "/v1/roles/support") == made
    listed = await call.ok(BOSS, "GET", "/v1/roles?limit=3")
    names = [each["role"] for each in listed["items"]]
    page = await call.ok(BOSS, "GET", f"/v1/roles?cursor={listed['next']}")
    assert names + [each["role"] for each in page["items"]] == [
        "admin", "editor", "member", "reader", "support",
    ]  # fmt: skip
    late = await call(BOSS, "PUT", "/v1/roles/support", SUPPORT, {"if-match": '"7"'})
    assert (late.status_code, code(late)) == (412, "precondition_failed")
    same = await call(BOSS, "GET", "/v1/roles/support", None, {"if-none-match": '"1"'})
    assert same.status_code == 304
    past = await call.ok(BOSS, "GET", "/v1/contexts/_system.roles/support/versions")
    assert [each["version"] for each in past["items"]] == [1]
    assert await call.status(BOSS, "DELETE", "/v1/roles/support") == 204
    assert await call.status(BOSS, "GET", "/v1/roles/support") == (404, "not_found")


async def test_a_retry_of_a_change_is_answered_like_the_first(call):
    key = {"idempotency-key": "once"}
    first = await call(BOSS, "PUT", "/v1/roles/support", SUPPORT, key)
    again = await call(BOSS, "PUT", "/v1/roles/support", SUPPORT, key)
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.json()) == (first.status_code, first.json())


async def test_bindings_are_listed_by_whom_they_bind(call):
    for path in ("subjects/Ada%7C1", "groups/staff", "clients/bot"):
        await call.ok(BOSS, "PUT", f"/v1/bindings/{path}", {"roles": ["reader"]})
    listed = await call.ok(BOSS, "GET", "/v1/bindings")
    assert [(each["family"], each["name"]) for each in listed["items"]] == [
        ("clients", "bot"),
        ("groups", "staff"),
        ("subjects", "Ada|1"),
    ]
    assert await call.status(BOSS, "DELETE", "/v1/bindings/groups/staff") == 204
    assert await call.status(BOSS, "DELETE", "/v1/bindings/groups/staff") == (404, "not_found")


@pytest.mark.parametrize(
    ("who", "answer"),
    [
        ({"roles": ["editor"]}, (403, "forbidden")),
        ({"roles": ["reader"]}, (403, "forbidden")),
        ({"roles": ["member"]}, (404, "not_found")),
        ({}, (404, "not_found")),
        ({"roles": ["admin"], "scope": "context:read context:write"}, (403, "insufficient_scope")),
        ({"roles": ["admin"], "scope": "context:admin:users.*"}, (403, "insufficient_scope")),
        ({"roles": ["admin"], "scope": "context:admin"}, 201),
    ],
)
async def test_only_admins_manage_roles(call, who, answer):
    assert await call.status(who, "PUT", "/v1/roles/support", SUPPORT) == answer
    bound = await call.status(who, "PUT", "/v1/bindings/subjects/x", {"roles": ["reader"]})
    assert bound == answer


async def test_contexts_of_roles_are_written_by_their_own_calls_alone(call):
    raw = {"kind": "session", "state": SUPPORT}
    for place in ("_system.roles/support", "_system.bindings/subjects.ada"):
        path = f"/v1/contexts/{place}"
        assert await call.status(BOSS, "PUT", path, raw) == (403, "forbidden")
        fork = {"to": place}
        source = "/v1/contexts/notes.ada/n/fork"
        assert await call.status(BOSS, "POST", source, fork) == (403, "forbidden")
    assert await call.status(BOSS, "PUT", "/v1/kinds/access-role", {"schema": {}}) == (
        422,
        "schema_violation",
    )


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], ""),
        ({}, ""),
        ({"allow": []}, ""),
        ({"allow": [{"verbs": ["read"]}]}, "/allow/0"),
        ({"allow": [{"verbs": ["fly"], "namespaces": ["a"]}]}, "/allow/0/verbs"),
        ({"allow": [{"verbs": [], "namespaces": ["a"]}]}, "/allow/0/verbs"),
        ({"allow": [{"verbs": ["read"], "namespaces": []}]}, "/allow/0/namespaces"),
        ({"allow": [{"verbs": ["read"], "namespaces": ["A"]}]}, "/allow/0/namespaces/0"),
        ({"allow": [{"verbs": ["read"], "namespaces": [1]}]}, "/allow/0/namespaces/0"),
        ({"allow": [{"verbs": ["read"], "namespaces": ["{sub}.*"]}]}, "/allow/0/namespaces/0"),
        ({"allow": [{"verbs": ["read"], "namespaces": ["a.{who}"]}]}, "/allow/0/namespaces/0"),
        ({"allow": [{"verbs": ["read"], "namespaces": ["a.x{sub}"]}]}, "/allow/0/namespaces/0"),
        ({"allow": [{"verbs": ["write"], "namespaces": ["_system.*"]}]}, "/allow/0/namespaces/0"),
        ({"deny": {}}, "/deny"),
        ({"deny": [{"verbs": ["read"], "namespaces": ["a"]}], "more": 1}, "/more"),
        ({"description": 1, "allow": [{"verbs": ["read"], "namespaces": ["a"]}]}, "/description"),
    ],
)
async def test_what_is_no_role_is_refused_with_its_wrong_place(call, body, pointer):
    answer = await call(BOSS, "PUT", "/v1/roles/wrong", body)
    assert (answer.status_code, code(answer)) == (422, "schema_violation")
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        ("/v1/roles/Wrong", SUPPORT, (422, "schema_violation")),
        ("/v1/roles/admin", SUPPORT, (403, "forbidden")),
        ("/v1/bindings/subjects/x", {"roles": ["nobody-made-it"]}, (422, "schema_violation")),
        ("/v1/bindings/subjects/x", {"roles": []}, (422, "schema_violation")),
        ("/v1/bindings/subjects/x", {"roles": ["Bad"]}, (422, "schema_violation")),
        ("/v1/bindings/subjects/x", {"roles": ["reader"], "name": "y"}, (422, "schema_violation")),
        ("/v1/bindings/people/x", {"roles": ["reader"]}, (422, "schema_violation")),
        (f"/v1/bindings/subjects/{'x' * 257}", {"roles": ["reader"]}, (422, "schema_violation")),
    ],
)
async def test_what_cannot_be_made_is_refused(call, path, body, answer):
    assert await call.status(BOSS, "PUT", path, body) == answer


# -- nobody locks the tenant out --------------------------------------------------------------


async def test_an_admin_by_binding_cannot_take_that_from_itself(call):
    await call.ok(BOSS, "PUT", "/v1/bindings/subjects/ann", {"roles": ["admin"]})
    ann = {"subject": "ann"}
    less = {"roles": ["reader"]}
    path = "/v1/bindings/subjects/ann"
    assert await call.status(ann, "PUT", path, less) == (409, "would_lock_out")
    assert await call.status(ann, "DELETE", path) == (409, "would_lock_out")
    assert await call.status(ann, "PUT", path, {"roles": ["admin", "reader"]}) == 200
    assert await call.status(ann, "PUT", "/v1/bindings/subjects/bo", {"roles": ["admin"]}) == 201
    assert await call.status({"subject": "bo"}, "PUT", path, less) == 200
    assert await call.status(ann, "DELETE", "/v1/bindings/subjects/bo") == (403, "forbidden")


async def test_of_two_admins_who_end_each_other_one_is_left(call):
    for name in ("ann", "bo"):
        await call.ok(BOSS, "PUT", f"/v1/bindings/subjects/{name}", {"roles": ["admin"]})
    ann, bo = {"subject": "ann"}, {"subject": "bo"}
    await seen(call, ann), await seen(call, bo)
    await asyncio.gather(
        call(ann, "DELETE", "/v1/bindings/subjects/bo"),
        call(bo, "DELETE", "/v1/bindings/subjects/ann"),
    )
    left = await call.ok(BOSS, "GET", "/v1/bindings")
    assert len(left["items"]) == 1


async def test_no_denial_takes_the_management_of_roles_from_an_admin(call):
    everything = {"deny": [{"verbs": ["read", "write", "admin"], "namespaces": ["*"]}]}
    await call.ok(BOSS, "PUT", "/v1/roles/nothing", everything)
    await call.ok(BOSS, "PUT", "/v1/bindings/subjects/boss", {"roles": ["nothing"]})
    assert await call.status(BOSS, "GET", "/v1/contexts/notes.ada/n") == (404, "not_found")
    assert await seen(call, BOSS) == ["_system.bindings/subjects.boss", "_system.roles/nothing"]
    assert await call.status(BOSS, "DELETE", "/v1/bindings/subjects/boss") == 204
    assert "notes.ada/n" in await seen(call, BOSS)


# -- garbage opens nothing --------------------------------------------------------------------


async def stored(call, place, state, kind):
    """Written past all rules, as by a broken tool on the database."""
    key = ContextKey.parse(place)
    operation = Put(key, kind, state, (), None)
    commit = Commit("acme", ids.commit_id(), SYSTEM, call.contexts.clock.now(), (operation,))
    await call.contexts.store.commit(commit)
    await call.contexts.granting.look()


@pytest.mark.parametrize("kind", ["access-role", "session"])
@pytest.mark.parametrize(
    "state",
    [
        b"{}",
        b'{"allow":[{"verbs":["read"],"namespaces":["**"]}]}',
        orjson.dumps(SUPPORT | {"x": 1}),
    ],
)
async def test_a_role_that_cannot_be_read_denies_everything(call, state, kind, caplog):
    await call.ok(BOSS, "PUT", "/v1/roles/support", SUPPORT)
    await call.ok(BOSS, "PUT", "/v1/bindings/subjects/ada", {"roles": ["support"]})
    await call.ok(BOSS, "DELETE", "/v1/roles/support")
    reader = {"roles": ["reader"]}
    assert len(await seen(call, reader)) == 5
    with caplog.at_level(logging.WARNING):
        await stored(call, "_system.roles/support", state, kind)
        assert await seen(call, reader) == []
    assert "cannot be read" in caplog.text
    assert not (await call.ok(BOSS, "GET", "/v1/roles/support"))["readable"]
    assert await call.status(BOSS, "PUT", "/v1/roles/support", SUPPORT) in {
        200,
        (409, "kind_conflict"),
    }


@pytest.mark.parametrize(
    "state",
    [b"{}", b'{"family":"subjects","name":"eve","roles":["admin"]}', b'{"roles":["admin",7]}'],
)
async def test_a_binding_that_cannot_be_read_denies_everything(call, state):
    assert len(await seen(call, {"roles": ["reader"]})) == 4
    await stored(call, "_system.bindings/subjects.ada", state, "access-binding")
    assert await seen(call, {"roles": ["reader"]}) == []
    me = await call.ok({"roles": ["reader"]}, "GET", "/v1/whoami?verb=read&namespace=notes.ada")
    assert me["decision"]["denied"][0] == {
        "verb": "read",
        "namespace": "*",
        "role": None,
        "binding": "subjects/ada",
    }
    assert await call.status(BOSS, "DELETE", "/v1/bindings/subjects/ada") == 204
    assert len(await seen(call, {"roles": ["reader"]})) == 4


# -- on every node, streams included ----------------------------------------------------------


async def test_a_change_holds_on_another_node_within_a_second(call, tmp_path):
    ada = {"subject": "ada"}
    async with node(tmp_path) as other:
        assert await seen(other, ada) == []
        await call.ok(BOSS, "PUT", "/v1/bindings/subjects/ada", {"roles": ["reader"]})
        assert await becomes(True, other, ada)
        await call.ok(BOSS, "DELETE", "/v1/bindings/subjects/ada")
        assert await becomes(False, other, ada)


async def test_a_known_caller_costs_no_read_of_the_store(call, monkeypatch):
    await call.ok(BOSS, "PUT", "/v1/roles/support", SUPPORT)
    await call.ok(BOSS, "PUT", "/v1/bindings/subjects/ada", {"roles": ["support"]})
    await call.ok({}, "GET", "/v1/whoami")
    store = call.contexts.store
    for name in ("snapshot", "standings", "heads", "view", "get_note", "mark"):
        monkeypatch.setattr(store, name, None)
    assert (await call.ok({}, "GET", "/v1/whoami"))["bound"] == [
        {"role": "support", "binding": "subjects/ada"}
    ]


async def test_a_long_poll_sees_with_the_rights_of_the_moment(call):
    await call.ok(BOSS, "PUT", "/v1/bindings/subjects/ada", {"roles": ["reader"]})
    start = await call.ok({}, "GET", "/v1/changes?after=now")
    poll = asyncio.create_task(call.ok({}, "GET", f"/v1/changes?after={start['next']}&wait=30"))
    await until(lambda: call.contexts.hub.watching)
    await call.ok(BOSS, "PUT", "/v1/roles/support", SUPPORT)
    async with asyncio.timeout(10):
        (found,) = (await poll)["items"]
    assert found["name"] == "support"
    poll = asyncio.create_task(call.ok({}, "GET", "/v1/changes?after=now&wait=30"))
    await until(lambda: call.contexts.hub.watching)
    await call.ok(BOSS, "PUT", "/v1/bindings/subjects/ada", {"roles": ["support"]})
    await call.ok(BOSS, "PUT", "/v1/contexts/notes.bob/n", {"kind": "session"})
    await call.ok(BOSS, "PUT", "/v1/contexts/notes.ada/n", {"kind": "session", "state": {"n": 2}})
    async with asyncio.timeout(10):
        page = await poll
        if page["items"][0]["namespace"] == "_system.bindings":
            # A look at the file may come between the commit and its answer: with the rights before.
            page = await call.ok({}, "GET", f"/v1/changes?after={page['next']}&wait=30")
        (found,) = page["items"]
    assert found["namespace"] == "notes.ada"


async def test_a_stream_goes_on_with_what_is_left_and_ends_when_nothing_is(call):
    await call.ok(BOSS, "PUT", "/v1/roles/support", SUPPORT)
    await call.ok(BOSS, "PUT", "/v1/bindings/subjects/ada", {"roles": ["reader"]})
    principal = await call.contexts.granting.of(await resolved(call, {}))
    stream = call.contexts.stream.follow(principal, after="now")
    async with asyncio.timeout(30):
        assert (await anext(stream)).items == ()
        await call.ok(BOSS, "PUT", "/v1/bindings/subjects/ada", {"roles": ["support"]})
        await call.ok(BOSS, "PUT", "/v1/contexts/notes.bob/n", {"kind": "session"})
        await call.ok(
            BOSS, "PUT", "/v1/contexts/notes.ada/n", {"kind": "session", "state": {"n": 3}}
        )
        found = []
        while not found:
            found = [change.key.namespace for _, change in (await anext(stream)).items]
        assert found == ["notes.ada"]
        await call.ok(BOSS, "DELETE", "/v1/bindings/subjects/ada")
        assert [page.items async for page in stream] in ([], [()])


async def resolved(call, who):
    """The principal of a token, as the edge knows it."""
    from backstory.security.claims import Reading, principal_of

    claims = ISSUER.claims(who.get("subject", "ada"), **{"roles": ()} | rest(who))
    return principal_of(claims, Reading(), 0)


# -- explaining -------------------------------------------------------------------------------


async def test_whoami_tells_what_is_bound_and_why_something_is_decided(call):
    await call.ok(BOSS, "PUT", "/v1/roles/support", SUPPORT)
    await call.ok(BOSS, "PUT", "/v1/bindings/groups/staff", {"roles": ["support", "member"]})
    ada = {"groups": ["staff"], "scope": "context:read"}
    me = await call.ok(ada, "GET", "/v1/whoami?verb=write&namespace=teams.support")
    assert me["groups"] == ["staff"]
    assert {each["role"] for each in me["bound"]} == {"support", "member"}
    assert me["denials"][0]["namespace"] == "teams.support.salaries.*"
    grant = {
        "verb": "write",
        "namespace": "teams.support.*",
        "role": "support",
        "binding": "groups/staff",
    }
    decision = me["decision"]
    assert (decision["decision"], decision["granted"], decision["scopes"]) == (
        "narrow",
        [grant],
        [],
    )
    assert "context:write would" in decision["sentence"]
    query = "/v1/whoami?verb=read&namespace=teams.support.salaries"
    denied = (await call.ok(ada, "GET", query))["decision"]
    assert (denied["decision"], denied["denied"][0]["binding"]) == ("unseen", "groups/staff")
    allowed = await call.ok(ada, "GET", "/v1/whoami?verb=read&namespace=users.ada.x")
    assert allowed["decision"]["allowed"]
    nothing = await call.ok(ada, "GET", "/v1/whoami?verb=read&namespace=users.bob")
    assert nothing["decision"]["sentence"].endswith("no role grants it")
    assert await call.status(ada, "GET", "/v1/whoami?verb=read") == (400, "malformed")


# -- a subject that is erased takes along what is bound to it -------------------------------


async def test_what_is_bound_to_who_is_erased_goes_and_is_counted(call):
    await call.ok(BOSS, "PUT", "/v1/bindings/subjects/ada", {"roles": ["reader"]})
    await call.ok(BOSS, "PUT", "/v1/bindings/subjects/bo", {"roles": ["reader"]})
    assert "teams.support/faq" in await seen(call, {"subject": "ada"})
    receipt = await call.ok(BOSS, "DELETE", "/v1/subjects/users.ada")
    assert (receipt["bindings"], receipt["holds"]) == (1, True)
    assert await seen(call, {"subject": "ada"}) == []
    assert await call.status(BOSS, "GET", "/v1/bindings/subjects/ada") == (404, "not_found")
    assert await call.status(BOSS, "GET", "/v1/bindings/subjects/bo") == 200
    past = await call(BOSS, "GET", "/v1/contexts/_system.bindings/subjects.ada?at=1")
    assert past.status_code == 404
    # Who comes back and is bound anew does not make the receipt untrue.
    await call.ok(BOSS, "PUT", "/v1/bindings/subjects/ada", {"roles": ["reader"]})
    assert (await call.ok(BOSS, "GET", "/v1/subjects/users.ada/erasure"))["holds"]


async def test_nobody_gets_rid_of_a_denial_by_being_erased(call):
    ada = {"subject": "ada", "roles": ["member"]}
    deny = {"deny": [{"verbs": ["read"], "namespaces": ["teams.*"]}]}
    await call.ok(BOSS, "PUT", "/v1/roles/frozen", deny)
    await call.ok(BOSS, "PUT", "/v1/bindings/subjects/ada", {"roles": ["reader", "frozen"]})
    assert await call.status(ada, "DELETE", "/v1/subjects/users.ada") == (403, "forbidden")
    assert await call.status(BOSS, "GET", "/v1/bindings/subjects/ada") == 200
    await call.ok(BOSS, "PUT", "/v1/bindings/subjects/ada", {"roles": ["reader"]})
    assert (await call.ok(ada, "DELETE", "/v1/subjects/users.ada"))["bindings"] == 1


async def test_an_admin_by_binding_is_erased_by_another_one(call):
    await call.ok(BOSS, "PUT", "/v1/bindings/subjects/ann", {"roles": ["admin"]})
    ann = {"subject": "ann"}
    assert await call.status(ann, "DELETE", "/v1/subjects/users.ann") == (409, "would_lock_out")
    await call.ok(BOSS, "PUT", "/v1/bindings/groups/bosses", {"roles": ["admin"]})
    assert (await call.ok(ann | {"groups": ["bosses"]}, "DELETE", "/v1/subjects/users.ann"))[
        "holds"
    ]


async def test_who_only_administers_namespaces_takes_nobodys_roles(call):
    some = {"allow": [{"verbs": ["read", "admin"], "namespaces": ["users.*"]}]}
    await call.ok(BOSS, "PUT", "/v1/roles/desk", some)
    await call.ok(BOSS, "PUT", "/v1/bindings/subjects/cy", {"roles": ["desk"]})
    await call.ok(BOSS, "PUT", "/v1/bindings/subjects/ann", {"roles": ["admin"]})
    desk = {"subject": "cy"}
    assert await call.status(desk, "DELETE", "/v1/subjects/users.ann") == (403, "forbidden")
    assert (await call.ok(desk, "DELETE", "/v1/subjects/users.bo"))["holds"]
