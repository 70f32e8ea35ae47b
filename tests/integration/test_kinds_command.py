"""`backstory kinds`, on a store and on a running server: both say the same."""

import json

import pytest
from click.testing import CliRunner

from backstory.cli import main
from backstory.contexts.writing import Intent
from backstory.domain.commits import Put
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.domain.principals import LOCAL_ADMIN
from importing import Shelf, state

OPEN = {"type": "object", "required": ["stage"], "properties": {"stage": {"type": "string"}}}
TIGHT = OPEN | {"required": ["stage", "owner"]}
MOVED = [{"op": "add", "path": "/owner", "value": {"$from": "/assignee"}}]
TICKETS = [ContextKey("team", name) for name in ("bulb", "door", "printer")]


@pytest.fixture(params=["store", "server"])
def kinds(request, tmp_path):
    """Runs the command on one or the other; what goes wrong is what it says on standard error."""
    if request.param == "server":
        where = ["--url", request.getfixturevalue("own").url]
    else:
        where = ["--store", f"sqlite:///{tmp_path / 'kinds.db'}"]

    def run(*arguments, code=0, stdin=None):
        done = CliRunner().invoke(
            main, ["kinds", *map(str, arguments), *where], input=stdin, catch_exceptions=False
        )
        assert done.exit_code == code, done.output
        return done.stderr if code else done.stdout

    return run


def file(folder, value, name="kind.json"):
    path = folder / name
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


def test_a_kind_is_registered_listed_and_read_back_in_the_form_it_came_in(kinds, tmp_path):
    body = {"schema": OPEN, "compatibility": "full"}
    said = kinds("put", "ticket", file(tmp_path, body))
    assert said == "ticket is registered: schema version 1, compatibility full\n"
    shown = kinds("get", "ticket")
    assert json.loads(shown) == body
    assert "schema version 1" in kinds("put", "ticket", "-", stdin=shown), "it is the same"
    view = json.loads(kinds("get", "ticket", "--json"))
    assert (view["kind"], view["schema_version"], view["built_in"]) == ("ticket", 1, False)
    items = {item["kind"]: item for item in json.loads(kinds("list", "--json"))["items"]}
    assert (items["ticket"]["schema_version"], items["session"]["version"]) == (1, 0)
    lines = {line.split()[0]: line for line in kinds("list").splitlines()}
    assert "schema version 1" in lines["ticket"]
    assert "any object  (built in)" in lines["session"]


def test_yaml_is_read_by_its_name_and_from_standard_input(kinds, tmp_path):
    text = "schema:\n  type: object\n  required: [stage]\n"
    kinds("put", "ticket", file(tmp_path, text, "ticket.yaml"), "--compatibility", "none")
    assert json.loads(kinds("get", "ticket"))["compatibility"] == "none"
    kinds("put", "deal", "-", stdin=text)
    assert json.loads(kinds("get", "deal"))["schema"]["required"] == ["stage"]


def test_a_change_that_breaks_the_promise_is_refused_and_each_break_is_named(kinds, tmp_path):
    kinds("put", "ticket", file(tmp_path, {"schema": OPEN}))
    tight = TIGHT | {"properties": {"stage": {"enum": ["open"]}}}
    said = kinds("put", "ticket", file(tmp_path, {"schema": tight}), code=1)
    assert said.startswith("error: /schema/")
    assert said.count("\n") == 1
    assert 'requires "owner"' in said
    assert "/schema/properties/stage" in said
    assert said.endswith("(schema_incompatible)\n")
    assert json.loads(kinds("get", "ticket"))["schema"] == OPEN


def test_a_breaking_change_is_taken_with_a_migration(kinds, tmp_path):
    kinds("put", "ticket", file(tmp_path, {"schema": OPEN}))
    said = kinds("put", "ticket", file(tmp_path, {"schema": TIGHT, "migration": MOVED}))
    assert "schema version 2" in said
    assert json.loads(kinds("get", "ticket", "--json"))["migrations"] == {"2": MOVED}


