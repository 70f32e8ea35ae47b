"""Runs `backstory import` and `export`, and reads back what they did."""

import json
import os
from contextlib import asynccontextmanager
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner

from backstory import limits
from backstory.cli import main
from backstory.config import load
from backstory.contexts.listing import Filter
from backstory.domain.keys import ContextKey
from backstory.domain.principals import LOCAL_ADMIN
from backstory.ports.store import EntryQuery
from backstory.wiring import open_contexts

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("BACKSTORY_TEST_DATA") or ROOT.parent / "shared" / "data")


def data_file(name):
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"{path} is not there; BACKSTORY_TEST_DATA names the folder with {name}")
    return path


def lines(*values):
    return "".join(json.dumps(value) + "\n" for value in values)


class Shelf:
    """A store in a folder, and the commands that work on it."""

    def __init__(self, folder, name="store.db"):
        self.folder = folder
        self.flag = f"--store=sqlite:///{folder / name}"

    def run(self, *arguments, exit_code=0, stdin=None):
        answer = CliRunner().invoke(
            main, [*map(str, arguments), self.flag], input=stdin, catch_exceptions=False
        )
        assert answer.exit_code == exit_code, answer.output
        return answer

    def bring(self, source, *files, exit_code=0, **more):
        """The report of an import."""
        answer = self.run("import", source, *files, "--json", exit_code=exit_code, **more)
        return json.loads(answer.stdout)

    def file(self, name, *values):
        path = self.folder / name
        path.write_text(lines(*values), encoding="utf-8")
        return path

    @asynccontextmanager
    async def open(self):
        async with open_contexts(load({"store": self.flag.removeprefix("--store=")})) as contexts:
            yield contexts


async def names(contexts):
    page = await contexts.lister.heads(LOCAL_ADMIN, Filter(), None, limits.PAGE_MAX)
    assert page.next is None
    return [str(head.key) for head in page.items]


async def entries(contexts, context, at=None):
    """All visible entries."""
    key = ContextKey.parse(context)
    view = await contexts.reader.view(LOCAL_ADMIN, key, at)
    found, more = [], True
    while more:
        after = found[-1].seq if found else 0
        query = EntryQuery(after=after, limit=limits.PAGE_MAX)
        page = await contexts.store.page(LOCAL_ADMIN.tenant, view.chain, query)
        found += page.entries
        more = page.more
    return found


async def said(contexts, context, at=None):
    """(role, content) of all visible entries."""
    return [(e.role, orjson.loads(e.content)) for e in await entries(contexts, context, at)]


async def state(contexts, context, at=None):
    view = await contexts.reader.view(LOCAL_ADMIN, ContextKey.parse(context), at)
    return orjson.loads(view.snapshot.state)
