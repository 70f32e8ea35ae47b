"""Roles, erasures, trails and what concerns all tenants, in the hands of those who may not."""

import json
import uuid

import pytest

from attacking import MERGE, without_trace

ROLE = {"allow": [{"verbs": ["read", "write", "instruct", "admin"], "namespaces": ["*"]}]}
EVERYTHING = [
    ("PUT", "/v1/roles/mine", ROLE),
    ("GET", "/v1/roles", None),
    ("GET", "/v1/roles/helper", None),
    ("DELETE", "/v1/roles/helper", None),
    ("PUT", "/v1/bindings/subjects/eve", {"roles": ["admin"]}),
    ("PUT", "/v1/bindings/clients/cli", {"roles": ["admin"]}),
    ("PUT", "/v1/bindings/groups/staff", {"roles": ["admin"]}),
    ("GET", "/v1/bindings", None),
    ("DELETE", "/v1/bindings/subjects/bob", None),
    ("DELETE", "/v1/subjects/users.ada", None),
    ("GET", "/v1/subjects/users.ada/erasure", None),
    ("GET", "/v1/audit", None),
    ("GET", "/v1/audit?of=nobody", None),
    ("PUT", "/v1/contexts/_system.roles/mine", {"kind": "role", "state": ROLE}),
    ("PUT", "/v1/contexts/_system.bindings/x", {"kind": "session", "state": {}}),
    ("PUT", "/v1/contexts/_system.kinds/x", {"kind": "session", "state": {}}),
    ("PUT", "/v1/kinds/mine", {"schema": {}}),
    ("GET", "/metrics", None),
    ("PUT", "/v1/log-level", {"level": "debug"}),
]


@pytest.fixture(scope="module")
def admin(attacked):
    boss = attacked.admin()
    role = {"allow": [{"verbs": ["read"], "namespaces": ["teams.{sub}.*"]}]}
    assert boss.rest("PUT", "/v1/roles/helper", json=role).status_code in (200, 201)
    bound = boss.rest("PUT", "/v1/bindings/subjects/bob", json={"roles": ["helper"]})
    assert bound.status_code in (200, 201)
    return boss


@pytest.mark.parametrize("call", EVERYTHING, ids=lambda call: " ".join(call[:2]))
@pytest.mark.parametrize("roles", [("member",), ("reader",), ("editor",), ("helper",), ()])
def test_nobody_makes_themselves_more_than_they_are(attacked, admin, roles, call):
    method, path, body = call
    eve = attacked.attacker("eve", roles)
    answer = eve.rest(method, path, json=body)
    may_read = method == "GET" and answer.status_code == 200
    assert answer.status_code in (403, 404, 405) or may_read, answer.text
    if may_read:  # what is bound to whom is for those who read everything
        assert roles in (("reader",), ("editor",)) or not answer.json().get("items"), answer.text
    assert eve.rest("GET", "/v1/whoami").json()["roles"] == sorted(roles)
    assert admin.rest("GET", "/v1/roles/helper").status_code == 200
    assert admin.rest("GET", "/v1/bindings/subjects/bob").json()["roles"] == ["helper"]


def test_an_admin_of_another_tenant_finds_nothing_and_changes_nothing(attacked, admin):
    other = attacked.attacker("boss", ("admin",), tenant="other")
    assert other.rest("GET", "/v1/roles/helper").status_code == 404
    assert other.rest("DELETE", "/v1/roles/helper").status_code == 404
    assert "helper" not in other.rest("GET", "/v1/roles").text
    assert "bob" not in other.rest("GET", "/v1/bindings").text
    assert other.rest("GET", "/v1/audit?of=nobody").status_code == 403
    trail = other.rest("GET", "/v1/audit?limit=1000")
    assert trail.status_code in (200, 404)
    assert "acme" not in trail.text
    assert other.rest("GET", "/v1/subjects/users.bob/erasure").status_code == 404
    bob = attacked.victim("bob")
    kept = bob.make(f"users.bob/kept-{uuid.uuid4().hex[:6]}")
    erased = other.rest("DELETE", "/v1/subjects/users.bob")  # their own bob
    assert erased.status_code == 200
    assert bob.rest("GET", f"/v1/contexts/{kept}").status_code == 200
    stolen = {"receipt": erased.json()["receipt"]}
    assert admin.rest("GET", "/v1/subjects/users.bob/erasure", params=stolen).status_code == 400


