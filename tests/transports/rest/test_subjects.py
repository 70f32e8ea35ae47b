"""Erasing a subject over REST, its receipt, and who may."""

from dataclasses import fields

import pytest

from backstory.domain.principals import Principal
from backstory.errors import DeniedError, MissingError, ScopeError


async def test_all_of_a_subject_is_erased_with_a_receipt_that_can_be_verified(http, put, append):
    await put("users.42/chat", state={"text": "tea"})
    await append("users.42/chat", "one", "two")
    await put("users.42.notes/a")
    await put("users.43/chat")
    answer = await http.delete("/v1/subjects/users.42")
    assert answer.status_code == 200
    receipt = answer.json()
    counts = {name: receipt[name] for name in ("contexts", "entries", "forks")}
    assert counts == {"contexts": 2, "entries": 2, "forks": 0}
    assert receipt["holds"]
    assert (await http.get("/v1/contexts/users.42/chat")).status_code == 404
    assert (await http.get("/v1/contexts/users.43/chat")).status_code == 200
    assert (await http.get("/v1/subjects/users.42/erasure")).json() == receipt
    asked = {"receipt": receipt["receipt"]}
    assert (await http.get("/v1/subjects/users.42/erasure", params=asked)).json() == receipt
    # Again is the same, and somebody who comes back does not make the receipt untrue.
    assert (await http.delete("/v1/subjects/users.42")).json() == receipt
    await put("users.42/chat")
    assert (await http.get("/v1/subjects/users.42/erasure")).json()["holds"]


async def test_a_request_is_not_told_any_more_that_it_made_what_was_erased(http, put):
    await put("users.43/chat")
    path, retry = "/v1/contexts/users.42/chat", {"idempotency-key": "one"}
    said = {"entries": [{"role": "user", "content": "tea"}]}
    both = [{"op": "append", "context": f"users.{n}/chat", **said} for n in (42, 43)]
    sent = {"json": {"kind": "conversation", "state": {}}, "headers": retry}
    first = await http.put(path, **sent)
    assert (first.status_code, first.json()["version"]) == (201, 1)
    more = [
        ("POST", f"{path}/entries", {"json": said, "headers": {"idempotency-key": "two"}}),
        (
            "POST",
            "/v1/commits",
            {"json": {"operations": both}, "headers": {"idempotency-key": "3"}},
        ),
    ]
    for method, url, request in more:
        assert (await http.request(method, url, **request)).is_success
    await http.delete("/v1/subjects/users.42")
    for method, url, request in more:
        answer = await http.request(method, url, **request)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    again = await http.put(path, **sent)
    assert "idempotency-replayed" not in again.headers
    assert again.json()["created_at"] > first.json()["created_at"]


async def test_a_receipt_of_the_release_before_is_genuine(http, put, running):
    await put("users.42/chat")
    receipt = (await http.delete("/v1/subjects/users.42")).json()
    erased = await running.contexts.store.erasure("default", "users.42")
    whole = [getattr(erased, each.name) for each in fields(erased)]
    old = running.contexts.seal.close("receipt", "default", "users.42", whole[:9])
    assert old != receipt["receipt"]
    answer = await http.get("/v1/subjects/users.42/erasure", params={"receipt": old})
    assert answer.json() == receipt


async def test_a_receipt_cannot_be_made_up_nor_moved(http, put):
    await put("users.42/chat")
    sealed = (await http.delete("/v1/subjects/users.42")).json()["receipt"]
    for subject, receipt in (
        ("users.42", sealed[:-4] + "AAAA"),
        ("users.43", sealed),
        ("users.42", "x"),
    ):
        answer = await http.get(f"/v1/subjects/{subject}/erasure", params={"receipt": receipt})
        assert answer.status_code == 400


@pytest.mark.parametrize("namespace", ["teams.1", "users", "users.1.notes", "_system.kinds", "U.1"])
async def test_only_users_and_clients_can_be_erased(http, namespace):
    answer = await http.delete(f"/v1/subjects/{namespace}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_key")


async def test_of_who_was_not_erased_there_is_no_receipt(http):
    assert (await http.get("/v1/subjects/users.42/erasure")).status_code == 404


async def test_admins_may_erase_and_members_themselves(running):
    eraser = running.contexts.eraser

    def who(subject, *roles, scopes=None):
        return Principal("acme", subject, frozenset(roles), scopes=scopes)

    for principal in (who("root", "admin"), who("1", "member")):
        assert (await eraser.erase(principal, "users.1")).holds
    for principal, error in (
        (who("2", "member"), MissingError),
        (who("2", "editor"), DeniedError),
        (who("1", "reader"), DeniedError),
        (who("1", "member", scopes=frozenset({"context:read"})), ScopeError),
        (who("root", "admin", scopes=frozenset({"context:write"})), ScopeError),
    ):
        with pytest.raises(error):
            await eraser.erase(principal, "users.1")
        with pytest.raises(error):
            await eraser.receipt(principal, "users.1")
