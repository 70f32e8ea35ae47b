"""Transforms that an operator chose, on everything that is written."""

import logging

import pytest

from backstory.config import load
from backstory.errors import ConfigError
from backstory.wiring import open_app
from transports.conftest import client_of

RULES = """
[[processing.rules]]
namespace = "users.*"
transforms = ["hidden", {redact = {}}]

[[processing.rules]]
namespace = "users.*"
kind = "document"
transforms = ["whitespace", {truncate = {characters = 10}}]
"""
MAIL = "write to ada@example.com"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(RULES, encoding="utf-8")
    return path


@pytest.fixture
async def chosen(tmp_path, file):
    settings = load({"store": f"sqlite:///{tmp_path}/t.db"}, file=file, environ={})
    async with open_app(settings) as running, client_of(running.app) as http:
        yield http


async def stored(http, path, kind, text):
    answer = await http.put(f"/v1/contexts/{path}", json={"kind": kind, "state": {"t": text}})
    assert answer.status_code == 201, answer.text
    return (await http.get(f"/v1/contexts/{path}")).json()["state"]["t"]


async def test_the_most_precise_rule_is_taken(chosen):
    assert await stored(chosen, "users.1/a", "session", MAIL) == "write to [redacted:email]"
    assert await stored(chosen, "team/a", "session", MAIL) == MAIL
    assert await stored(chosen, "team/b", "session", "a\u202eb") == "ab"
    cut = await stored(chosen, "users.1/b", "document", "x" * 100)
    assert len(cut) < 100


async def test_what_was_masked_is_counted_in_one_line_and_never_told(chosen, caplog):
    await chosen.put("/v1/contexts/users.1/chat", json={"kind": "conversation"})
    entries = [{"role": "user", "content": MAIL}, {"role": "user", "content": MAIL}]
    with caplog.at_level(logging.INFO, "backstory.contexts.writing"):
        answer = await chosen.post("/v1/contexts/users.1/chat/entries", json={"entries": entries})
        merge = {"content-type": "application/merge-patch+json"}
        await chosen.patch("/v1/contexts/users.1/chat", json={"m": MAIL}, headers=merge)
    assert answer.status_code == 200
    told = [
        (record.namespace, record.counts) for record in caplog.records if "counts" in vars(record)
    ]
    assert told == [("users.1", {"redact:email": 2}), ("users.1", {"redact:email": 1})]
    assert "ada@" not in caplog.text
    found = (await chosen.get("/v1/contexts/users.1/chat", params={"entries": 5})).json()
    assert "ada@" not in str(found)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ('[[processing.rules]]\ntransforms = ["shout"]', "no transform 'shout'"),
        ('[[processing.rules]]\ntransforms = "hidden"', "list"),
        ('[[processing.rules]]\nname = "x"\ntransforms = []', "table of kind"),
        ('[[processing.rules]]\nnamespace = "Users"\ntransforms = []', "namespace"),
        ("[[processing.rules]]\nkind = 5\ntransforms = []", "kind must be text"),
        ("[processing]\nrule = []", "list of rules"),
        ("[[processing.rules]]\ntransforms = []\n" * 2, "two rules"),
        ('processing = "x"', "JSON"),
    ],
)
def test_a_wrong_rule_stops_the_start_with_one_line(file, written, why):
    file.write_text(written, encoding="utf-8")
    with pytest.raises(ConfigError, match=why) as wrong:
        load(file=file, environ={})
    assert str(wrong.value).startswith(f"processing from {file}")
    assert "\n" not in str(wrong.value)


def test_rules_may_stand_in_a_variable():
    written = '{"rules": [{"transforms": ["hidden", "nfc"]}]}'
    assert load(environ={"BACKSTORY_PROCESSING": written}).processing == written
