"""Kinds over REST: registered, read, obeyed by every write."""

import asyncio

import pytest

SCHEMA = {
    "type": "object",
    "properties": {"stage": {"enum": ["new", "won", "lost"]}, "note": {"maxLength": 10}},
    "required": ["stage"],
}
ENTRY = {"properties": {"role": {"enum": ["user", "assistant"]}}}
KIND = "/v1/kinds/deal"
DEAL = "/v1/contexts/sales/acme"


@pytest.fixture
def register(http):
    async def put(kind="deal", schema=SCHEMA, headers=None, **more):
        body = {"schema": schema, **more}
        return await http.put(f"/v1/kinds/{kind}", json=body, headers=headers or {})

    return put


@pytest.fixture
async def deal(http, register):
    assert (await register(entry_schema=ENTRY)).status_code == 201
    answer = await http.put(DEAL, json={"kind": "deal", "state": {"stage": "new"}})
    assert answer.status_code == 201, answer.text
    return answer.json()


def told(answer):
    """Status, code, step, and each place with its rule."""
    found = answer.json()
    places = [(each["pointer"], each.get("rule")) for each in found.get("errors", ())]
    return answer.status_code, found["code"], found.get("step"), places


async def test_a_registered_kind_is_read_back_with_a_tag(http, register):
    made = await register(entry_schema=ENTRY)
    assert (made.status_code, made.headers["location"]) == (201, KIND)
    read = await http.get(KIND)
    assert read.json() == made.json()
    assert read.json() == {
        "kind": "deal",
        "built_in": False,
        "extension": None,
        "version": 1,
        "schema_version": 1,
        "schema": SCHEMA,
        "entry_schema": ENTRY,
        "compatibility": "backward",
        "migrations": {},
    }
    same = await http.get(KIND, headers={"if-none-match": read.headers["etag"]})
    assert (same.status_code, same.headers["etag"]) == (304, '"1"')


async def test_a_kind_is_known_to_writes_from_its_registration_on(http, register):
    before = await http.put(DEAL, json={"kind": "deal"})
    assert told(before)[:2] == (422, "unknown_kind")
    await register()
    after = await http.put(DEAL, json={"kind": "deal", "state": {"stage": "new"}})
    assert (after.status_code, after.json()["schema_version"]) == (201, 1)
    listed = await http.get("/v1/contexts", params={"kind": "deal"})
    assert [item["name"] for item in listed.json()["items"]] == ["acme"]


async def test_a_state_that_does_not_fit_is_refused_with_both_pointers(http, deal):
    answer = await http.put(DEAL, json={"state": {"stage": "odd"}})
    wanted = [("/state/stage", "/properties/stage/enum")]
    assert told(answer) == (422, "schema_violation", "validate", wanted)
    assert "odd" not in answer.text


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("application/merge-patch+json", {"stage": "odd"}),
        ("application/json-patch+json", [{"op": "replace", "path": "/stage", "value": "odd"}]),
    ],
)
async def test_what_a_patch_comes_to_has_to_fit(http, deal, media, body):
    answer = await http.patch(DEAL, json=body, headers={"content-type": media})
    wanted = [("/state/stage", "/properties/stage/enum")]
    assert told(answer) == (422, "schema_violation", "validate", wanted)
    assert (await http.get(DEAL)).json()["version"] == 1


async def test_each_entry_has_to_fit_or_none_is_kept(http, deal):
    entries = [{"role": "user", "content": "hi"}, {"role": "tool", "content": "x"}]
    answer = await http.post(f"{DEAL}/entries", json={"entries": entries})
    wanted = [("/entries/1/role", "/properties/role/enum")]
    assert told(answer) == (422, "schema_violation", "validate", wanted)
    assert (await http.get(DEAL)).json()["entry_count"] == 0


