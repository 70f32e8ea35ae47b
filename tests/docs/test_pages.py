"""Every command and snippet of the documentation does what its page says."""

import json
import os
import re
import subprocess
import sys

import pytest

import postgres_server
import stand_in
from installing import install_from
from pages import (
    DOCS,
    ROOT,
    SHOWN_ADDRESS,
    SHOWN_DATABASE,
    SHOWN_MEMCACHED,
    SHOWN_PORTS,
    SHOWN_REDIS,
    Reader,
    beside,
    blocks,
    commands,
    is_like,
    pages,
    read,
)
from postgres_server import free_port
from server_process import MISSING, program

ELSEWHERE = (  # who runs the commands of a page: tests/observability, tests/rehearsals
    "<!-- beside make observe -->",
    "<!-- rehearsed: ",
    "<!-- each symptom in a scene of its own -->",
    "<!-- rehearsed: ",
)
LINK = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


@pytest.fixture
def environment(request, tmp_path):
    """What the server and the commands of a page find besides: a package that it installs."""
    package = beside(request.node.callspec.params["page"])
    if package is None:
        return {}
    target = install_from(package, tmp_path / "packages")
    return {"PYTHONPATH": str(target)}


TOKENS = {
    "BACKSTORY_AUTH_ISSUER": "https://tokens.example.com",
    "BACKSTORY_AUTH_AUDIENCE": "https://context.example.com",
    "BACKSTORY_AUTH_JWKS": "file:.backstory/token-jwks.json",
    "BACKSTORY_ALLOWED_HOSTS": "127.0.0.1",
}


SIGN_IN = {
    "BACKSTORY_AUTH_SERVER": "on",
    "BACKSTORY_PUBLIC_URL": "https://context.example.com",
    "BACKSTORY_ALLOWED_HOSTS": "127.0.0.1",
}


@pytest.fixture
def callers(request, tmp_path):
    """What the server of a page is told of tokens, where it asks for them; the keys are there."""
    text = request.node.callspec.params["page"].read_text(encoding="utf-8")
    if "<!-- people sign in at the server -->" in text:
        return SIGN_IN
    if "<!-- the server asks for tokens -->" not in text:
        return {}
    keys = [sys.executable, "-m", "backstory", "token", "keys"]
    subprocess.run(keys, cwd=tmp_path, check=True, capture_output=True)
    return TOKENS


@pytest.fixture
def server(tmp_path, environment, callers):
    """`backstory serve` on a free port, with its store where the commands of a page find it."""
    command = [sys.executable, "-m", "backstory", "serve", "--port", "0", "--json"]
    log = (tmp_path / ".server.log").open("w")  # a page may write a file of the plain name
    with (
        log,
        subprocess.Popen(
            command,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=os.environ | environment | callers,
        ) as process,
    ):
        try:
            yield json.loads(process.stdout.readline())["mcp"].split("/")[2]
        finally:
            process.terminate()
            process.communicate(timeout=30)


@pytest.fixture(scope="module")
def providers():
    """Variables by which the official clients of providers find a stand-in."""
    with stand_in.listening() as address:
        keys = dict.fromkeys(("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GEMINI_API_KEY"), "none")
        yield keys | {
            "OPENAI_BASE_URL": f"http://{address}/v1",
            "ANTHROPIC_BASE_URL": f"http://{address}",
            "GOOGLE_GEMINI_BASE_URL": f"http://{address}",
        }


@pytest.fixture
def variables(environment, providers):
    """What commands on a page find in their environment."""
    return environment | providers


@pytest.fixture
def database(postgres):
    """The address of a PostgreSQL server with an empty database `backstory`."""
    with postgres_server.database(postgres, "backstory") as address:
        yield address


@pytest.fixture
def redis(redis_server):
    return f"127.0.0.1:{redis_server.port}"


@pytest.fixture
def memcached(memcached_server):
    return f"127.0.0.1:{memcached_server.port}"


LONG = {"audit", "caching", "cloud", "encryption", "hybrid", "roles", "sign-in", "two-nodes"}
"""How-tos that take longer than most, and are run with what watches and heals."""


def runnable():
    """Those that a server suffices for; others have tests of their own."""
    languages = {"console", "python", "json"}
    found = [page for page in pages() if languages & {block.language for block in blocks(page)}]
    return [
        pytest.param(page, marks=pytest.mark.operations if page.stem in LONG else ())
        for page in found
        if page.parent.name != "runbooks" and not any(map(page.read_text("utf-8").count, ELSEWHERE))
    ]


@pytest.mark.slow
@pytest.mark.parametrize("page", runnable(), ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_shows_is_what_happens(page, server, variables, tmp_path, request):
    text = page.read_text(encoding="utf-8")
    servers = {SHOWN_DATABASE: "database", SHOWN_REDIS: "redis", SHOWN_MEMCACHED: "memcached"}
    there = {one: request.getfixturevalue(name) for one, name in servers.items() if one in text}
    there |= {port: str(free_port()) for port in SHOWN_PORTS if port in text}
    if "haproxy -" in text and program("haproxy") is None:
        pytest.skip(MISSING["haproxy"])
    if "promtool " in text and program("promtool") is None:
        pytest.skip(MISSING["prometheus"])
    read(page, Reader(tmp_path, {SHOWN_ADDRESS: server} | there, variables))


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


def test_what_a_page_shows_of_a_package_is_in_the_package():
    shown = [
        (page, block)
        for page in pages()
        if beside(page) is not None
        for block in blocks(page)
        if block.language in {"py", "toml"}
    ]
    assert {block.language for _, block in shown} == {"py", "toml"}
    for page, block in shown:
        files = [path for path in beside(page).rglob("*") if path.suffix in {".py", ".toml"}]
        assert any(block.text in path.read_text(encoding="utf-8") for path in files), block.text


def test_a_command_may_take_several_lines_and_show_what_it_prints():
    text = "$ one \\\n  two\n1\n...\n$ three\n"
    assert commands(text) == [("one \\\n  two", "1\n..."), ("three", "")]


def test_dots_stand_for_anything_and_nothing_else_does():
    assert is_like('{"a":...}', '{"a": 1, "b": 2}\n')
    assert is_like("1\n...\n3", "1\n2\n3")
    assert not is_like('{"a":1}', '{"a":2}')
    assert not is_like("...3", "3 4")
