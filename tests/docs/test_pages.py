"""Every command and snippet of the documentation does what its page says."""

import json
import re
import subprocess
import sys

import pytest

from pages import DOCS, ROOT, SHOWN_DATABASE, Reader, blocks, commands, is_like, pages

LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


@pytest.fixture
def server(tmp_path):
    """`backstory serve` on a free port, with its store where the commands of a page find it."""
    command = [sys.executable, "-m", "backstory", "serve", "--port", "0", "--json"]
    log = (tmp_path / "server.log").open("w")
    with (
        log,
        subprocess.Popen(
            command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=log, text=True
        ) as process,
    ):
        try:
            yield json.loads(process.stdout.readline())["mcp"].split("/")[2]
        finally:
            process.terminate()
            process.communicate(timeout=30)


@pytest.fixture
def database(postgres):
    """The address of a PostgreSQL server with an empty database `backstory`."""
    where = ("-h", "127.0.0.1", "-p", str(postgres.port), "-U", "backstory")
    postgres.run("createdb", *where, "backstory")
    yield f"127.0.0.1:{postgres.port}"
    postgres.run("dropdb", *where, "--force", "backstory")


def runnable():
    languages = {"console", "python", "json"}
    return [page for page in pages() if languages & {block.language for block in blocks(page)}]


@pytest.mark.slow
@pytest.mark.parametrize("page", runnable(), ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_shows_is_what_happens(page, server, tmp_path, request):
    more = {}
    if SHOWN_DATABASE in page.read_text(encoding="utf-8"):
        more["database"] = request.getfixturevalue("database")
    reader = Reader(tmp_path, server, **more)
    try:
        for block in blocks(page):
            try:
                reader.do(block)
            except AssertionError as error:
                raise AssertionError(f"{page.relative_to(ROOT)}:{block.line}\n{error}") from None
    finally:
        reader.close()


def test_every_page_is_linked_from_the_index_of_the_documentation():
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    folders = ("tutorials", "how-to", "reference", "explanation")
    missing = [
        path.name
        for folder in folders
        for path in (DOCS / folder).glob("*.md")
        if f"({folder}/{path.name})" not in index
    ]
    assert missing == []


def test_every_link_between_pages_leads_somewhere():
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages()
        for target in LINK.findall(page.read_text(encoding="utf-8"))
        if not target.startswith(("http:", "https:")) and not (page.parent / target).exists()
    ]
    assert broken == []


def test_a_command_may_take_several_lines_and_show_what_it_prints():
    text = "$ one \\\n  two\n1\n...\n$ three\n"
    assert commands(text) == [("one \\\n  two", "1\n..."), ("three", "")]


def test_dots_stand_for_anything_and_nothing_else_does():
    assert is_like('{"a":...}', '{"a": 1, "b": 2}\n')
    assert is_like("1\n...\n3", "1\n2\n3")
    assert not is_like('{"a":1}', '{"a":2}')
    assert not is_like("...3", "3 4")
