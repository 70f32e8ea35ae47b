"""What breaks those who used the last release is found before it is released."""

import datetime as dt
import json
from copy import deepcopy

import pytest

from promised import __main__ as command
from promised import kept
from promised.rest import Documents
from promised.today import contracts

RELEASE = kept.releases()[-1]
CONTEXT = "/v1/contexts/{namespace}/{name}"
PATHS = (
    CONTEXT,
    f"{CONTEXT}/versions",
    "/v1/admin/log-level",
    "/v1/commits",
    "/v1/contexts",
    "/v1/render",
    "/v1/search",
)


@pytest.fixture(scope="module")
def promised():
    """The contracts of the last release, with those operations that the tests change."""
    found = kept.read(RELEASE)
    found["openapi"]["paths"] = {path: found["openapi"]["paths"][path] for path in PATHS}
    return json.dumps(found)


@pytest.fixture
def changed(promised):
    """The same, to be changed as a careless release would."""
    return json.loads(promised)


@pytest.fixture
def found_in(promised):
    """The breaks in contracts, as they are told."""
    return lambda changed: kept.judged(kept.breaks(json.loads(promised), changed, RELEASE), {})


def operation(changed, method="put", path=CONTEXT):
    return changed["openapi"]["paths"][path][method]


def shape(changed, name):
    return changed["openapi"]["components"]["schemas"][name]


def tool(changed, name):
    return next(each for each in changed["mcp"]["tools"] if each["name"] == name)


def cuts_off_a_path(changed):
    del changed["openapi"]["paths"]["/v1/search"]
    return "POST /v1/search: it is gone"


def cuts_off_a_method(changed):
    del changed["openapi"]["paths"][CONTEXT]["delete"]
    return f"DELETE {CONTEXT}: it is gone"


def renames_an_operation(changed):
    operation(changed)["operationId"] = "replace_context"
    return f"PUT {CONTEXT} operationId: put_context is replace_context now"


def cuts_off_a_parameter(changed):
    listed = operation(changed, "get", "/v1/contexts")["parameters"]
    listed[:] = [each for each in listed if each["name"] != "label"]
    return "GET /v1/contexts query parameter label: it is gone"


def requires_a_parameter(changed):
    listed = operation(changed, "get", "/v1/contexts")["parameters"]
    next(each for each in listed if each["name"] == "namespace")["required"] = True
    return "GET /v1/contexts query parameter namespace: it is required now"


def adds_a_parameter_that_is_required(changed):
    new = {"name": "region", "in": "query", "required": True, "schema": {"type": "string"}}
    operation(changed, "get", "/v1/contexts")["parameters"].append(new)
    return "GET /v1/contexts query parameter region: it is required now"


def narrows_a_parameter(changed):
    listed = operation(changed, "get", "/v1/contexts")["parameters"]
    next(each for each in listed if each["name"] == "limit")["schema"]["maximum"] = 10
    return "GET /v1/contexts query parameter limit /maximum: this code has maximum 10"


def takes_a_media_type_away(changed):
    del operation(changed, "patch")["requestBody"]["content"]["application/json-patch+json"]
    return f"PATCH {CONTEXT} body application/json-patch+json: it is not taken any more"


def requires_a_member(changed):
    shape(changed, "PutContext")["required"].append("labels")
    return 'PutContext/required: this code requires "labels"'


def narrows_a_member(changed):
    shape(changed, "RenderRequest")["properties"]["budget"]["maximum"] = 100
    return "RenderRequest/properties/budget"


def takes_a_value_away(changed):
    shape(changed, "PutLogLevel")["properties"]["level"]["enum"].remove("debug")
    return 'PutLogLevel/properties/level/enum: this code does not allow ["debug"]'


def cuts_off_a_status(changed):
    del operation(changed)["responses"]["201"]
    return f"PUT {CONTEXT} answer 201: it is gone"


def cuts_off_a_header(changed):
    del operation(changed)["responses"]["200"]["headers"]["ETag"]
    return f"PUT {CONTEXT} answer 200 header ETag: it is gone"