@pytest.mark.parametrize(
    ("text", "name", "reason"),
    [
        ('{"schema": ', "a.json", "a.json: not JSON"),
        ("a: [", "a.yaml", "a.yaml: "),
        ("", "a.json", "a.json: "),
        ("[1]", "a.json", "must be an object with a schema"),
        ('{"type": "object"}', "a.json", "/type: no such member"),
        ('{"schema": {"type": "objekt"}}', "a.json", "/schema"),
        ('{"schema": {}, "schema": {}}', "a.json", "schema"),
    ],
)
def test_a_file_that_is_no_kind_is_told_in_one_line(kinds, tmp_path, text, name, reason):
    said = kinds("put", "ticket", file(tmp_path, text, name), code=1)
    assert said.startswith("error: ")
    assert said.count("\n") == 1
    assert reason in said


def test_what_there_is_not_is_told(kinds, tmp_path):
    kinds("put", "other", file(tmp_path, {"schema": OPEN}))
    assert "unknown kind 'ticket'" in kinds("get", "ticket", code=1)
    assert "cannot name a kind" in kinds("get", "No Such", code=2)
    assert "nowhere.json" in kinds("put", "ticket", tmp_path / "nowhere.json", code=2)
    assert "wish" in kinds(
        "put", "ticket", file(tmp_path, {"schema": OPEN}), "--compatibility", "wish", code=2
    )


async def in_thread(function, *arguments, **more):
    import asyncio

    return await asyncio.to_thread(lambda: function(*arguments, **more))


async def test_states_are_migrated_at_once_and_those_that_cannot_follow_are_named(tmp_path):
    shelf = Shelf(tmp_path)
    await in_thread(shelf.run, "kinds", "put", "ticket", file(tmp_path, {"schema": OPEN}))
    async with shelf.open() as contexts:
        puts = [
            Put(key, "ticket", b'{"stage":"open","assignee":"ada"}', (), None)
            for key in TICKETS[1:]
        ]
        puts.append(Put(TICKETS[0], "ticket", b'{"stage":"open"}', (), None))
        intents = [Intent(Verb.WRITE, put.key) for put in puts]
        await contexts.writer.write(LOCAL_ADMIN, intents, lambda: puts)
    body = {"schema": TIGHT, "migration": [{**MOVED[0], "when": "/assignee"}]}
    await in_thread(shelf.run, "kinds", "put", "ticket", file(tmp_path, body))
    done = await in_thread(shelf.run, "kinds", "migrate", exit_code=1)
    assert done.stdout == "2 states migrated, 1 left as they are\n"
    assert done.stderr == "team/bulb cannot follow its kind; put its state anew\n"
    again = json.loads(
        (await in_thread(shelf.run, "kinds", "migrate", "--json", exit_code=1)).stdout
    )
    assert again == {"migrated": 0, "left": [{"tenant": "default", "context": "team/bulb"}]}
    async with shelf.open() as contexts:
        assert (await state(contexts, "team/door"))["owner"] == "ada"
        assert await state(contexts, "team/bulb") == {"stage": "open"}


def test_a_store_is_made_by_registering_and_by_nothing_else(tmp_path):
    shelf = Shelf(tmp_path, "none.db")
    for arguments in (("list",), ("get", "session"), ("migrate",)):
        said = shelf.run("kinds", *arguments, exit_code=1).stderr
        assert said.startswith(f"error: there is no store at {tmp_path / 'none.db'}; --store")
        assert not (tmp_path / "none.db").exists()


def test_a_store_and_a_server_exclude_each_other(tmp_path):
    shelf = Shelf(tmp_path)
    said = shelf.run("kinds", "list", "--url", "http://127.0.0.1:1", exit_code=2).stderr
    assert "--url and --store exclude each other" in said
    assert "--url" in shelf.run("kinds", "list", "--token-file", "x", exit_code=2).stderr
