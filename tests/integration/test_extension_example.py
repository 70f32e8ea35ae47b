"""The example package, installed as anybody would install it: each extension works over REST."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from installing import OFFLINE, install, install_from, pip
from serving import failing, serving

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "extension"
CHAT = "/v1/contexts/desk/call-7"
RULES = {
    "rules": [{"transforms": ["hidden", {"customer-numbers": {"prefix": "KD-"}}]}],
}
CAPTIONS = """WEBVTT

NOTE recorded by the switchboard

1
00:00:01.000 --> 00:00:03.500
<v Ada>My number is KD-104233 &amp; it rings

00:03.500 --> 00:05.000
<v Ada>all <i>night</i>.</v>

00:01:00.250 --> 00:01:02.000 align:start
<v Grace>We will look.
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """The folder that the example is installed in, built without network."""
    return install_from(EXAMPLE, tmp_path_factory.mktemp("extension") / "packages")


@pytest.fixture(scope="module")
def env(packages):
    return {"PYTHONPATH": str(packages)}


@pytest.fixture(scope="module")
def http(env, tmp_path_factory):
    """A server with the example, and a call in it."""
    folder = tmp_path_factory.mktemp("server")
    with (
        serving(folder, "--processing", json.dumps(RULES), env=env) as server,
        server.client() as client,
    ):
        made = client.put(CHAT, json={"kind": "call", "state": {"outcome": "open"}})
        assert made.status_code == 201, made.text
        yield client


def backstory(folder, env, *arguments):
    command = [sys.executable, "-m", "backstory", *arguments]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **env}, capture_output=True, text=True, check=False
    )


def test_the_kind_is_known_and_obeyed(http):
    shown = http.get("/v1/kinds/call").json()
    assert shown["extension"] == {"package": "backstory-calls", "version": "1.0.0"}
    refused = http.put("/v1/contexts/desk/bad", json={"kind": "call", "state": {"outcome": "odd"}})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/state/outcome"


def test_captions_are_entries_a_turn_and_their_numbers_are_masked(http):
    captions = {"content-type": 'text/vtt; charset=utf-8; agent="Grace"'}
    said = http.post(f"{CHAT}/entries", content=CAPTIONS, headers=captions)
    assert said.status_code == 200, said.text
    entries = http.get(f"{CHAT}/entries").json()["items"]
    assert [(each["role"], each["content"], each["metadata"]) for each in entries] == [
        (
            "user",
            "My number is [customer number] & it rings\nall night.",
            {"start": 1.0, "end": 5.0, "speaker": "Ada"},
        ),
        ("assistant", "We will look.", {"start": 60.25, "end": 62.0, "speaker": "Grace"}),
    ]


def test_wrong_captions_are_refused_with_their_line(http):
    vtt = {"content-type": "text/vtt"}
    for body, line in ((b"1\n", 1), (b"WEBVTT\n\nname\nno timing\n", 3)):
        answer = http.post(f"{CHAT}/entries", content=body, headers=vtt)
        assert (answer.status_code, answer.json()["line"]) == (400, line)
    answer = http.post(f"{CHAT}/entries", content=b"WEBVTT\xff", headers=vtt)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
    with_role = http.post(f"{CHAT}/entries?role=user", content=b"WEBVTT", headers=vtt)
    assert "role is for bodies of text/plain or" in with_role.json()["detail"]


def test_what_is_accepted_is_told_wherever_it_is_told(http):
    refused = http.post(f"{CHAT}/entries", content=b"x", headers={"content-type": "text/odd"})
    assert refused.status_code == 415
    assert "text/vtt" in refused.json()["accept_post"]
    assert "text/vtt" in refused.headers["accept-post"]
    assert "text/vtt" in http.options(f"{CHAT}/entries").headers["accept-post"]
    assert "application/vnd.sharegpt+json" in refused.json()["accept_post"]
    wrong = http.get(f"{CHAT}/entries?format=odd")
    assert "or sharegpt" in wrong.json()["detail"]
    paths = http.get("/openapi.json").json()["paths"]
    entries = paths["/v1/contexts/{namespace}/{name}/entries"]
    assert "text/vtt" in entries["post"]["requestBody"]["content"]
    for method in ("get", "post"):
        (form,) = (p for p in entries[method]["parameters"] if p["name"] == "format")
        assert "sharegpt" in form["schema"]["enum"]


def test_the_format_is_read_written_and_rendered(http):
    path = "/v1/contexts/desk/dataset"
    http.put(path, json={"kind": "conversation"})
    turns = [
        {"from": "system", "value": "Be brief."},
        {"from": "human", "value": "Hello?", "weight": 1},
        {"from": "gpt", "value": "Hi."},
    ]
    sent = {"conversations": turns, "source": "shelf 7"}
    said = http.post(f"{path}/entries?format=sharegpt", json=sent)
    assert (said.status_code, said.json()["ignored"]) == (200, ["source"])
    read = http.get(f"{path}/entries?format=sharegpt").json()
    assert (read["input"], read["losses"]) == ({"conversations": turns}, [])
    other = http.get(f"{path}/entries?format=openai").json()["input"]["messages"]
    assert other[1] == {"role": "user", "content": "Hello?"}
    wrong = http.post(f"{path}/entries?format=sharegpt", json={"conversations": [{"from": "bing"}]})
    assert wrong.json()["errors"][0]["pointer"] == "/conversations/0/from"
    request = {
        "sources": [{"context": "desk/dataset", "entries": "recent"}],
        "model": "gpt-4o",
        "format": "sharegpt",
        "budget": 500,
    }
    window = http.post("/v1/render", json=request).json()
    assert [each["from"] for each in window["input"]["conversations"]][-2:] == ["human", "gpt"]
    assert 0 < window["tokens"]["total"] <= 500
    assert window["tokens"]["exact"] is False
    assert http.get(f"/v1/renders/{window['render_id']}").json()["input"] == window["input"]