def answers_another_media_type(changed):
    content = operation(changed)["responses"]["200"]["content"]
    content["application/cbor"] = content.pop("application/json")
    return f"PUT {CONTEXT} answer 200 application/json: it is not answered any more"


def leaves_a_member_away(changed):
    shape(changed, "Problem")["required"].remove("code")
    return f'Problem/required: who knows {RELEASE} requires "code"'


def answers_another_type(changed):
    shape(changed, "Head")["properties"]["version"] = {"type": "string"}
    return f"Head/properties/version/type: who knows {RELEASE} does not allow string"


def answers_a_value_that_nobody_knows(changed):
    shape(changed, "Change")["properties"]["op"]["enum"].append("moved")
    return f'Change/properties/op/enum: who knows {RELEASE} does not allow ["moved"]'


def takes_another_token(changed):
    changed["openapi"]["components"]["securitySchemes"]["token"]["scheme"] = "basic"
    return "securitySchemes token: it is gone, or another"


def cuts_off_a_tool(changed):
    changed["mcp"]["tools"].remove(tool(changed, "fork_context"))
    return "tools fork_context: it is gone"


def requires_an_argument(changed):
    tool(changed, "append_entries")["inputSchema"]["required"].append("idempotency_key")
    return 'tools append_entries argument /required: this code requires "idempotency_key"'


def answers_less_to_a_model(changed):
    answer = tool(changed, "write_context")["outputSchema"]
    del answer["properties"]["version"]
    return "tools write_context answer /properties/version"


def answers_a_model_without_a_schema(changed):
    del tool(changed, "commit")["outputSchema"]
    return "tools commit answer: it has no schema any more"


def spells_resources_in_another_way(changed):
    changed["mcp"]["resourceTemplates"][0]["uriTemplate"] = "ctx://{namespace}/{name}"
    return "resourceTemplates context://{namespace}/{name}: it is gone"


def asks_more_for_a_prompt(changed):
    for argument in changed["mcp"]["prompts"][1]["arguments"]:
        argument["required"] = True
    return "prompts with_preferences argument conversation: it is required now"


def renames_a_variable(changed):
    changed["names"]["settings"]["store"]["variable"] = "BACKSTORY_DATABASE"
    return "settings store variable: BACKSTORY_STORE is BACKSTORY_DATABASE now"


def drops_a_label(changed):
    changed["names"]["metrics"]["backstory_requests_total"]["labels"].remove("route")
    return "metrics backstory_requests_total labels: route is gone"


def answers_an_error_by_another_status(changed):
    changed["names"]["errors"]["version_conflict"]["status"] = 412
    return "errors version_conflict status: 409 is 412 now"


def takes_an_option_away(changed):
    changed["names"]["commands"]["backstory export"]["takes"].remove("--namespace")
    return "commands backstory export takes: --namespace is gone"


def imports_less(changed):
    changed["names"]["python"]["backstory.extending"]["names"].remove("Prompt")
    return "python backstory.extending names: Prompt is gone"


BREAKS = [
    cuts_off_a_path,
    cuts_off_a_method,
    renames_an_operation,
    cuts_off_a_parameter,
    requires_a_parameter,
    adds_a_parameter_that_is_required,
    narrows_a_parameter,
    takes_a_media_type_away,
    requires_a_member,
    narrows_a_member,
    takes_a_value_away,
    cuts_off_a_status,
    cuts_off_a_header,
    answers_another_media_type,
    leaves_a_member_away,
    answers_another_type,
    answers_a_value_that_nobody_knows,
    takes_another_token,
    cuts_off_a_tool,
    requires_an_argument,
    answers_less_to_a_model,
    answers_a_model_without_a_schema,
    spells_resources_in_another_way,
    asks_more_for_a_prompt,
    renames_a_variable,
    drops_a_label,
    answers_an_error_by_another_status,
    takes_an_option_away,
    imports_less,
]


@pytest.mark.parametrize("breaking", BREAKS, ids=lambda each: each.__name__)
def test_a_release_that(breaking, changed, found_in):
    told = breaking(changed)
    found = found_in(changed)
    assert len(found) == 1, found
    assert told in found[0]


