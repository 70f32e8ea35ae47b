"""The OpenAPI document, and the page that shows it."""

import re

import jsonschema
import pytest
from jsonschema.validators import Draft202012Validator

from backstory.transports.rest.docs import openapi
from backstory.transports.rest.endpoints import ENDPOINTS
from backstory.transports.rest.openapi import document

DOCUMENT = document(ENDPOINTS)
OPERATIONS = [
    (path, method, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
]


def check(value, schema):
    """The value is what the document's schema says."""
    schema = schema | {"components": DOCUMENT["components"]}
    Draft202012Validator(schema).validate(value)


async def test_the_document_is_served(http):
    answer = await http.get("/openapi.json")
    assert answer.json() == DOCUMENT
    assert answer.headers["content-type"] == "application/json"
    again = await http.get("/openapi.json", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_every_schema_is_one():
    for name, schema in DOCUMENT["components"]["schemas"].items():
        Draft202012Validator.check_schema(schema)
        assert schema.get("description") or schema.get("title"), name


def test_every_reference_leads_somewhere():
    names = set(DOCUMENT["components"]["schemas"])
    for reference in re.findall(rb'"#/components/schemas/([^"]*)"', openapi(ENDPOINTS)):
        assert reference.decode() in names


def test_every_operation_says_what_it_does_and_what_it_may_answer():
    ids = [operation["operationId"] for _, _, operation in OPERATIONS]
    assert len(ids) == len(set(ids))
    for path, method, operation in OPERATIONS:
        assert operation["summary"], path
        assert operation["description"], (path, method)
        declared = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path))
        on_chunks = path.endswith(("/content/missing", "/content/chunks/{hash}"))
        writes = method in {"put", "patch", "post"} and not on_chunks  # those make no version
        if writes and path.startswith("/v1/contexts/"):
            headers = {p["name"] for p in operation["parameters"] if p["in"] == "header"}
            assert headers >= {"If-Match", "If-None-Match", "Idempotency-Key"}
        if path.startswith("/v1"):
            assert {"400", "401", "403", "404"} <= set(operation["responses"])


def test_every_example_fits_its_schema():
    for path, _, operation in OPERATIONS:
        for media, content in operation.get("requestBody", {}).get("content", {}).items():
            assert content["example"], (path, media)
            check(content["example"], content["schema"])


async def test_answers_are_what_the_document_says(http, put, append):
    """One answer of each kind; schemathesis tries many more against a running server."""
    await put("users.42/chat", "conversation", {"a": 1})
    await append("users.42/chat", "hello")
    await http.delete("/v1/contexts/users.42/chat/entries/1")
    context = "/v1/contexts/{namespace}/{name}"
    base = "/v1/contexts/users.42/chat"
    commit = {"operations": [{"op": "patch", "context": "users.42/chat", "merge": {"b": 1}}]}
    for path, method, url, body in [
        ("/v1/contexts", "get", "/v1/contexts", None),
        (context, "get", f"{base}?entries=1", None),
        (context, "get", f"{base}?since=1", None),
        (context, "get", "/v1/contexts/users.42/none", None),
        (context, "put", base, {"kind": "conversation"}),
        (context, "put", base, {"kind": "document"}),
        (context, "put", base, {"kinds": "document"}),
        (f"{context}/entries", "get", f"{base}/entries", None),
        (
            f"{context}/entries",
            "post",
            f"{base}/entries",
            {"entries": [{"role": "user", "content": "x"}]},
        ),
        (f"{context}/versions", "get", f"{base}/versions", None),
        (f"{context}/diff", "get", f"{base}/diff?from=1", None),
        (f"{context}/restore", "post", f"{base}/restore", {"version": 1}),
        (f"{context}/fork", "post", f"{base}/fork", {"to": "users.42/copy"}),
        (f"{context}/forget", "post", f"{base}/forget?before=2", None),
        ("/v1/commits", "post", "/v1/commits", commit),
        ("/v1/changes", "get", "/v1/changes", None),
        ("/v1/search", "post", "/v1/search", {"query": "hello"}),
        ("/v1/kinds/{kind}", "get", "/v1/kinds/session", None),
        ("/v1/whoami", "get", "/v1/whoami", None),
        ("/livez", "get", "/livez", None),
        ("/readyz", "get", "/readyz", None),
        ("/healthz", "get", "/healthz", None),
    ]:
        answer = await http.request(method, url, json=body)
        response = DOCUMENT["paths"][path][method]["responses"][str(answer.status_code)]
        media = answer.headers["content-type"]
        try:
            check(answer.json(), response["content"][media]["schema"])
        except jsonschema.ValidationError as error:
            pytest.fail(f"{method} {url}: {error.message}\n{answer.text}")


async def test_the_page_works_without_the_internet(http):
    page = await http.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "http" not in policy
    named = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert len(named) == 5
    for name in named:
        if not name.startswith("data:"):
            assert name.startswith("/docs/")
            assert (await http.get(name)).status_code == 200


async def test_parts_of_the_page_are_not_sent_twice(http):
    script = await http.get("/docs/swagger-ui-bundle.js")
    assert script.headers["content-type"].startswith("text/javascript")
    known = {"if-none-match": script.headers["etag"]}
    assert (await http.get("/docs/swagger-ui-bundle.js", headers=known)).status_code == 304
    part = await http.get("/docs/swagger-ui-bundle.js", headers={"range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, script.content[:10])
    assert (await http.post("/docs")).status_code == 405
    assert (await http.get("/docs/other.js")).status_code == 404
