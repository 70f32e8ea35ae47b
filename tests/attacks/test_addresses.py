"""Addresses in what is sent (SSRF): a listener on this machine hears of none of them."""

import socket
import uuid
from contextlib import contextmanager

import pytest

from token_issuer import bearer, segment


@contextmanager
def nobody_calls():
    """The URL of a listener, at which nobody may have called in the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(BlockingIOError):  # the system would have taken the call
            listener.accept()


SCHEMAS = {
    "a reference": lambda url: {"$ref": f"{url}/schema.json"},
    "a reference inside": lambda url: {"properties": {"a": {"$ref": f"{url}/a"}}},
    "a dynamic reference": lambda url: {"$dynamicRef": f"{url}/a"},
    "another dialect": lambda url: {"$schema": f"{url}/dialect", "type": "object"},
    "a base elsewhere": lambda url: {"$id": f"{url}/base", "$ref": "other.json"},
    "a base inside": lambda url: {"properties": {"a": {"$id": f"{url}/b/", "$ref": "c"}}},
    "a definition elsewhere": lambda url: {"$defs": {"a": {"$ref": f"{url}/a"}}, "$ref": "#/$defs/a"},
    "a file": lambda _: {"$ref": "file:///etc/passwd"},
    "an entry's": lambda url: {"type": "object", "properties": {"content": {"$ref": url}}},
}  # fmt: skip


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_never_fetched(attacked, name):
    admin = attacked.admin()
    with nobody_calls() as url:
        schema = SCHEMAS[name](url)
        for body in (
            {"schema": schema},
            {"schema": {"type": "object"}, "entry_schema": schema},
        ):
            kind = f"k{uuid.uuid4().hex[:8]}"
            answer = admin.rest("PUT", f"/v1/kinds/{kind}", json=body)
            assert answer.status_code in (201, 422, 400), answer.text
            if answer.status_code == 201:
                state = {"kind": kind, "state": {"a": 1}}
                admin.rest("PUT", f"/v1/contexts/users.boss/{kind}", json=state)


@pytest.mark.parametrize("name", ["jku", "x5u", "kid", "iss", "jwks_uri"])
def test_tokens_lead_to_no_address(attacked, name):
    with nobody_calls() as url:
        head = {"alg": "ES256", "typ": "at+jwt", "kid": "x"}
        claims = {"iss": url, "sub": "ada", "aud": "x", "exp": 2**40, "iat": 1}
        (claims if name in ("iss", "jwks_uri") else head)[name] = f"{url}/keys"
        token = f"{segment(head)}.{segment(claims)}.AAAA"
        for path in ("/v1/whoami", "/mcp"):
            headers = bearer(token) | {"host": "context.example.com"}
            assert attacked.clients[-1].get(path, headers=headers).status_code == 401


@pytest.mark.parametrize(
    "part",
    [
        lambda url: {"type": "image_url", "image_url": {"url": f"{url}/x.png"}},
        lambda url: {"type": "image", "source": {"type": "url", "url": f"{url}/x.png"}},
        lambda url: {"type": "image", "url": f"{url}/x.png"},
        lambda url: {"type": "file", "file": {"file_id": url}},
        lambda url: {"type": "text", "text": f"![]({url}/x.png) <img src='{url}'>"},
    ],
)
def test_pictures_and_files_of_messages_are_never_fetched(attacked, part):
    ada = attacked.victim()
    name = ada.make(f"users.ada/seen-{uuid.uuid4().hex[:6]}", "conversation")
    with nobody_calls() as url:
        entry = {"role": "user", "content": [part(url)]}
        ada.rest("POST", f"/v1/contexts/{name}/entries", json={"entries": [entry]})
        for form in ("openai", "anthropic", "gemini", "text", "markdown"):
            asked = {
                "sources": [{"context": name}],
                "model": "gpt-5",
                "format": form,
                "budget": 9000,
            }
            assert ada.rest("POST", "/v1/render", json=asked).status_code in (200, 422)


@pytest.mark.parametrize("media", ["text/html", "text/markdown", "application/yaml", "text/csv", "application/xml"])  # fmt: skip
def test_documents_are_never_followed(attacked, media):
    ada = attacked.victim()
    with nobody_calls() as url:
        text = (
            f'<!DOCTYPE x [<!ENTITY e SYSTEM "{url}/e">]><x>&e;</x>'
            f'<img src="{url}/a"><link rel=stylesheet href="{url}/b"><iframe src="{url}/c"></iframe>'
            f"![]({url}/d)\n"
        ).encode()
        name = ada.make(f"users.ada/d-{uuid.uuid4().hex[:6]}", "document")
        sent = {"content-type": media}
        ada.rest("PUT", f"/v1/contexts/{name}/content", content=text, headers=sent)
        ada.rest("PUT", f"/v1/contexts/{name}-2?kind=document", content=text, headers=sent)
        asked = {"sources": [{"context": name, "content": True}], "model": "gpt-5", "budget": 9000}
        ada.rest("POST", "/v1/render", json=asked)
        wrong, found = ada.tool("read_context", context=name, part="content")
        assert wrong or "root:" not in str(found)
