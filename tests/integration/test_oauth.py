"""The official MCP client finds out by itself how to get a token, and calls with it."""

import json
from contextlib import asynccontextmanager

import httpx2
import pytest
from mcp import Client
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import OAuthToken

from mcp_serving import ERAS, MODERN, WAIT
from postgres_server import free_port
from serving import serving
from token_issuer import website

CLIENT, SECRET = "billing-bot", "a-secret"


class Memory:
    """Where the client keeps its tokens."""

    def __init__(self):
        self.tokens = self.info = None

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.info

    async def set_client_info(self, info):
        self.info = info


@pytest.fixture(params=["", "/realms/acme"], scope="module")
def site(request):
    with website(request.param) as site:
        site.clients[CLIENT] = (SECRET, {"roles": ["member"]})
        yield site


@pytest.fixture(params=["/mcp", ""], scope="module")
def server(request, site, tmp_path_factory):
    """Its keys are where the issuer's metadata says."""
    folder, port = tmp_path_factory.mktemp("oauth"), free_port()
    environment = {
        "BACKSTORY_AUTH_ISSUER": site.url,
        "BACKSTORY_AUTH_AUDIENCE": f"http://127.0.0.1:{port}{request.param}",
    }
    with serving(folder, "--port", str(port), env=environment) as running:
        running.audience = environment["BACKSTORY_AUTH_AUDIENCE"]
        yield running


@asynccontextmanager
async def client(server, site, mode, memory=None):
    provider = ClientCredentialsOAuthProvider(
        f"{server.url}/mcp",
        memory or Memory(),
        CLIENT,
        SECRET,
        token_endpoint_auth_method="client_secret_post",
        issuer=site.url,
    )
    async with (
        httpx2.AsyncClient(auth=provider, timeout=WAIT) as http,
        Client(
            streamable_http_client(f"{server.url}/mcp", http_client=http), mode=mode, cache=None
        ) as session,
    ):
        yield session


async def use(session, tool, **arguments):
    answer = await session.call_tool(tool, arguments)
    return answer.is_error, json.loads(answer.content[0].text)


@pytest.mark.parametrize("mode", ERAS)
async def test_the_official_client_discovers_signs_in_and_calls(server, site, mode):
    async with client(server, site, mode) as session:
        wrong, written = await use(
            session, "write_context", context=f"clients.{CLIENT}.x/{mode}", kind="session", state={}
        )
        assert (wrong, written["version"]) == (False, 1)
        wrong, missing = await use(session, "read_context", context="users.ada/preferences")
        assert (wrong, missing["code"]) == (True, "not_found")
        _, listed = await use(session, "list_contexts")
        assert listed["writable"] == [f"clients.{CLIENT}.*"]
    assert site.requested[-1]["resource"].startswith(server.url)


async def test_it_steps_up_where_its_scope_does_not_reach(server, site):
    narrow = site.issuer.token(
        CLIENT, ["member"], client_id=CLIENT, aud=server.audience, scope="context:read"
    )
    memory = Memory()
    memory.tokens = OAuthToken(access_token=narrow, scope="context:read")
    async with client(server, site, MODERN, memory) as session:
        name = f"clients.{CLIENT}/up-{site.issuer.url.count('/')}"
        error, _ = await use(session, "write_context", context=name, kind="session", state={})
        assert not error
    assert site.requested[-1]["scope"] == "context:read context:write"
    assert memory.tokens.access_token != narrow