def test_what_is_only_added_breaks_nobody(changed, found_in):
    paths = changed["openapi"]["paths"]
    paths["/v2/contexts"] = deepcopy(paths["/v1/contexts"])
    listed = paths["/v1/contexts"]["get"]
    listed["parameters"].append({"name": "region", "in": "query", "schema": {"type": "string"}})
    listed["responses"]["200"]["headers"] = {"Link": {"schema": {"type": "string"}}}
    paths[CONTEXT]["put"]["deprecated"] = True
    shape(changed, "Head")["properties"]["region"] = {"type": "string"}
    shape(changed, "Head")["required"].append("region")
    shape(changed, "PutContext")["properties"]["region"] = {"type": "string"}
    listed["parameters"][0]["schema"]["maxLength"] = 100_000
    tool(changed, "commit")["inputSchema"]["properties"]["region"] = {"type": "string"}
    changed["mcp"]["tools"].append(tool(changed, "commit") | {"name": "commit_all"})
    changed["names"]["settings"]["region"] = {"variable": "BACKSTORY_REGION", "flag": None}
    changed["names"]["metrics"]["backstory_requests_total"]["labels"].append("region")
    assert found_in(changed) == []


def test_a_release_that_requires_a_body(changed):
    old = deepcopy(changed["openapi"])
    old["paths"]["/v1/commits"]["post"]["requestBody"]["required"] = False
    found = Documents(old, changed["openapi"], RELEASE).breaks()
    assert list(found) == ["POST /v1/commits body: it is required now"]


def test_this_code_breaks_nobody_who_used_the_last_release(capsys):
    assert command.check() == 0, capsys.readouterr().out


def test_a_break_is_told_in_a_line_and_fails_the_check(promised, changed, capsys, monkeypatch):
    told = cuts_off_a_path(changed)
    monkeypatch.setattr(kept, "read", lambda release: json.loads(promised))
    monkeypatch.setattr(command, "contracts", lambda: changed)
    assert command.check() == 1
    assert capsys.readouterr().out == f"breaks {RELEASE}: {told}\n"


def test_a_shape_that_is_answered_in_many_places_is_one_break(changed, found_in):
    leaves_a_member_away(changed)
    (line,) = found_in(changed)
    assert line.endswith("more places)")


def test_what_was_decided_on_passes_and_a_decision_about_nothing_does_not(promised, changed):
    told = cuts_off_a_path(changed)
    found = list(kept.breaks(json.loads(promised), changed, RELEASE))
    assert kept.judged(found, {told: "nobody asked it"}) == []
    (left,) = kept.judged([], {told: "nobody asked it"})
    assert told in left


def test_decisions_are_read_from_the_folder_of_the_release(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "FOLDER", tmp_path)
    (tmp_path / "1.9.0").mkdir()
    (tmp_path / "1.10.0").mkdir()
    (tmp_path / "1.10.0" / "accepted.toml").write_text(
        '[[break]]\nwhat = "GET /a: it is gone"\nwhy = "nobody asked it"\n'
    )
    assert kept.releases() == ["1.9.0", "1.10.0"]
    assert kept.accepted("1.9.0") == {}
    assert kept.accepted("1.10.0") == {"GET /a: it is gone": "nobody asked it"}


@pytest.mark.parametrize(("day", "told"), [(1, ["POST /v1/search: it is gone"]), (2, [])])
def test_what_was_announced_to_go_may_be_gone_from_its_day_on(changed, day, told):
    old = deepcopy(changed["openapi"])
    old["paths"]["/v1/search"]["post"] |= {"deprecated": True, "x-sunset": "2027-05-02T00:00:00Z"}
    cuts_off_a_path(changed)
    documents = Documents(old, changed["openapi"], RELEASE, dt.date(2027, 5, day))
    assert list(documents.breaks()) == told


def test_what_a_release_promised_is_written_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(kept, "FOLDER", tmp_path)
    assert command.write() == 0
    (folder,) = tmp_path.iterdir()
    assert kept.read(folder.name) == contracts()
    assert command.write() == 1
    assert "kept already" in capsys.readouterr().err