def test_whom_one_may_not_see_looks_like_nobody_when_erased(attacked, admin):
    attacked.victim("carl").make("users.carl/x")
    eve = attacked.attacker()
    seen = []
    for name in ("users.carl", "users.nobody-at-all"):
        for method, tail in (("DELETE", ""), ("GET", "/erasure")):
            answer = eve.rest(method, f"/v1/subjects/{name}{tail}")
            seen.append(json.dumps(without_trace(answer)).replace(name, "NAME"))
    assert seen[:2] == seen[2:]


@pytest.mark.parametrize("subject", ["a.b", "*", "..", "a.*", "ada.", "{sub}", "users.ada", "\u0430da", "ADA", "ada%", "a/b"])  # fmt: skip
def test_no_subject_is_called_so_that_a_pattern_reaches_further(attacked, admin, subject):
    """`teams.{sub}.*` and `users.{sub}.*` are one place for each, whatever somebody is called."""
    admin.make("teams.ada/secret")
    admin.make("teams.b/secret")
    named = attacked.attacker(subject, ("member", "helper"))
    for where in ("teams.ada/secret", "teams.b/secret", "users.ada/x", "users.b/x", "teams/x"):
        assert named.rest("GET", f"/v1/contexts/{where}").status_code == 404
    assert not named.rest("GET", "/v1/contexts").json()["items"]
    assert not [
        r for r in named.rest("GET", "/v1/whoami").json()["rights"] if r["namespace"] == "*"
    ]


@pytest.mark.parametrize(
    "role",
    [
        {"allow": [{"verbs": ["operator"], "namespaces": ["*"]}]},
        {"allow": [{"verbs": ["*"], "namespaces": ["*"]}]},
        {"allow": [{"verbs": ["read"], "namespaces": ["users.{nobody}.*"]}]},
        {"allow": [{"verbs": ["read"], "namespaces": ["{sub}"] * 5000}]},
        {"allow": [{"verbs": ["read"], "namespaces": ["users.{{sub}}.*"]}]},
        {"allow": [{"verbs": ["read"], "namespaces": ["../x"]}]},
        {"allow": [{"verbs": ["read"], "namespaces": ["users.{sub}", ""]}]},
        {"operator": True},
        {"allow": "everything"},
    ],
)
def test_a_role_grants_nothing_that_it_does_not_say(attacked, admin, role):
    answer = admin.rest("PUT", f"/v1/roles/r{uuid.uuid4().hex[:6]}", json=role)
    assert answer.status_code in (400, 413, 422), answer.text


@pytest.mark.parametrize("name", ["admin", "editor", "reader", "member"])
def test_the_roles_from_the_start_stay_what_they_are(attacked, admin, name):
    assert admin.rest("PUT", f"/v1/roles/{name}", json=ROLE).status_code in (400, 403, 409, 422)
    assert admin.rest("DELETE", f"/v1/roles/{name}").status_code in (400, 403, 404, 409, 422)


def test_the_trail_cannot_be_written_by_those_whom_it_watches(attacked, admin):
    for where in ("_system.audit", "_audit.x", "_system.roles", "_system.bindings"):
        for method, body in (("PUT", {"kind": "document"}), ("PATCH", {}), ("DELETE", None)):
            headers = MERGE if method == "PATCH" else {}
            answer = attacked.attacker("eve", ("editor",)).rest(
                method, f"/v1/contexts/{where}/x", content=json.dumps(body) if body is not None else None, headers={"content-type": "application/json"} | headers
            )  # fmt: skip
            assert answer.status_code in (403, 404)
    for method in ("PUT", "POST", "DELETE", "PATCH"):
        assert admin.rest(method, "/v1/audit", json={}).status_code == 405
