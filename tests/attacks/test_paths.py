"""Paths that are meant to lead elsewhere: coded, dotted, too long, or in other letters."""

import pytest

from attacking import read_answer

PATHS = [
    "/v1/contexts/users.ada/../users.bob/x",
    "/v1/contexts/users.ada/%2e%2e",
    "/v1/contexts/users.ada/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
    "/v1/contexts/../../../../etc/passwd",
    "/v1/contexts/users.ada/..%2fusers.bob%2fx",
    "/v1/contexts/users.ada%2e%2e/x",
    "/v1/contexts/users..ada/x",
    "/v1/contexts/.users/x",
    "/v1/contexts/users./x",
    "/v1/contexts/users.*/x",
    "/v1/contexts/*/x",
    "/v1/contexts/users.ada.*/x",
    "/v1/contexts/Users.ada/x",
    "/v1/contexts/users%00.ada/x",
    "/v1/contexts/users.ada/x%00",
    "/v1/contexts/users.ada/x%00.txt",
    "/v1/contexts/users.ada/x%0a",
    "/v1/contexts/users.ada/x%0d%0aset-cookie:%20a=b",
    "/v1/contexts/users.ada/.",
    "/v1/contexts/users.ada/..",
    "/v1/contexts/users.ada/%2e",
    "/v1/contexts/users.ada/%252e%252e",
    "/v1/contexts/users.ada/%c0%ae%c0%ae",
    "/v1/contexts/users.ada/%e2%80%ae",
    "/v1/contexts/users.ada/%ff",
    "/v1/contexts/users.ada/%ed%a0%80",
    "/v1/contexts/users.ada/%u002e",
    "/v1/contexts/users.ada/%",
    "/v1/contexts/users.ada/%zz",
    "/v1/contexts/users.ada/x;a=b",
    "/v1/contexts/users.ada/x%3fentries=1",
    "/v1/contexts/users.ada/x%23",
    "/v1/contexts/users.ada/x\\..\\y",
    "/v1/contexts/users.ada/x%5c..%5cy",
    "/v1/contexts/users.%ef%bd%81da/x",
    "/v1/contexts/users.%d0%b0da/x",
    "/v1/contexts/users.a%cc%81da/x",
    "/v1/contexts/_system.kinds/conversation",
    "/v1/contexts/_system.roles/x",
    "/v1/contexts//x",
    "/v1/contexts/users.ada//x",
    "//v1/contexts/users.ada/x",
    "/v1/contexts/" + "a" * 201 + "/x",
    "/v1/contexts/users.ada/" + "n" * 201,
    "/v1/contexts/" + ".".join("abcdefghi") + "/x",
    "/v1/contexts/users.ada/" + "n" * 20_000,
    "/v1/renders/..%2f..%2fx",
    "/v1/kinds/..%2fsession",
    "/v1/kinds/%00",
    "/docs/../openapi.json",
    "/docs/..%2f..%2f..%2f..%2fetc%2fpasswd",
    "/docs/%2e%2e/%2e%2e/pyproject.toml",
    "/docs//etc/passwd",
    "/.well-known/oauth-protected-resource/../../v1/whoami",
    "/.well-known/oauth-protected-resource/%2e%2e",
    "/.git/config",
    "/metrics/../v1/whoami",
]


def ask(attacked, path, *, method="GET", headers=()):
    """The path to the letter, which no client library mends."""
    lines = [f"{method} {path} HTTP/1.1", "Host: context.example.com", *headers, "", ""]
    with attacked.connect() as one:
        one.sendall("\r\n".join(lines).encode("latin-1"))
        return read_answer(one)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path[:60])
def test_a_path_leads_nowhere_that_its_caller_may_not_go(attacked, path):
    eve = attacked.attacker()
    status, headers, body = ask(attacked, path, headers=[f"Authorization: Bearer {eve.token}"])
    assert status in (400, 404, 405, 414, 431), (status, body)
    assert b"root:" not in body
    assert "set-cookie" not in headers
    assert headers.get("x-content-type-options") == "nosniff" or status == 400
    assert headers.get("content-type", "application/problem+json") != "text/html"


@pytest.mark.parametrize(
    "path",
    [
        "/%6dcp",
        "/mcp/",
        "/mcp/../mcp",
        "/MCP",
        "/v1/%77hoami",
        "/v1/whoami/",
        "//v1/whoami",
        "/v1/./whoami",
        "/livez/../v1/whoami",
        "/livez%2f..%2fv1%2fwhoami",
        "/docs/../v1/whoami",
        "/docs/..%2fv1/whoami",
        "/openapi.json/../v1/whoami",
        "/healthz/../v1/contexts",
        "/.well-known/oauth-protected-resource/..%2f..%2fv1/whoami",
        "/v1/whoami?access_token=x",
        "/v1/whoami#/livez",
        "/v1/whoami;/livez",
        "http://context.example.com/v1/whoami",
        "http://localhost/livez/../v1/whoami",
    ],
)
def test_no_spelling_of_a_path_gets_past_the_token(attacked, path):
    found = ask(attacked, path)
    assert found is not None
    status, _, body = found
    assert status in (400, 401, 404, 405, 421), (status, body)
    assert b'"tenant"' not in body


@pytest.mark.parametrize("name", ["..", ".", "x/../y", "x\0", "\uff41", "a\u202eb", "x" * 201, "", " ", "a b", "a\nb"])  # fmt: skip
@pytest.mark.parametrize("namespace", ["users.ada", "users.*", "../x", "USERS", "users.\uff41da", "_system.roles", ""])  # fmt: skip
def test_over_mcp_neither(attacked, namespace, name):
    eve = attacked.attacker()
    where = f"{namespace}/{name}"
    wrong, found = eve.tool("read_context", context=where)
    assert wrong
    assert found["code"] in ("invalid_key", "not_found", "malformed", "schema_violation")
    wrong, _ = eve.tool("write_context", context=where, kind="session", state={})
    assert wrong
    answer = eve.mcp("resources/read", {"uri": f"context://{where}"}, "x")
    assert "error" in answer.json()


def test_a_path_that_names_lines_makes_none_in_the_log(attacked):
    forged = "%0a%7b%22level%22%3a%22FORGED%22%7d%0d%1b%5b31m"
    eve = attacked.attacker()
    sent = [f"Authorization: Bearer {eve.token}"]
    for path in (f"/v1/contexts/users.eve/{forged}", f"/{forged}", f"/v1/kinds/{forged}"):
        ask(attacked, path, headers=sent)
        ask(attacked, path, headers=["Authorization: Bearer a.b.c"])
    log = attacked.log()
    assert '\n{"level":"FORGED"}' not in log
    assert "\x1b" not in log
