"""The official MCP client signs in at the built-in server: no step by hand but consent."""

import asyncio
import json
from contextlib import asynccontextmanager

import httpx2
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.auth.extensions.client_credentials import ClientCredentialsOAuthProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
)

from client_documents import website
from mcp_serving import ERAS, MODERN, WAIT
from postgres_server import free_port
from serving import serving
from signing_in import Person, add_user, browser, command

CALLBACK = "http://127.0.0.1:53971/callback"


class Memory:
    """Where the client keeps what it has, from one start to the next."""

    def __init__(self, info=None):
        self.tokens, self.info = None, info

    async def get_tokens(self):
        return self.tokens

    async def set_tokens(self, tokens):
        self.tokens = tokens

    async def get_client_info(self):
        return self.info

    async def set_client_info(self, info):
        self.info = info


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with website(tmp_path_factory.mktemp("documents")) as site:
        site.put()
        yield site


@pytest.fixture(scope="module")
def server(tmp_path_factory, site):
    folder, port = tmp_path_factory.mktemp("official"), free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {"BACKSTORY_AUTH_SERVER": "on", "BACKSTORY_PUBLIC_URL": url} | site.environment
    with serving(folder, "--port", str(port), env=environment) as server:
        add_user(server.store, url, "ada")
        add_user(server.store, url, "bob")
        yield server


class Agreeing:
    """Opens what the client asks to be opened, signs in and agrees."""

    def __init__(self, name):
        self.name, self.opened, self.answer = name, [], None

    async def redirect(self, url):
        self.opened.append(url)
        self.answer = await asyncio.to_thread(self._agree, url)

    def _agree(self, url):
        with browser() as http:
            return Person(http, self.name).agree(url)

    async def callback(self):
        answer = self.answer
        return AuthorizationCodeResult(
            code=answer["code"], state=answer["state"], iss=answer.get("iss")
        )


@asynccontextmanager
async def client(server, person, mode, memory, document=None):
    async with signed_in(server, person, mode, memory, document) as (session, _):
        yield session


@asynccontextmanager
async def signed_in(server, person, mode, memory, document=None):
    provider = OAuthClientProvider(
        f"{server.url}/mcp",
        OAuthClientMetadata(
            client_name="Test",
            redirect_uris=[CALLBACK],
            grant_types=["authorization_code", "refresh_token"],
            token_endpoint_auth_method="none",
        ),
        memory,
        redirect_handler=person.redirect,
        callback_handler=person.callback,
        client_metadata_url=document,
    )
    async with (
        httpx2.AsyncClient(auth=provider, timeout=WAIT) as http,
        Client(
            streamable_http_client(f"{server.url}/mcp", http_client=http), mode=mode, cache=None
        ) as session,
    ):
        yield session, provider


async def use(session, tool, **arguments):
    answer = await session.call_tool(tool, arguments)
    return answer.is_error, json.loads(answer.content[0].text)


@pytest.mark.parametrize("mode", ERAS)
async def test_it_makes_itself_known_by_a_document_and_reads_its_own_namespace_only(
    server, site, mode
):
    memory, person = Memory(), Agreeing("ada")
    async with client(server, person, mode, memory, site.url()) as session:
        wrong, written = await use(
            session, "write_context", context=f"users.ada/{mode}", kind="session", state={}
        )
        assert (wrong, written["version"]) == (False, 1)
        wrong, missing = await use(session, "read_context", context="users.bob/preferences")
        assert (wrong, missing["code"]) == (True, "not_found")
        _, listed = await use(session, "list_contexts")
        assert listed["writable"] == ["users.ada.*"]
    assert len(person.opened) == 1


async def test_one_that_an_operator_registered_signs_in_too_and_comes_back_without_asking(server):
    made = OAuthClientInformationFull(
        client_id="desk-app", redirect_uris=[CALLBACK], token_endpoint_auth_method="none"
    )
    arguments = ("client", "add", "desk-app", "--redirect-uri", "http://127.0.0.1/callback")
    await asyncio.to_thread(command, server.store, server.url, *arguments)
    memory, person = Memory(made), Agreeing("bob")
    async with signed_in(server, person, MODERN, memory) as (session, provider):
        _, listed = await use(session, "list_contexts")
        assert listed["writable"] == ["users.bob.*"]
        first = memory.tokens
        provider.context.token_expiry_time = 1  # as if the token had ended
        await use(session, "list_contexts")
    assert memory.tokens.refresh_token != first.refresh_token
    assert len(person.opened) == 1


async def test_a_machine_needs_nobody(server):
    made = await asyncio.to_thread(command, server.store, server.url, "client", "add", "nightly")
    provider = ClientCredentialsOAuthProvider(
        f"{server.url}/mcp", Memory(), "nightly", made["secret"], issuer=server.url
    )
    async with (
        httpx2.AsyncClient(auth=provider, timeout=WAIT) as http,
        Client(
            streamable_http_client(f"{server.url}/mcp", http_client=http), mode=MODERN, cache=None
        ) as session,
    ):
        _, listed = await use(session, "list_contexts")
        assert listed["writable"] == ["clients.nightly.*"]
