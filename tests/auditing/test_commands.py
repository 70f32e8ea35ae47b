"""What is changed by command is in the audit trail, with who ran it."""

import asyncio
import json
import os
import pwd

import pytest
from click.testing import CliRunner

from backstory.cli import main
from backstory.domain.audit import event_of
from backstory.storage.sqlite import open_store
from backstory.testing import FakeClock
from backstory.testing.scene import Scene

ME = f"command line ({pwd.getpwuid(os.getuid()).pw_name})"
ROLE = {"allow": [{"verbs": ["read"], "namespaces": ["teams.*"]}]}
CONFIGURED = {
    "BACKSTORY_AUTH_SERVER": "on",
    "BACKSTORY_PUBLIC_URL": "https://contexts.example",
}


@pytest.fixture
def run(tmp_path):
    """Runs a command on the store of the test."""
    place = ["--store", f"sqlite:///{tmp_path / 's.db'}"]

    def command(*words, stdin=None, **env):
        done = CliRunner().invoke(
            main, [*words, *place], input=stdin, env=CONFIGURED | env, catch_exceptions=False
        )
        assert done.exit_code == 0, done.output
        return done.stdout

    return command


def acts(path, tenant):
    """The events that wait to be sealed."""
    return asyncio.run(_acts(path, tenant))


async def _acts(path, tenant):
    store = await open_store(path)
    found = [event_of(event) for _, event in await store.audit_acts(tenant, 100)]
    await store.aclose()
    return found


def names(event):
    """Kind and name of all that an event is about."""
    return {(kind, text) for _, kind, _, text in event["names"]}


def test_accounts_clients_and_tokens_that_are_changed_by_command_are_told(run, tmp_path):
    run("user", "add", "ada", "--password-file", "-", stdin="correct horse battery\n")
    run("user", "roles", "ada", "--role", "reader")
    run("user", "disable", "ada")
    run("user", "list")
    run("client", "add", "batch")
    run("client", "rotate", "batch")
    run("token", "create", "--subject", "ada")
    run("user", "remove", "ada")
    run("client", "remove", "batch")
    found = acts(tmp_path / "s.db", "default")
    assert [(event["do"], event["out"]) for event in found] == [
        (what, "ok")
        for what in (
            "user add", "user roles", "user disable", "client add", "client rotate",
            "token create", "user remove", "client remove",
        )
    ]  # fmt: skip
    assert all(("subject", ME) in names(event) for event in found)
    on = [text for event in found for kind, text in names(event) if kind == "namespace"]
    assert on == [
        "users.ada", "users.ada", "users.ada", "clients.batch", "clients.batch",
        "users.ada", "users.ada", "clients.batch",
    ]  # fmt: skip


def test_what_is_of_no_tenant_is_told_in_nobodys_trail(run, tmp_path):
    run("client", "add", "app", "--redirect-uri", "https://app.example/back")
    run("token", "keys", "--rotate")
    run("token", "keys")
    run("token", "revoke", "some-id")
    found = acts(tmp_path / "s.db", "")
    assert [event["do"] for event in found] == ["client add", "token keys", "token revoke"]
    assert found[-1]["token"]


def test_roles_bindings_and_quotas_are_written_by_who_runs_the_command(run, tmp_path):
    run("role", "put", "support", "-", stdin=json.dumps(ROLE))
    run("binding", "put", "groups", "staff", "support")
    run("quota", "set", "default", "--contexts", "10")
    run("binding", "delete", "groups", "staff")
    assert asyncio.run(authors(tmp_path / "s.db")) == [ME] * 4


async def authors(path):
    store = await open_store(path)
    changes = await Scene(store, FakeClock(), "default").changes()
    await store.aclose()
    return [change.by.subject for change in changes]


def test_nothing_is_told_where_the_trail_is_off(run, tmp_path):
    run("client", "add", "batch", BACKSTORY_AUDIT="off")
    assert acts(tmp_path / "s.db", "default") == []
