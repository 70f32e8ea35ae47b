"""`backstory quota` on a store."""

import asyncio
import json

import apsw
import pytest
from click.testing import CliRunner

from backstory.cli import main
from backstory.contexts.writing import Intent
from backstory.domain.commits import Put
from backstory.domain.keys import ContextKey
from backstory.domain.permissions import Verb
from backstory.domain.principals import LOCAL_ADMIN
from importing import Shelf


def run(*arguments, code=0):
    done = CliRunner().invoke(main, ["quota", *arguments], catch_exceptions=False)
    assert done.exit_code == code, done.output
    return done.stderr if code else done.stdout


@pytest.fixture
def store(tmp_path):
    async def fill():
        async with Shelf(tmp_path, "quota.db").open() as contexts:
            key = ContextKey("a", "one")
            put = Put(key, "session", b'{"text":"%s"}' % (b"x" * 50), (), None)
            await contexts.writer.write(LOCAL_ADMIN, [Intent(Verb.WRITE, key)], lambda: [put])

    asyncio.run(fill())
    return ["--store", f"sqlite:///{tmp_path / 'quota.db'}"]


def test_what_a_tenant_keeps_is_shown_and_bounded(store):
    assert run("list", *store) == f"{'default':<20} 1 contexts, 61 bytes\n"
    assert run("set", "default", "--contexts", "5", *store) == "1 of 5 contexts, 88 bytes\n"
    view = json.loads(run("get", "default", "--json", *store))
    assert view == {"contexts": 1, "bytes": view["bytes"], "quota": {"contexts": 5, "bytes": None}}
    assert "of 5" not in run("clear", "default", *store)
    assert "of 7" in run("get", "default", "--quota-contexts", "7", *store)
    assert "(not_found)" in run("clear", "default", *store, code=1)


def test_what_was_not_counted_is_counted_anew(store, tmp_path):
    connection = apsw.Connection(str(tmp_path / "quota.db"))
    connection.execute("UPDATE counters SET contexts = 0, bytes = 7")
    connection.close()
    assert run("get", "default", *store) == "0 contexts, 7 bytes\n"
    assert run("recount", "default", *store) == "1 contexts, 61 bytes\n"


def test_a_quota_that_is_none_is_refused(store):
    assert "(usage)" in run("set", "default", "--bytes", "-1", *store, code=2)
    assert "there is no store" in run("list", "--store", "sqlite:///nowhere.db", code=1)
