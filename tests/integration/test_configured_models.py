"""A model that came after this release is counted and rendered by configuration alone."""

import json

import pytest

from serving import SECONDS, failing, serving

CHAT = "/v1/contexts/users.7/chat"
NOVA = {"nova-*": {"counter": "llama3", "format": "gemini"}, "gpt-4o": {"counter": "cl100k_base"}}


def render(http, model):
    body = {"model": model, "budget": 1000, "sources": [{"context": "users.7/chat"}]}
    return http.post("/v1/render", json=body)


@pytest.fixture
def toml(tmp_path):
    path = tmp_path / "backstory.toml"
    rows = [
        f'[models."{name}"]\n' + "".join(f'{k} = "{v}"\n' for k, v in row.items())
        for name, row in NOVA.items()
    ]
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("origin", ["variable", "file"])
def test_a_new_model_needs_a_setting_and_no_release(tmp_path, toml, origin):
    by_file = origin == "file"
    arguments = ("--config", str(toml)) if by_file else ()
    env = {} if by_file else {"BACKSTORY_MODELS": json.dumps(NOVA)}
    with serving(tmp_path, *arguments, env=env) as server, server.client() as http:
        http.put(CHAT, json={"kind": "conversation"})
        http.post(f"{CHAT}/entries", json={"entries": [{"role": "user", "content": "hi"}]})
        new = render(http, "vendor/Nova-9").json()
        assert new["tokens"]["counter"] == "llama3"
        assert new["input"] == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
        # What is configured is asked first, and what is not stays as it was.
        assert render(http, "gpt-4o").json()["tokens"]["counter"] == "cl100k_base"
        assert render(http, "gpt-4o-mini").json()["tokens"]["counter"] == "o200k_base"
        unknown = render(http, "supernova")
        assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_model")


def test_a_model_with_a_counter_that_there_is_not_stops_the_start(tmp_path):
    models = json.dumps({"nova-*": {"counter": "nova_base"}})
    with failing(tmp_path, env={"BACKSTORY_MODELS": models}) as server:
        assert server.process.wait(SECONDS) != 0
        said = server.errors()
    assert "models" in said
    assert "nova-*" in said
    assert "o200k_base" in said
    assert len(said.splitlines()) == 1