@pytest.mark.parametrize(
    ("operation", "place"),
    [
        ({"op": "put", "state": {}}, "/operations/1/state/stage"),
        ({"op": "patch", "merge": {"stage": None}}, "/operations/1/state/stage"),
        (
            {"op": "append", "entries": [{"role": "x", "content": ""}]},
            "/operations/1/entries/0/role",
        ),
    ],
)
async def test_a_commit_tells_which_operation_does_not_fit(http, deal, operation, place):
    first = {"op": "put", "context": "sales/other", "kind": "session"}
    body = {"operations": [first, operation | {"context": "sales/acme"}]}
    answer = await http.post("/v1/commits", json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith(place.removesuffix("/stage"))
    assert (await http.get("/v1/contexts/sales/other")).status_code == 404


async def test_operations_of_one_commit_are_ruled_in_their_order(http, deal):
    operations = [
        {"op": "patch", "context": "sales/acme", "merge": {"stage": "won"}},
        {"op": "delete", "context": "sales/acme"},
        {"op": "put", "context": "sales/acme", "kind": "session", "state": {"stage": "odd"}},
        {"op": "patch", "context": "sales/acme", "merge": {"more": 1}},
    ]
    answer = await http.post("/v1/commits", json={"operations": operations})
    assert answer.status_code == 200, answer.text
    found = (await http.get(DEAL)).json()
    assert (found["kind"], found["state"]) == ("session", {"stage": "odd", "more": 1})


async def test_a_built_in_kind_may_get_a_schema(http, put, register):
    await put(state={"stage": "odd"})
    assert (await register("session")).status_code == 201
    path = "/v1/contexts/users.42/notes"
    assert (await http.put(path, json={"state": {"stage": "odd"}})).status_code == 422
    merge = {"content-type": "application/merge-patch+json"}
    assert (await http.patch(path, json={"x": 1}, headers=merge)).status_code == 422
    assert (await http.patch(path, json={"stage": "won"}, headers=merge)).status_code == 200


async def test_kinds_are_listed_by_name_page_by_page(http, register):
    await register()
    names, cursor = [], None
    while True:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await http.get("/v1/kinds", params=query)).json()
        names += [item["kind"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert names == ["conversation", "deal", "document", "preferences", "prompt", "session"]


async def test_conditions_guard_a_registration(http, register):
    assert (await register(headers={"if-match": '"1"'})).status_code == 412
    assert (await register(headers={"if-none-match": "*"})).status_code == 201
    assert (await register(headers={"if-none-match": "*"})).status_code == 412
    again = await register(headers={"if-match": '"1"'})
    assert (again.status_code, again.json()["version"]) == (200, 1), "nothing changed"


async def test_a_registration_is_done_once_for_its_key(http, register):
    first = await register(headers={"idempotency-key": "k"})
    again = await register(headers={"idempotency-key": "k"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()


async def test_a_schema_that_breaks_the_promise_is_refused(http, deal, register):
    narrower = {**SCHEMA, "required": ["stage", "note"]}
    answer = await register(schema=narrower, entry_schema=ENTRY)
    assert told(answer)[:2] == (409, "schema_incompatible")
    assert answer.json()["errors"]
    assert (await http.get(KIND)).json()["version"] == 1


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"schema": {"$ref": "https://example.com/x"}}, "/schema/$ref"),
        ({"schema": {"pattern": "(?=a)b"}}, "/schema"),
        ({"schema": {"type": "nothing"}}, "/schema/type"),
        ({"schema": {"$ref": "#"}}, "/schema"),
        ({}, "/schema"),
        ({"schema": {}, "schemas": {}}, "/schemas"),
    ],
)
async def test_what_is_no_schema_is_refused_with_its_place(http, body, place):
    answer = await http.put(KIND, json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"].startswith(place)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "", {"kind": "kind", "state": {}}),
        ("PATCH", "", {"version": 9}),
        ("DELETE", "", None),
        ("POST", "/entries", {"entries": [{"role": "user", "content": "x"}]}),
        ("POST", "/restore", {"version": 1}),
        ("POST", "/fork", {"to": "sales/kind"}),
    ],
)
async def test_the_contexts_of_kinds_are_written_by_registering_alone(
    http, deal, method, path, body
):
    headers = {"content-type": "application/merge-patch+json"} if method == "PATCH" else {}
    target = f"/v1/contexts/_system.kinds/deal{path}"
    answer = await http.request(method, target, json=body, headers=headers)
    assert told(answer)[:2] == (403, "forbidden")
    fork = await http.post(f"{DEAL}/fork", json={"to": "_system.kinds/mine"})
    assert fork.status_code == 403
    assert (await http.get(KIND)).json()["version"] == 1


async def test_nothing_else_is_of_the_registrys_own_kind(http, register):
    assert told(await http.put(DEAL, json={"kind": "kind"}))[:2] == (422, "unknown_kind")
    assert (await register("kind")).status_code == 422
    assert (await register("No")).status_code == 422


TOPS = [{"properties": {"n": {"maximum": top}}} for top in range(30, 0, -1)]
WRITERS = [f"w{who}" for who in range(4)]


async def test_a_registration_and_writes_never_pass_each_other(http, register):
    """Whatever was accepted fits the schema that its `schema_version` names."""

    async def registrations():
        for schema in TOPS:
            assert (await register(schema=schema, compatibility="none")).status_code in {200, 201}

    await register(schema=TOPS[0], compatibility="none")
    _, *accepted = await asyncio.gather(registrations(), *(writes(http, who) for who in WRITERS))
    every = {place: found for each in accepted for place, found in each.items()}
    assert every
    for version, n in every.values():
        assert n <= TOPS[version - 1]["properties"]["n"]["maximum"]
    in_force = await schema_versions(http)
    assert [place for place in every if every[place][0] != in_force[place]] == []


async def writes(http, who):
    """What was accepted: (schema version, n) by (name, version)."""
    accepted = {}
    for n in range(30):
        body = {"kind": "deal", "state": {"n": n}}
        answer = await http.put(f"/v1/contexts/sales/{who}", json=body)
        if answer.status_code in {200, 201}:
            head = answer.json()
            accepted[who, head["version"]] = head["schema_version"], n
        else:
            assert answer.json()["code"] in {"schema_violation", "rules_changed"}
    return accepted


async def schema_versions(http):
    """Which schema was in force at each change, by the order of the log alone."""
    changes = (await http.get("/v1/changes", params={"limit": 1000})).json()["items"]
    latest, found = 0, {}
    for change in changes:
        if change["namespace"] == "_system.kinds":
            latest += 1
        found[change["name"], change["version"]] = latest
    return found
