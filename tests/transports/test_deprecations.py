"""What is deprecated goes on, and says so: in headers, documents, lists of tools, metrics, the log."""

import datetime as dt
import logging
from dataclasses import replace
from types import SimpleNamespace

import pytest

from backstory import limits
from backstory.domain.deprecations import Deprecation
from backstory.domain.principals import LOCAL_ADMIN
from backstory.errors import MissingError
from backstory.transports.edge.deprecating import Uses, headers
from backstory.transports.mcp import tools
from backstory.transports.mcp.tools.table import DEPRECATED
from backstory.transports.rest import app, contexts, endpoints, lane
from backstory.transports.rest.openapi import document
from backstory.transports.rest.params import Param
from backstory.transports.rest.table import Endpoint, Reply
from backstory.wiring import open_app
from mcp_serving import ERAS, client, opened, serving
from transports.conftest import client_of

GOING = Deprecation(
    dt.date(2026, 12, 1), "use `GET /v1/new`.", dt.date(2027, 6, 1), "https://docs.test/old"
)
ANNOUNCED = {
    "deprecation": "@1796083200",
    "link": '<https://docs.test/old>; rel="deprecation"',
    "sunset": "Tue, 01 Jun 2027 00:00:00 GMT",
}


async def get_old(call):
    """Answers as it always did."""
    if call.query["fail"]:
        raise MissingError("there is nothing")
    return call.json({"old": True})


OLD = Endpoint(
    method="GET",
    path="/v1/old",
    handler=get_old,
    tag="Service",
    summary="What was",
    replies={200: Reply("It is.")},
    query=(Param("fail", "To fail.", str),),
    deprecation=GOING,
)


@pytest.fixture
async def old(settings, monkeypatch):
    """A server with one endpoint more, which is deprecated."""
    monkeypatch.setattr(app, "endpoints", lambda accepted: (*endpoints.endpoints(accepted), OLD))
    async with open_app(settings) as running, client_of(running.app) as http:
        yield http


def announced(answer):
    return {name: answer.headers[name] for name in ANNOUNCED if name in answer.headers}


async def test_each_answer_announces_it_an_error_too(old):
    for path, status in (("/v1/old", 200), ("/v1/old?fail=x", 404)):
        answer = await old.get(path)
        assert answer.status_code == status
        assert announced(answer) == ANNOUNCED
    assert announced(await old.head("/v1/old")) == ANNOUNCED
    assert announced(await old.get("/v1/whoami")) == {}


async def test_its_use_is_counted_and_told_once_of_each_caller(old, caplog):
    with caplog.at_level(logging.WARNING, "backstory"):
        for _ in range(3):
            await old.get("/v1/old")
    told = [record.getMessage() for record in caplog.records if hasattr(record, "used")]
    assert told == [f"GET /v1/old is still used. {GOING.sentence}"]
    page = (await old.get("/metrics")).text
    assert 'backstory_deprecated_calls_total{method="GET",route="/v1/old"} 3.0' in page


async def test_the_document_says_so(old):
    operation = (await old.get("/openapi.json")).json()["paths"]["/v1/old"]["get"]
    assert (operation["deprecated"], operation["x-sunset"]) == (True, "2027-06-01")
    assert operation["description"].startswith(
        "Deprecated since 2026-12-01 and gone from 2027-06-01 on: use `GET /v1/new`."
    )
    others = document(endpoints.ENDPOINTS)["paths"].values()
    assert not any("deprecated" in each for methods in others for each in methods.values())


def test_what_is_not_to_go_yet_names_no_day():
    staying = replace(GOING, sunset=None)
    assert [name for name, _ in headers(staying)] == [b"deprecation", b"link"]
    assert staying.sentence == "Deprecated since 2026-12-01: use `GET /v1/new`."
    operation = document([replace(OLD, deprecation=staying)])["paths"]["/v1/old"]["get"]
    assert operation["deprecated"] is True
    assert "x-sunset" not in operation


def test_nothing_goes_before_that_is_announced():
    with pytest.raises(ValueError, match="RFC 9745"):
        Deprecation(dt.date(2027, 1, 2), "use another.", dt.date(2027, 1, 1))


def test_who_is_remembered_to_have_been_told_of_is_bounded(monkeypatch):
    monkeypatch.setattr(limits, "DEPRECATIONS_TOLD", 2)
    uses = Uses()
    for name in "abcd":
        uses.used(name, GOING, None)
    assert len(uses._told) == 2


@pytest.mark.parametrize("mode", ERAS)
async def test_a_tool_says_so_in_the_list_and_its_use_is_told(mode, tmp_path, monkeypatch, caplog):
    tool = replace(tools.TABLE["list_contexts"], deprecation=GOING)
    monkeypatch.setitem(tools.TABLE, "list_contexts", tool)
    monkeypatch.setattr(tools.table, "_USES", Uses())
    async with (
        opened(tmp_path / "store.db") as contexts,
        serving(contexts) as url,
        client(url, mode) as session,
    ):
        shown = {one.name: one for one in (await session.session.list_tools()).tools}
        with caplog.at_level(logging.WARNING, "backstory"):
            for _ in range(2):
                await session.session.call_tool("list_contexts", {})
    assert shown["list_contexts"].description.startswith(GOING.sentence)
    told = {"since": "2026-12-01", "instead": GOING.instead, "sunset": "2027-06-01"}
    assert shown["list_contexts"].meta[DEPRECATED] == told
    assert not shown["commit"].meta
    lines = [record.getMessage() for record in caplog.records if hasattr(record, "used")]
    assert lines == [f"the tool list_contexts is still used. {GOING.sentence}"]
    assert LOCAL_ADMIN.subject not in lines[0]


@pytest.mark.parametrize("deprecation", [None, GOING])
def test_what_goes_is_left_to_the_applications_which_say_so(monkeypatch, deprecation):
    row = replace(contexts.GET, deprecation=deprecation)
    monkeypatch.setattr(lane, "endpoints", lambda accepted: [row])
    asked = {"method": "GET", "path": "/v1/contexts/users.42/chat"}
    way = lane.Hot(SimpleNamespace(accepted=None), knows=True)(asked)
    assert (way is None) is (deprecation is not None)
