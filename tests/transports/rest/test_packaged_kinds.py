"""Kinds that extensions bring are obeyed by every write, and give way to a registration."""

from contextlib import asynccontextmanager

import pytest

from backstory.wiring import open_app
from installing import PACKAGE, VERSION
from installing import installed as installed  # noqa: PLC0414 (a fixture)
from transports.conftest import client_of

OUTCOME = {"type": "object", "properties": {"outcome": {"enum": ["solved", "open"]}}}
NEEDED = {**OUTCOME, "required": ["outcome"]}
CALL = {"schema": NEEDED, "entry_schema": {"properties": {"role": {"enum": ["user", "agent"]}}}}
NEWER = {"schema": {"type": "object", "required": ["result"]}, "version": 7}
KIND = "/v1/kinds/call"
PATH = "/v1/contexts/desk/first"


@pytest.fixture
def serve(installed, settings):
    """A server with the kind `call` as its package describes it, over the same store each time."""

    @asynccontextmanager
    async def opened(spec):
        (installed.folder / "calls.py").write_text(f"def make():\n    return {spec!r}\n")
        installed.forget()
        async with open_app(settings) as running, client_of(running.app) as http:
            yield http

    installed({"backstory.kinds": {"call": "calls:make"}})
    return opened


async def open_call(http, **state):
    answer = await http.put(PATH, json={"kind": "call", "state": state or {"outcome": "open"}})
    return answer.status_code, answer.json()


async def found(http):
    read = (await http.get(PATH)).json()
    return read["schema_version"], read["state"]


async def test_a_packaged_kind_is_shown_with_its_package(serve):
    async with serve(CALL) as http:
        shown = await http.get(KIND)
        assert shown.json() == {
            "kind": "call",
            "built_in": False,
            "extension": {"package": PACKAGE, "version": VERSION},
            "version": 0,
            "schema_version": 1,
            "compatibility": "backward",
            "migrations": {},
            **CALL,
        }
        assert "etag" not in shown.headers
        listed = (await http.get("/v1/kinds")).json()["items"]
        assert [item["kind"] for item in listed] == sorted(item["kind"] for item in listed)
        (item,) = (item for item in listed if item["kind"] == "call")
        assert (item["extension"]["package"], item["schema_version"]) == (PACKAGE, 1)
        pages = await http.get("/v1/kinds", params={"limit": 1})
        assert [each["kind"] for each in pages.json()["items"]] == ["call"]


async def test_every_tenant_knows_it_and_its_writes_are_held_against_it(serve):
    async with serve(CALL) as http:
        status, refused = await open_call(http, outcome="odd")
        assert (status, refused["code"]) == (422, "schema_violation")
        assert refused["errors"][0]["rule"] == "/properties/outcome/enum"
        assert (await open_call(http))[0] == 201
        assert await found(http) == (1, {"outcome": "open"})
        merge = {"content-type": "application/merge-patch+json"}
        patched = await http.patch(PATH, content='{"outcome": "odd"}', headers=merge)
        assert patched.status_code == 422
        entry = {"role": "robot", "content": "hi"}
        said = await http.post(f"{PATH}/entries", json={"entries": [entry]})
        assert said.json()["errors"][0]["pointer"] == "/entries/0/role"
        listed = await http.get("/v1/contexts", params={"kind": "call"})
        assert [item["name"] for item in listed.json()["items"]] == ["first"]
        searched = await http.post("/v1/search", json={"query": "open", "kind": "call"})
        assert searched.status_code == 200


async def test_a_registration_is_judged_by_what_the_package_promised_and_overrides_it(serve):
    async with serve(CALL) as http:
        await open_call(http)
        stricter = {"schema": {**NEEDED, "required": ["outcome", "agent"]}}
        refused = await http.put(KIND, json=stricter)
        assert (refused.status_code, refused.json()["code"]) == (409, "schema_incompatible")
        wider = {"schema": OUTCOME, "entry_schema": CALL["entry_schema"]}
        made = await http.put(KIND, json=wider, headers={"if-none-match": "*"})
        assert made.status_code == 201
        read = (await http.get(KIND)).json()
        assert (read["extension"], read["version"], read["schema_version"]) == (None, 1, 2)
        assert (await http.put(PATH, json={"state": {}})).status_code == 200
        assert await found(http) == (2, {})
    async with serve(NEWER) as http:  # the package goes on, the tenant has decided
        assert (await http.get(KIND)).json()["schema"] == OUTCOME
        assert (await http.put(PATH, json={"state": {"outcome": "open"}})).status_code == 200


async def test_registering_what_the_package_says_keeps_its_version(serve):
    async with serve(CALL) as http:
        assert (await http.put(KIND, json=CALL)).status_code == 201
        read = (await http.get(KIND)).json()
        assert (read["extension"], read["version"], read["schema_version"]) == (None, 1, 1)


async def test_without_its_package_a_kind_is_unknown_and_what_is_kept_can_still_be_read(
    serve, installed, settings
):
    async with serve(CALL) as http:
        await open_call(http)
    for path in installed.folder.glob("*.dist-info/*"):
        path.unlink()
    async with open_app(settings) as running, client_of(running.app) as http:
        assert (await http.get(KIND)).status_code == 404
        assert await found(http) == (1, {"outcome": "open"})
        refused = await http.put(PATH, json={"state": {"outcome": "solved"}})
        assert (refused.status_code, refused.json()["code"]) == (422, "unknown_kind")
        assert (await http.delete(PATH)).status_code == 204
