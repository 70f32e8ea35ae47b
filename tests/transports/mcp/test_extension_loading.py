"""What stops the start: an extension that takes what is taken, or cannot be served."""

import subprocess
import sys

import pytest

from backstory import limits
from backstory.domain.policy import Verb
from backstory.errors import ConfigError
from backstory.transports.mcp.catalogue import Catalogue
from backstory.transports.mcp.extending import Extension, Prompt, Resource, Template, Tool
from extension_path import installed
from mcp_serving import served
from serving import failing


async def handler(call):
    return "done"


def a_tool(name="do_it", **more):
    return Extension(tools=[Tool(name, "Does it", handler, **more)])


def a_prompt(name):
    return Extension(prompts=[Prompt(name, "Says it", handler)])


def a_resource(uri, **more):
    return Extension(resources=[Resource(uri, "it", "It", handler, **more)])


def a_template(uri, **more):
    return Extension(templates=[Template(uri, "it", "It", handler, **more)])


WRONG = [
    (a_tool("read_context"), "the tool read_context: the name is taken"),
    (a_tool("do it"), "the tool do it: a name has 1 to 128"),
    (a_tool(""), "a name has 1 to 128"),
    (a_tool(seconds=0), "seconds lie above 0"),
    (a_tool(seconds=None), "seconds lie above 0"),
    (a_tool(seconds="1"), "not supported between"),
    (a_tool(input_schema={"type": "array"}), "a JSON Schema of type object is needed"),
    (a_tool(input_schema=None), "a JSON Schema of type object is needed"),
    (a_tool(input_schema={"type": "object", "required": 1}), "cannot be compiled"),
    (a_tool(output_schema={"type": "string"}), "output_schema: a JSON Schema of type object"),
    (a_tool(namespace="Not One"), "namespace"),
    (a_tool(annotations={"at": object()}), "its definition is not JSON"),
    (
        a_tool(
            input_schema={
                "type": "object",
                "properties": {"a": {"type": "string", "x-mcp-header": "no good"}},
            }
        ),
        "the tool do_it: ",
    ),
    (Extension(tools=[Tool("do_it", "Does it", "nothing")]), "its handler is no function"),
    (Extension(tools=[*a_tool().tools, *a_tool().tools]), "the tool do_it: the name is taken"),
    (a_prompt("with_preferences"), "the prompt with_preferences: the name is taken"),
    (a_prompt("users.42/prompt"), "is that of a stored prompt"),
    (a_resource("context://users.42/chat"), "names contexts, and is taken"),
    (a_resource("no uri"), "a URI begins with a scheme"),
    (a_resource("shop://all", follows="shop.*.more"), "namespace"),
    (a_template("context://{namespace}/{name}"), "names contexts, and is taken"),
    (a_template("shop://{id"), "the template shop://{id"),
    (a_template("shop://{id}", namespace="shop.{name}"), "has no variable name"),
    (a_template("shop://{id}", complete={"name": handler}), "has no variable name"),
    (Extension(tools_follow="Not One"), "namespace"),
    (object(), "it made a object, and not an Extension"),
]


@pytest.mark.parametrize(("extension", "detail"), WRONG, ids=range(len(WRONG)))
async def test_what_cannot_be_served_stops_the_start(contexts, extension, detail):
    with pytest.raises(ConfigError, match=r"extension test of backstory\.mcp: ") as stopped:
        Catalogue(served(contexts, extension))
    assert detail in stopped.value.detail
    assert "\n" not in stopped.value.detail


async def test_two_extensions_may_not_share_a_name(contexts):
    both = served(contexts, a_tool())
    both.extensions["other"] = a_tool()
    with pytest.raises(ConfigError, match=r"extension other .*: the tool do_it: the name is taken"):
        Catalogue(both)


async def test_all_extensions_together_cannot_make_a_list_endless(contexts):
    many = [Tool(f"tool_{n}", "x" * 1000, handler) for n in range(20)]
    with pytest.raises(ConfigError, match="EXTENSION_LIST_BYTES"):
        Catalogue(served(contexts, Extension(tools=many)))
    few = many[: limits.EXTENSION_LIST_BYTES // 1100]
    assert set(Catalogue(served(contexts, Extension(tools=few))).tools) > {"tool_0"}


async def test_a_verb_may_be_named_by_its_word(contexts):
    """`Verb` is text, so both spell the same right."""
    assert Verb.WRITE == "write"
    assert "do_it" in Catalogue(served(contexts, a_tool(verb="write"))).tools


STARTS = {
    "a name that is ours, in one process": (
        (),
        "def make(): return Extension(tools=[Tool('commit', 'Commits', print)])",
        ": the tool commit: the name is taken",
    ),
    "a maker that fails, in a worker": (
        ("--workers", "2"),
        "def make(): raise RuntimeError('no key')",
        "RuntimeError: no key",
    ),
    "a module that is not there, on stdio": (
        ("--stdio",),
        "import not_there",
        "cannot be loaded: ModuleNotFoundError: No module named 'not_there'",
    ),
}


@pytest.mark.parametrize("name", STARTS)
def test_a_server_says_in_one_line_which_extension_it_cannot_serve(tmp_path, name):
    arguments, source, said = STARTS[name]
    start = "from backstory.extending import Extension, Tool\n"
    (tmp_path / "shop.py").write_text(start + source, encoding="utf-8")
    env = installed(tmp_path / "installed", "shop = shop:make", tmp_path)
    with failing(tmp_path, *arguments, env=env) as server:
        assert server.wait() != 0
        lines = [line for line in server.errors().splitlines() if "shop" in line]
        assert len(lines) == 1, server.errors()
        assert "extension shop of backstory.mcp" in lines[0]
        assert said in lines[0]
        assert "Traceback" not in server.errors()


def test_what_an_author_imports_does_not_load_the_protocol():
    """So that a command which serves nobody does not wait for it."""
    look = "import sys, backstory.extending; sys.exit('mcp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0
