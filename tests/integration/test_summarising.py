"""Summaries from end to end: the command, rules of a running server, export and import."""

import asyncio
import json
import subprocess
import sys

import orjson
import pytest

from backstory.contexts.writing import Intent
from backstory.domain.commits import Append, Put, Redact
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.domain.principals import LOCAL_ADMIN
from importing import Shelf, entries
from serving import SECONDS, serving, until

CHAT = ContextKey("users.42", "chat")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    rules = {"rules": [{"kind": "session", "entries": 5, "keep": 2, "length": 64}]}
    env = {"BACKSTORY_SUMMARISER": json.dumps(rules)}
    with serving(tmp_path_factory.mktemp("summaries"), "--workers", "2", env=env) as server:
        yield server


@pytest.fixture
def run(server):
    def run(*arguments, code=0):
        command = [sys.executable, "-m", "backstory", "summarise", *map(str, arguments)]
        command += ["--url", server.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        assert done.returncode == code, done.stderr
        return done.stderr if code else done.stdout

    return run


def talk(http, path, count, kind="conversation"):
    """Creates a context, if need be, and has so many entries said in it."""
    http.put(f"/v1/contexts/{path}", json={"kind": kind}, headers={"if-none-match": "*"})
    said = [{"role": "user", "content": f"Number {n} is {n * 7919}."} for n in range(count)]
    answer = http.post(f"/v1/contexts/{path}/entries", json={"entries": said})
    assert answer.status_code == 200, answer.text


def found(http, path):
    """What the summaries of a context cover."""
    items = http.get(f"/v1/contexts/{path}/entries?limit=1000").json()["items"]
    return [each["metadata"]["covers"] for each in items if each["type"] == "summary"]


def test_the_command_covers_what_is_not_covered(server, run):
    with server.client() as http:
        talk(http, "users.1/chat", 30)
        assert run("users.1/chat", "--tokens", 64) == (
            "users.1/chat: entry 31 covers 1 to 10, by extractive\n"
        )
        assert run("users.1/chat", "--through", 20).endswith("covers 1 to 20, by extractive\n")
        report = json.loads(run("users.1/chat", "--keep", 5, "--json"))
        assert [each["covers"] for each in report["summaries"]] == [[1, 25]]
        assert run("users.1/chat") == "users.1/chat is at version 5: nothing to cover\n"
        assert found(http, "users.1/chat") == [[1, 10], [1, 20], [1, 25]]


def test_the_command_says_what_is_wrong(server, run):
    assert "not_found" in run("users.1/nowhere", code=1)
    assert "schema_violation" in run("users.1/nowhere", "--keep", -1, code=1)
    assert "namespace/name" in run("nowhere", code=2)


def test_a_rule_of_the_server_summarises_what_grows(server):
    with server.client() as http:
        talk(http, "users.2/plan", 6, "session")
        talk(http, "users.2/chat", 60)
        assert found(http, "users.2/plan") == []
        talk(http, "users.2/plan", 1)
        until(lambda: found(http, "users.2/plan"), "a summary")
        assert found(http, "users.2/plan") == [[1, 5]]
        talk(http, "users.2/plan", 5)
        until(lambda: len(found(http, "users.2/plan")) == 2, "the next summary")
        assert found(http, "users.2/plan")[1] == [1, 11]
        assert found(http, "users.2/chat") == []
        assert http.get("/v1/contexts/users.2/plan").json()["author"] == "system"


def said(text, **about):
    metadata = orjson.dumps(about) if about else None
    return NewEntry("user", "summary" if about else "message", orjson.dumps(text), metadata)


async def summarised(shelf):
    """Six entries of which the first is redacted, and summaries of the others and of nothing."""
    later = [said("of b", covers=[2, 2], by="x"), said("rest", covers=[4, 6])]
    later += [said("of that", covers=[7, 7]), said("nothing", covers=[1, 1])]
    operations = [
        Put(CHAT, "conversation", b"{}", (), None),
        Append(CHAT, tuple(said(text) for text in "abcdef")),
        Redact(CHAT, 1),
        Append(CHAT, tuple(later)),
    ]
    async with shelf.open() as contexts:
        for operation in operations:
            intents = [Intent(Verb.WRITE, CHAT)]
            await contexts.writer.write(LOCAL_ADMIN, intents, lambda each=operation: [each])


async def kept(shelf):
    async with shelf.open() as contexts:
        return await entries(contexts, str(CHAT))


def test_an_export_counts_anew_what_summaries_cover(tmp_path):
    one, other = Shelf(tmp_path, "one.db"), Shelf(tmp_path, "other.db")
    asyncio.run(summarised(one))
    file = tmp_path / "export.jsonl"
    one.run("export", "--output", file)
    other.run("import", "jsonl", file)
    other.run("import", "jsonl", file)
    brought = asyncio.run(kept(other))
    texts = [orjson.loads(each.content) for each in brought]
    assert texts == ["b", "c", "d", "e", "f", "of b", "rest", "of that", "nothing"]
    assert [orjson.loads(each.metadata or b"{}") for each in brought[5:]] == [
        {"covers": [1, 1], "by": "x"},
        {"covers": [3, 5]},
        {"covers": [6, 6]},
        {},
    ]
