"""What is changed by command is in the audit trail, with who ran it."""

import asyncio
import json
import os
import pwd

import click
import pytest
from click.testing import CliRunner

from backstory.cli import main
from backstory.config import load
from backstory.domain.audit import event_of
from backstory.storage.sqlite import SqliteOptions, open_store
from backstory.testing import FakeClock
from backstory.testing.scene import Scene
from backstory.wiring.stores import safe_in_file

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


def acts(path, tenant, env=None):
    """The events that wait to be sealed."""
    return asyncio.run(_acts(path, tenant, env or {}))


async def _acts(path, tenant, env):
    settings = load({"store": f"sqlite:///{path}"}, environ=env)
    safe = safe_in_file(settings, SqliteOptions(path))
    store = await open_store(path, safe=safe)
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


def test_keys_backups_of_them_and_counts_are_told(run, tmp_path):
    run("client", "add", "batch")  # makes the store
    run("quota", "recount", "default")
    run("keys", "make", str(tmp_path / "master"))
    secret = {"BACKSTORY_MASTER_KEY": f"file:{tmp_path / 'master'}"}
    run("keys", "encrypt", "--new-keys", **secret)
    run("keys", "rewrap", **secret)
    run("keys", "backup", str(tmp_path / "copy"), **secret)
    found = acts(tmp_path / "s.db", "default", secret) + acts(tmp_path / "s.db", "", secret)
    assert [event["do"] for event in found] == [
        "client add", "quota recount", "keys make", "keys encrypt", "keys rewrap", "keys backup",
    ]  # fmt: skip


def test_tokens_of_keys_in_a_file_are_told_where_there_is_a_store(run, tmp_path):
    signed = {
        "BACKSTORY_AUTH_SERVER": "off",
        "BACKSTORY_AUTH_ISSUER": "https://issuer.example",
        "BACKSTORY_AUTH_AUDIENCE": "https://contexts.example",
    }
    keys = ["--keys", str(tmp_path / "keys.json")]
    run("token", "create", "--client", "batch", *keys, **signed)
    assert not (tmp_path / "s.db").exists()
    run("client", "add", "batch")
    run("token", "create", "--client", "batch", *keys, **signed)
    run("token", "keys", "--rotate", *keys, **signed)
    assert [event["do"] for event in acts(tmp_path / "s.db", "default")] == [
        "client add", "token create",
    ]  # fmt: skip
    assert [event["do"] for event in acts(tmp_path / "s.db", "")] == ["token keys"]


def test_who_may_not_open_the_store_is_told_that_nothing_is_in_the_trail(tmp_path):
    path = tmp_path / "s.db"
    path.write_bytes(b"something else")
    done = CliRunner().invoke(
        main, ["keys", "make", str(tmp_path / "master"), "--store", f"sqlite:///{path}"]
    )
    assert done.exit_code == 0
    assert "the audit trail could not be told" in done.stderr


def commands(command, path=()):
    """The words of each command."""
    if not isinstance(command, click.Group):
        return [" ".join(path)]
    context = click.Context(command)
    names = command.list_commands(context)
    return [
        each
        for name in names
        for each in commands(command.get_command(context, name), (*path, name))
    ]


TOLD = {
    "user add", "user roles", "user passwd", "user disable", "user enable", "user remove",
    "client add", "client rotate", "client remove", "token create", "token keys", "token revoke",
    "quota recount", "keys make", "keys encrypt", "keys rewrap", "keys backup",
}  # fmt: skip
COMMITTED = {  # the change log says who did it, and the trail has that
    "role put", "role delete", "binding put", "binding delete", "quota set", "quota clear",
    "kinds put", "kinds migrate", "import", "content put", "content edit", "content sync",
    "summarise",
}  # fmt: skip
READS = {
    "health", "export", "render", "content get", "kinds get", "kinds list", "keys status", "backup",
    "role get", "role list", "binding get", "binding list", "quota get", "quota list", "scrub",
    "doctor", "rollout check", "audit export", "audit head", "audit verify", "analyze", "user list",
    "client list", "config",
}  # fmt: skip
NOT_IN_A_STORE = {
    "serve": "what is asked of it is told",
    "migrate": "works on stores that this release cannot open yet; the epoch tells of itself",
    "restore": "makes a store without its keys at hand; the epoch tells of itself",
    "certificate renew": "changes two files of a machine that may have no store",
}


def test_each_command_is_told_or_known_to_change_nothing_that_is():
    known = [*TOLD, *COMMITTED, *READS, *NOT_IN_A_STORE]
    assert sorted(commands(main)) == sorted(known)


def test_passwords_and_states_that_are_changed_are_told(run, tmp_path):
    run("user", "add", "ada", "--password-file", "-", stdin="correct horse battery\n")
    run("user", "passwd", "ada", "--password-file", "-", stdin="correct horse staple\n")
    run("user", "enable", "ada")
    found = [event["do"] for event in acts(tmp_path / "s.db", "default")]
    assert found == ["user add", "user passwd", "user enable"]


def test_nothing_is_told_where_the_trail_is_off(run, tmp_path):
    run("client", "add", "batch", BACKSTORY_AUDIT="off")
    assert acts(tmp_path / "s.db", "default") == []
