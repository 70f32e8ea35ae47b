"""What is exported can be imported, and says the same again."""

import asyncio
import json

import orjson
import pytest

from backstory import limits
from backstory.contexts.writing import Intent
from backstory.domain.commits import Append, Put, Redact, Restore
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.domain.principals import LOCAL_ADMIN
from importing import Shelf, entries, names, state

PLAN = ContextKey("users.42", "plan")
CHAT = ContextKey("team", "chat")
LATER = 32_503_680_000_000_000


def entry(text, **more):
    return NewEntry(
        more.pop("role", "user"), more.pop("type", "message"), orjson.dumps(text), **more
    )


@pytest.fixture
async def shelf(tmp_path):
    """A store with a bit of everything."""
    shelf = Shelf(tmp_path)
    many = tuple(entry(f"{n}") for n in range(limits.APPEND_ENTRIES))
    async with shelf.open() as contexts:

        async def write(*operations):
            intents = [Intent(Verb.WRITE, operation.key) for operation in operations]
            return await contexts.writer.write(LOCAL_ADMIN, intents, lambda: operations)

        await write(Put(PLAN, "session", b'{"step":1.50,"u":"\xc3\xa9"}', ("a", "b"), LATER))
        await write(Put(CHAT, "conversation", b"{}", {"team": "red"}, None))
        first = (
            entry("one"),
            entry("two", id="m2", metadata=b'{"k":[1]}'),
            entry("3", type="event"),
        )
        await write(Append(CHAT, first))
        await write(Redact(CHAT, 1))
        version = (await write(Append(CHAT, many))).results[0].version
        await write(Append(CHAT, many))
        await write(Restore(CHAT, version))
        await write(Append(CHAT, many))
    return shelf


async def exported(shelf, *arguments):
    return (await asyncio.to_thread(shelf.run, "export", *arguments)).stdout


async def test_an_export_and_an_import_say_the_same_again(shelf, tmp_path):
    text = await exported(shelf)
    file = tmp_path / "all.jsonl"
    file.write_text(text, encoding="utf-8")
    other = Shelf(tmp_path, "other.db")
    report = await asyncio.to_thread(other.bring, "jsonl", file)
    assert report["contexts"] == {"new": 2, "extended": 0, "known": 0}
    async with shelf.open() as here, other.open() as there:
        assert await names(there) == await names(here) == [str(CHAT), str(PLAN)]
        for key in (CHAT, PLAN):
            one = (await here.reader.snapshot(LOCAL_ADMIN, key)).head
            two = (await there.reader.snapshot(LOCAL_ADMIN, key)).head
            assert (one.kind, one.labels, one.expires_at) == (two.kind, two.labels, two.expires_at)
            assert await state(here, str(key)) == await state(there, str(key))
            assert list(map(told, await visible(here, key))) == list(
                map(told, await visible(there, key))
            )
    again = await asyncio.to_thread(other.bring, "jsonl", file)
    assert again["contexts"] == {"new": 0, "extended": 0, "known": 2}


async def test_importing_an_export_where_it_came_from_adds_nothing(shelf, tmp_path):
    file = tmp_path / "all.jsonl"
    file.write_text(await exported(shelf), encoding="utf-8")
    report = await asyncio.to_thread(shelf.bring, "jsonl", file)
    assert report["contexts"] == {"new": 0, "extended": 0, "known": 2}
    assert report["entries"]["new"] == 0


def told(entry):
    own = entry.id if not entry.id.startswith("~") else None
    assert (entry.tokens is not None) == (entry.type == "message")  # counted anew there
    return entry.role, entry.type, entry.content, entry.metadata, own, entry.tokens


async def visible(contexts, key):
    return [e for e in await entries(contexts, str(key)) if e.type != "redacted"]


async def test_a_long_context_takes_lines_that_keep_their_bound(shelf):
    lines = (await exported(shelf, "--context", str(CHAT))).splitlines()
    assert len(lines) == 3
    assert {json.loads(line)["context"] for line in lines} == {str(CHAT)}
    assert all(len(json.loads(line)["entries"]) <= limits.PAGE_MAX for line in lines)


async def test_an_export_may_be_of_a_namespace_or_one_context(shelf):
    def found(text):
        return {json.loads(line)["context"] for line in text.splitlines()}

    assert found(await exported(shelf, "--namespace", "users.*")) == {str(PLAN)}
    assert found(await exported(shelf, "--context", str(CHAT))) == {str(CHAT)}
    assert found(await exported(shelf, "--namespace", "nobody")) == set()


async def test_what_is_wrong_to_ask_for_is_told(shelf):
    async def fails(exit_code, *arguments):
        return (
            await asyncio.to_thread(shelf.run, "export", *arguments, exit_code=exit_code)
        ).stderr

    assert "there is no context" in await fails(1, "--context", "no/where")
    assert "exclude" in await fails(2, "--context", "a/b", "--namespace", "a")
    assert "not a namespace" in await fails(2, "--namespace", "A B")
    assert "not a context" in await fails(2, "--context", "nowhere")


async def test_a_file_is_written_whole_or_not_at_all(shelf, tmp_path):
    output = tmp_path / "out.jsonl"
    output.write_text("before")
    await asyncio.to_thread(shelf.run, "export", "-o", output, "--context", "no/where", exit_code=1)
    assert output.read_text() == "before"
    answer = await asyncio.to_thread(shelf.run, "export", "-o", output, "--json")
    assert json.loads(answer.stdout)["contexts"] == 2
    assert len(output.read_text().splitlines()) == 4
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out.jsonl"]
