"""When the built-in authorization server may be on, and what follows for callers and commands."""

import json
import os
import pty
import subprocess
import sys
from contextlib import asynccontextmanager

import httpx
import pytest
from click.testing import CliRunner

from backstory.cli import main as cli
from backstory.config import check_callers, load
from backstory.config.authority import audiences, issuers, own_issuer
from backstory.errors import ConfigError
from backstory.security.issuing import Grant
from backstory.wiring import open_accounts, open_app
from serving import SECONDS
from signing_in import PASSWORD
from token_issuer import AUDIENCE, Issuer, bearer

URL = "https://context.example.com"


def settings(**more):
    return load(more, environ={"BACKSTORY_AUTH_SERVER": "on"})


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"public_url": "http://context.example.com"}, "must be https"),
        ({"public_url": "http://192.168.1.5:8765"}, "must be https"),
        ({"host": "0.0.0.0"}, "public_url is needed"),
        ({"port": "0"}, "public_url is needed"),
        ({"public_url": URL, "auth_dpop": "required"}, "auth_dpop=required"),
        ({"public_url": URL, "auth_issuer": f"{URL}/"}, "leave BACKSTORY_AUTH_ISSUER away"),
        ({"public_url": URL, "auth_jwks": "file:x"}, "keys of its own"),
        ({"public_url": URL, "local_token": True}, "local_token"),
        ({"auth_server": False, "auth_client_hosts": "a.example"}, "auth_client_hosts"),
    ],
)
def test_it_does_not_start_where_nobody_could_trust_it(more, said):
    with pytest.raises(ConfigError, match=said):
        check_callers(settings(**more))


@pytest.mark.parametrize(
    ("more", "issuer"),
    [
        ({}, "http://127.0.0.1:8765"),
        ({"host": "::1", "port": "9"}, "http://[::1]:9"),
        ({"public_url": "http://localhost:9"}, "http://localhost:9"),
        ({"public_url": URL, "host": "0.0.0.0"}, URL),
        ({"public_url": f"{URL}/base/"}, f"{URL}/base"),
        ({"tls_certificate": "x.pem"}, "https://127.0.0.1:8765"),
    ],
)
def test_one_setting_is_enough_on_this_machine_and_a_url_elsewhere(more, issuer):
    found = settings(**more)
    check_callers(found)
    assert own_issuer(found) == issuer
    assert audiences(found) == (issuer, f"{issuer}/mcp")
    assert issuers(found) == (issuer,)
    assert found.asks_tokens


@asynccontextmanager
async def served(tmp_path, **more):
    """A client of an application in this process, and the authorization server in it."""
    found = settings(store=f"sqlite:///{tmp_path}/x.db", **more)
    url = own_issuer(found)
    async with (
        open_app(found) as running,
        open_accounts(found, running.contexts) as service,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=running.app), base_url=url) as http,
    ):
        yield http, service


async def who(http, token):
    answer = await http.get("/v1/whoami", headers=bearer(token))
    return answer.json()["subject"] if answer.status_code == 200 else answer.status_code


def granted(service):
    grant = Grant("acme", "ada", "cli", service.issuer, ("member",), None, 600)
    return service.signing.issue(service.issuer, grant)


async def test_everybody_needs_a_token_once_it_is_on(tmp_path):
    async with served(tmp_path) as (http, service):
        answer = await http.get("/v1/whoami")
        assert answer.status_code == 401
        assert "resource_metadata" in answer.headers["www-authenticate"]
        about = (await http.get("/.well-known/oauth-authorization-server")).json()
        assert about["issuer"] == "http://127.0.0.1:8765"
        assert await who(http, (await granted(service)).token) == "ada"


async def test_an_identity_provider_may_stand_beside_it(tmp_path):
    provider = Issuer()
    jwks = provider.write(tmp_path / "keys.json")
    theirs = {"auth_issuer": provider.url, "auth_jwks": jwks, "auth_audience": AUDIENCE}
    async with served(tmp_path, public_url=URL, **theirs) as (http, service):
        assert await who(http, (await granted(service)).token) == "ada"
        assert await who(http, provider.token("bob")) == "bob"
        for wrong in ({"iss": URL}, {"iss": "https://other.example.com"}, {"aud": "x"}):
            assert await who(http, provider.token("ada", **wrong)) == 401
        resource = (await http.get("/.well-known/oauth-protected-resource/mcp")).json()
        assert resource["authorization_servers"] == [URL, provider.url]