def test_what_a_format_cannot_carry_is_a_loss(http):
    path = "/v1/contexts/desk/shown"
    http.put(path, json={"kind": "conversation"})
    image = {"type": "image", "url": "https://example.com/cat.png"}
    entries = [
        {"role": "user", "content": [{"type": "text", "text": "Look"}, image]},
        {"role": "tool", "content": [{"type": "tool_result", "content": "cat"}]},
    ]
    assert http.post(f"{path}/entries", json={"entries": entries}).status_code == 200
    read = http.get(f"{path}/entries?format=sharegpt").json()
    assert read["input"] == {"conversations": [{"from": "human", "value": "Look"}]}
    places = [(each["seq"], each["pointer"], each["dropped"]) for each in read["losses"]]
    assert places == [(1, "/content/1", True), (1, "/content", False), (2, "", True)]


def test_datasets_are_imported_and_doctor_lists_all_that_is_installed(env, tmp_path):
    row = {"id": "row-1", "conversations": [{"from": "human", "value": "Hello?"}], "lang": "en"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    store = ("--store", f"sqlite:///{tmp_path}/store.db")
    done = backstory(tmp_path, env, "import", "sharegpt", "rows.jsonl", *store)
    assert (done.returncode, done.stdout) == (
        0,
        "1 conversations new, 0 known; 1 entries new, 0 known\n",
    ), done.stderr
    exported = json.loads(backstory(tmp_path, env, "export", *store).stdout)
    assert exported["context"] == "imports.sharegpt/row-1"
    assert exported["state"]["request"] == {"lang": "en"}
    found = json.loads(backstory(tmp_path, env, "doctor", "--json", *store).stdout)
    assert [(each["group"], each["name"]) for each in found["extensions"]] == [
        ("backstory.kinds", "call"),
        ("backstory.parsers", "captions"),
        ("backstory.formats", "sharegpt"),
        ("backstory.transforms", "customer-numbers"),
    ]
    assert {(e["package"], e["version"], e["problem"]) for e in found["extensions"]} == {
        ("backstory-calls", "1.0.0", None)
    }
    shown = backstory(tmp_path, env, "doctor", *store).stdout
    assert "ok      extension: call of backstory.kinds, from backstory-calls 1.0.0\n" in shown


BROKEN = {
    "backstory.kinds": ("deal", "lambda: {'schema': {'type': 'odd'}}", "/schema/type"),
    "backstory.parsers": ("odd", "lambda: 7", "made int, not Parser"),
    "backstory.formats": ("openai", "lambda: 7", "the name is taken"),
    "backstory.transforms": ("loud", "no_such_thing", "cannot be loaded: NameError"),
}


@pytest.fixture(params=BROKEN)
def broken(request, tmp_path):
    """A folder with a package that is broken in one group, its name and what is wrong."""
    name, maker, why = BROKEN[request.param]
    points = {request.param: {name: "broken_things:make"}}
    folder = install(tmp_path / "packages", points, broken_things=f"make = {maker}")
    line = f"{name} of {request.param} (broken_things:make, acme-things 1.2)"
    return {"PYTHONPATH": str(folder)}, line, why


def test_a_broken_extension_stops_the_start_with_one_line(broken, tmp_path):
    env, line, why = broken
    with failing(tmp_path, env=env) as server:
        assert server.wait() == 2
        told = server.errors().splitlines()
    assert len(told) == 1
    assert told[0].startswith(f"error: extension {line}")
    assert why in told[0]
    assert not server.store.exists()


def test_a_broken_extension_is_one_line_of_doctor(broken, tmp_path):
    env, line, why = broken
    done = backstory(tmp_path, env, "doctor", "--store", f"sqlite:///{tmp_path}/none.db")
    assert (done.returncode, done.stderr) == (1, "")
    (told,) = (each for each in done.stdout.splitlines() if "  extension: " in each)
    assert told.startswith(f"failed  extension: extension {line}")
    assert why in told


def test_a_group_that_nobody_knows_stops_nothing_and_doctor_warns_of_it(tmp_path):
    points = {"backstory.kind": {"deal": "nowhere:make"}}
    env = {"PYTHONPATH": str(install(tmp_path / "packages", points))}
    with serving(tmp_path, env=env) as server:
        store = f"sqlite:///{server.store}"
        done = backstory(tmp_path, env, "doctor", "--store", store)
    told = "warning extension: deal of acme-things 1.2 is ignored: there is no group backstory.kind"
    assert (done.returncode, told in done.stdout) == (0, True)


def test_many_workers_say_it_once(tmp_path):
    points = {"backstory.kinds": {"deal": "nowhere:make"}}
    env = {"PYTHONPATH": str(install(tmp_path / "packages", points))}
    with failing(tmp_path, "--workers", "2", env=env) as server:
        assert server.wait() == 1
        told = server.errors()
    assert told.count("cannot be loaded") == 1
    assert "Traceback" not in told


def test_the_example_is_no_part_of_what_is_installed_as_backstory(tmp_path):
    pip("wheel", *OFFLINE, "-w", str(tmp_path), str(ROOT))
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        folders = {name.partition("/")[0] for name in archive.namelist()}
    assert folders == {"backstory", wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"}
