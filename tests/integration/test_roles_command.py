"""`backstory role`, `backstory binding` and `backstory doctor --as`, on a store and on a server."""

import json

import pytest
from click.testing import CliRunner

from backstory.cli import main

SUPPORT = {
    "description": "Answers customers.",
    "allow": [{"verbs": ["read", "write"], "namespaces": ["teams.support.*"]}],
    "deny": [{"verbs": ["read"], "namespaces": ["teams.support.salaries.*"]}],
}


def run(*arguments, code=0, stdin=None):
    done = CliRunner().invoke(main, list(map(str, arguments)), input=stdin, catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stderr if code == 2 or (code and not done.stdout) else done.stdout


@pytest.fixture(params=["store", "server"])
def where(request, tmp_path):
    if request.param == "server":
        return ["--url", request.getfixturevalue("own").url]
    return ["--store", f"sqlite:///{tmp_path / 'roles.db'}"]


def test_a_role_is_made_bound_shown_and_taken_away(where):
    said = run("role", "put", "support", "-", *where, stdin=json.dumps(SUPPORT))
    assert said == "support stands at version 1, on every node within a second\n"
    assert json.loads(run("role", "get", "support", *where)) == SUPPORT
    lines = {line.split()[0]: line for line in run("role", "list", *where).splitlines()}
    assert lines["admin"].endswith("(built in)")
    assert lines["support"].endswith("Answers customers.")
    said = run("binding", "put", "groups", "the staff/day", "support", "reader", *where)
    assert said == "groups/the staff/day has support, reader, on every node within a second\n"
    assert run("binding", "get", "groups", "the staff/day", *where) == "support\nreader\n"
    (item,) = json.loads(run("binding", "list", "--json", *where))["items"]
    assert (item["family"], item["name"]) == ("groups", "the staff/day")
    assert "support, reader" in run("binding", "list", *where)
    run("binding", "delete", "groups", "the staff/day", *where)
    run("role", "delete", "support", *where)
    assert "(not_found)" in run("role", "get", "support", *where, code=1)


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["role", "put", "admin", "-"], 1, "(forbidden)"),
        (["role", "put", "Bad", "-"], 1, "(schema_violation)"),
        (["binding", "put", "groups", "staff", "nobody"], 1, "put it first"),
        (["binding", "put", "people", "staff", "reader"], 2, "groups"),
        (["binding", "delete", "groups", "nobody"], 1, "(not_found)"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(tmp_path, arguments, code, word):
    store = ["--store", f"sqlite:///{tmp_path / 'roles.db'}"]
    run("role", "put", "one", "-", *store, stdin=json.dumps(SUPPORT))
    said = run(*arguments, *store, code=code, stdin=json.dumps(SUPPORT))
    assert said.startswith("error: ")
    assert word in said
    assert said.count("\n") == 1


def test_roles_of_another_tenant_are_its_own(tmp_path):
    store = ["--store", f"sqlite:///{tmp_path / 'roles.db'}"]
    run("binding", "put", "subjects", "ada", "admin", *store, "--tenant", "acme")
    assert run("binding", "list", *store) == ""
    assert "admin" in run("binding", "list", *store, "--tenant", "acme")
    said = run("role", "list", "--url", "http://127.0.0.1:1", "--tenant", "acme", code=2)
    assert "the token says whose" in said


@pytest.fixture
def doctor(tmp_path):
    store = ["--store", f"sqlite:///{tmp_path / 'roles.db'}"]
    run("role", "put", "support", "-", *store, stdin=json.dumps(SUPPORT))
    run("binding", "put", "groups", "staff", "support", *store)
    return lambda *arguments, code=0: run("doctor", *arguments, *store, code=code)


def test_the_doctor_tells_which_role_binding_denial_or_scope_decides(doctor):
    ada = ["--as", "ada", "--group", "staff"]
    said = doctor(*ada, "--verb", "write", "--context", "teams.support/faq")
    assert said == (
        "ada may write in teams.support: granted by the role support bound to groups/staff "
        "(write on teams.support.*)\n"
    )
    said = doctor(*ada, "--verb", "read", "--namespace", "teams.support.salaries", code=1)
    assert "denied by the role support bound to groups/staff" in said
    said = doctor(*ada, "--scope", "context:read", "--verb", "write", "--namespace", "teams.support",
                  code=1)  # fmt: skip
    assert "context:write would" in said
    said = doctor("--as", "ada", "--verb", "read", "--namespace", "teams.support", code=1)
    assert said == "ada may not read in teams.support: no role grants it\n"
    view = json.loads(doctor(*ada, "--role", "member", "--verb", "read", "--context", "users.ada/x",
                             "--json"))  # fmt: skip
    assert (view["allowed"], view["granted"][0]["role"]) == (True, "member")


def test_without_a_verb_the_doctor_tells_all_that_is_granted_and_denied(doctor):
    said = doctor("--as", "ada", "--group", "staff", "--scope", "context:read")
    assert "may read in teams.support.*: support, bound to groups/staff" in said
    assert "may not write in teams.support.salaries.*: support, bound to groups/staff" in said
    assert said.endswith("the scope leaves: read in teams.support.*\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--role", "admin"],
        ["--as", "ada", "--verb", "read"],
        ["--as", "ada", "--verb", "read", "--namespace", "a", "--context", "a/b"],
        ["--as", "ada", "--verb", "fly", "--namespace", "a"],
    ],
)
def test_what_the_doctor_cannot_be_asked_is_said(doctor, arguments):
    assert "(usage)" in doctor(*arguments, code=2)


def test_roles_and_bindings_move_with_an_export(tmp_path):
    old, new = (["--store", f"sqlite:///{tmp_path / name}.db"] for name in ("old", "new"))
    run("role", "put", "support", "-", *old, stdin=json.dumps(SUPPORT))
    run("binding", "put", "groups", "the staff", "support", "reader", *old)
    run("export", "--output", tmp_path / "all.jsonl", *old)
    run("import", "jsonl", tmp_path / "all.jsonl", *new)
    assert json.loads(run("role", "get", "support", *new)) == SUPPORT
    assert run("binding", "get", "groups", "the staff", *new) == "support\nreader\n"
