"""Media types and transforms of extensions at the door: what they give becomes what JSON would."""

import pytest

from backstory.config import load
from backstory.wiring import open_app
from installing import installed as installed  # noqa: PLC0414 (a fixture)
from transports.conftest import client_of

THINGS = """
import tomllib
from backstory.extending import *

def toml(body, parameters):
    return Value(tomllib.loads(decode(body, parameters)))

def sheet(body, parameters):
    rows = [tuple(line.split("~")) for line in decode(body, parameters).split("/")]
    return Table(rows[0], tuple(rows[1:]), ";")

def tagged(body, parameters):
    if body == b"bug":
        raise KeyError("secret")
    return Text(decode(body, parameters).replace("*", ""), "Tagged")

make_toml = lambda: Parser("toml", ("application/toml",), Value, 1000, toml)
make_sheet = lambda: Parser("sheet", ("application/x-sheet",), Table, 1000, sheet)
make_tagged = lambda: Parser("tagged", ("text/x-tagged",), Text, 1000, tagged)

class Fragile:
    name = "fragile"

    def suspects(self, raw):
        return b"break" in raw

    def apply(self, texts, counts):
        raise OSError("no such disk")

make_fragile = lambda options: Fragile()
"""
POINTS = {
    "backstory.parsers": {name: f"things:make_{name}" for name in ("toml", "sheet", "tagged")},
    "backstory.transforms": {"fragile": "things:make_fragile"},
}
CHAT = "/v1/contexts/users.42/chat"


@pytest.fixture
async def http(installed, tmp_path):
    installed(POINTS, things=THINGS)
    rules = '{"rules": [{"transforms": ["fragile"]}]}'
    flags = {"store": f"sqlite:///{tmp_path}/test.db", "processing": rules}
    async with open_app(load(flags, environ={})) as running, client_of(running.app) as client:
        await client.put(CHAT, json={"kind": "conversation"})
        yield client


@pytest.fixture
def send(http):
    async def post(body, media, **query):
        headers = {"content-type": media}
        return await http.post(f"{CHAT}/entries", content=body, headers=headers, params=query)

    return post


async def stored(http):
    items = (await http.get(f"{CHAT}/entries")).json()["items"]
    return [(each["role"], each["content"], each["metadata"]) for each in items]


async def test_a_value_is_a_body_as_json_would_be(http, send):
    toml = {"content-type": "application/toml"}
    body = 'kind = "session"\n[state]\nstep = 2\n'
    made = await http.put("/v1/contexts/users.42/plan", content=body, headers=toml)
    assert made.status_code == 201, made.text
    assert (await http.get("/v1/contexts/users.42/plan")).json()["state"] == {"step": 2}
    said = await send('[[entries]]\nrole = "user"\ncontent = "hi"\n', "application/toml")
    assert said.status_code == 200, said.text
    assert await stored(http) == [("user", "hi", {})]
    wrong = await send('[[entries]]\nrole = "user"\ncontent = 7\n', "application/toml")
    assert wrong.json()["errors"][0]["pointer"] == "/entries/0/content"
    for body in ("entries = [", "entries = nan", "entries = 99999999999999999999"):
        assert (await send(body, "application/toml")).json()["code"] == "malformed"
    assert (await send("x" * 1001, "application/toml")).status_code == 413


async def test_a_put_tells_which_types_it_takes(http):
    odd = await http.put(CHAT, content="x", headers={"content-type": "text/x-tagged"})
    assert odd.status_code == 415
    assert odd.json()["accept"] == ["application/json", "application/yaml", "application/toml"]


async def test_a_table_becomes_one_entry_of_csv_and_a_text_one_with_its_title(http, send):
    assert (await send('a~b/1~x"y/2~z', "application/x-sheet", role="tool")).status_code == 200
    assert (await send("*so*", "text/x-tagged")).status_code == 200
    assert await stored(http) == [
        ("tool", 'a;b\n1;"x""y"\n2;z\n', {"media_type": "application/x-sheet", "delimiter": ";"}),
        ("user", "so", {"media_type": "text/x-tagged", "title": "Tagged"}),
    ]


async def test_a_mistake_of_an_extension_is_told_to_the_operator_only(http, send, caplog):
    answer = await send("bug", "text/x-tagged")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "extension tagged of backstory.parsers (things:make_tagged, acme-" in caplog.text
    assert await stored(http) == []


@pytest.mark.parametrize("method", ["put", "patch", "post"])
async def test_a_transform_that_fails_costs_one_write_and_no_other(http, send, method):
    merge = {"content-type": "application/merge-patch+json"}
    writes = {
        "put": lambda text: http.put(CHAT, json={"state": {"a": text}}),
        "patch": lambda text: http.patch(CHAT, content=f'{{"a": "{text}"}}', headers=merge),
        "post": lambda text: send(f'{{"role": "user", "content": "{text}"}}', "application/jsonl"),
    }
    failed = await writes[method]("break")
    assert (failed.status_code, failed.json()["code"]) == (500, "internal")
    assert (await writes[method]("fine")).status_code == 200
    assert (await http.get(CHAT)).json()["version"] == 2