def run(folder, *arguments, given="", **environment):
    names = {"BACKSTORY_STORE": f"sqlite:///{folder}/x.db", "BACKSTORY_AUTH_SERVER": "on"}
    return CliRunner().invoke(cli, arguments, input=given, env=names | environment)


def test_commands_say_what_they_did_in_words_and_never_a_password(tmp_path):
    (tmp_path / "password").write_text(f"{PASSWORD}\nthe second line is none\n")
    file = ("--password-file", str(tmp_path / "password"))
    assert run(tmp_path, "user", "add", "ada", *file).stdout == "ada may sign in\n"
    again = run(tmp_path, "user", "add", "ada", *file)
    assert (again.exit_code, "already_exists" in again.output) == (1, True)
    roles = run(tmp_path, "user", "roles", "ada", "--role", "reader", "--role", "editor")
    assert roles.stdout == "ada has the roles reader, editor\n"
    assert run(tmp_path, "user", "disable", "ada").stdout == "ada may not sign in any more\n"
    listed = run(tmp_path, "user", "list")
    assert listed.stdout == "ada: reader, editor in tenant default (disabled)\n"
    assert "argon2" not in run(tmp_path, "user", "list", "--json").stdout
    assert run(tmp_path, "user", "remove", "ada").stdout == "ada is gone; contexts stay\n"
    assert run(tmp_path, "user", "remove", "ada").exit_code == 1
    added = run(tmp_path, "client", "add", "bot")
    assert added.stdout.count("\n") == 1  # the secret alone, so that it can be kept in a variable
    assert added.stderr == "bot is registered\n"
    web = ("client", "add", "web", "--name", "Web", "--redirect-uri", "https://web.example/cb")
    assert run(tmp_path, *web).exit_code == 0
    clients = run(tmp_path, "client", "list").stdout
    assert (
        clients
        == "bot (bot): a machine with member in tenant default\nweb (Web): https://web.example/cb\n"
    )
    assert run(tmp_path, "client", "rotate", "web").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        (("user", "add", "ada"), "", "--password-file"),
        (("user", "add", "ada", "--password-file", "-"), "\n", "empty"),
        (("user", "add", "ada", "--password-file", "-"), "short\n", "12 characters"),
        (("user", "add", "ada", "--password-file", "nowhere"), "", "cannot be read"),
        (("user", "add", "A b", "--password-file", "-"), f"{PASSWORD}\n", "a-z, 0-9"),
        (("user", "passwd", "bob", "--password-file", "-"), f"{PASSWORD}\n", "no account bob"),
        (("user", "disable", "bob"), "", "no account bob"),
        (("client", "add", "x y"), "", "the id of a client"),
        (("client", "add", "x", "--redirect-uri", "http://a.example/"), "", "this machine only"),
        (("client", "remove", "x"), "", "no client x"),
    ],
)
def test_wrong_commands_end_with_one_line_that_says_what_to_do(tmp_path, arguments, given, said):
    done = run(tmp_path, *arguments, given=given)
    assert done.exit_code in (1, 2)
    assert said in done.output
    assert done.output.startswith("error: ")
    assert done.output.count("\n") == 1


def test_commands_need_the_setting_of_the_server(tmp_path):
    done = run(tmp_path, "user", "list", BACKSTORY_AUTH_SERVER="off")
    assert done.exit_code == 2
    assert "BACKSTORY_AUTH_SERVER=on" in done.output


def test_a_password_is_typed_twice_without_being_shown(tmp_path):
    mine, theirs = pty.openpty()
    environment = os.environ | {"BACKSTORY_AUTH_SERVER": "on"}
    store = ("--store", f"sqlite:///{tmp_path}/x.db")
    with subprocess.Popen(
        [sys.executable, "-m", "backstory", "user", "add", "ada", "--json", *store],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=environment,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        shown = b""
        for prompt in (b"Password: ", b"Repeat for confirmation: "):
            while not shown.endswith(prompt):
                shown += os.read(mine, 1024)
            os.write(mine, f"{PASSWORD}\n".encode())
        made = json.loads(process.stdout.read())
        assert process.wait(SECONDS) == 0
    os.close(mine)
    assert made["name"] == "ada"
    assert PASSWORD.encode() not in shown
