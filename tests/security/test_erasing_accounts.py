"""What the built-in authorization server keeps of who is erased goes, too, and stays gone."""

import shutil

import pytest

from backstory import limits
from backstory.domain.principals import segment_of
from backstory.domain.sealing import Seal
from backstory.errors import MissingError
from backstory.security.authority.erasing import AuthorityHolder
from backstory.security.authority.grants import NotGoodError
from backstory.security.authority.records import Client
from backstory.security.authority.service import Naming, Service
from backstory.security.issuing import Grant
from backstory.security.revoking import Revocations
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.store import open_store as open_postgres
from backstory.storage.postgres.vault import PostgresVault
from backstory.storage.sqlite import open_store as open_sqlite
from backstory.storage.sqlite.vault import SqliteVault
from backstory.storage.tables.safe import Safe
from backstory.testing import FakeClock
from backstory.testing.scene import ANNA

APP = Client(
    "desk", "Desk", ("http://127.0.0.1/callback",), ("authorization_code", "refresh_token")
)
NAMING = Naming("https://issuer.example", ["https://issuer.example/mcp"])
LONG = "a" * 90 + ".@+_-.@+_-"  # a hash in a namespace


class Desk:
    """A store with its authorization server."""

    def __init__(self, store, clock):
        self.store, self.clock = store, clock
        self.service = Service(store, clock, Seal(store.secret), NAMING)
        self.refused = Revocations(store, clock, lambda: None)

    async def user(self, name, tenant="acme"):
        """Signs in, agrees, has a code that is used, one that is not, and tokens."""
        account = await self.service.accounts.add(name, tenant, ["member"], "seven green umbrellas")
        cookie = await self.service.sessions.begin(account)
        grants, shown = self.service.grants, []
        for text in (f"{name} one", f"{name} two"):
            code = grants.code_for(
                APP, account, redirect="", scope="context:read", audience="", challenge=""
            )
            await grants.keep_code(text, code)
            shown.append(text)
        tokens = await grants.begin(await grants.take(shown[0]), account)
        made = await self.service.issue(
            Grant(tenant, name, "cli", "https://issuer.example/mcp", ("member",), None, 3600)
        )
        return cookie, shown[1], tokens, made

    async def is_refused(self, made):
        await self.refused.look()
        name = self.service.grants._issued(made).name
        return name in self.refused.names


@pytest.fixture(params=["file", "server"])
def opened(request, tmp_path):
    """Opens the same store again and again."""
    clock = FakeClock()
    in_file = request.param == "file"
    url = None if in_file else request.getfixturevalue("postgres_url")

    async def open_it():
        if in_file:
            safe = Safe(lambda: SqliteVault(tmp_path / "s.keys"), (), [AuthorityHolder])
            return Desk(await open_sqlite(tmp_path / "d" / "s.db", clock=clock, safe=safe), clock)
        safe = Safe(lambda: PostgresVault(PostgresOptions(url)), (), [AuthorityHolder])
        return Desk(await open_postgres(url, clock=clock, safe=safe), clock)

    return open_it


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(limits, "NAMES_SECONDS", 0.01)


@pytest.mark.parametrize(
    ("opened", "name"), [("file", LONG), ("server", "ada")], indirect=["opened"]
)
async def test_an_account_goes_with_all_that_came_from_it(opened, name):
    desk = await opened()
    service = desk.service
    cookie, code, tokens, made = await desk.user(name)
    kept, *_ = await desk.user("bo")
    # A name is one account's in all tenants: erased where it is not, it stays.
    subject = f"users.{segment_of(name)}"
    assert (await desk.store.erase("other", subject, ANNA)).accounts == 0
    assert await service.sessions.account(cookie) is not None
    erased = await desk.store.erase("acme", subject, ANNA)
    assert (erased.accounts, erased.grants) == (1, 1 + 2 + 1 + 1)
    assert await desk.store.is_erased(erased)
    assert await service.accounts.find(name) is None
    assert await service.sessions.account(cookie) is None
    with pytest.raises(NotGoodError):
        await service.grants.take(code)
    assert await service.grants.shown(tokens.refresh) is None
    assert await desk.is_refused(tokens.access)
    assert await desk.is_refused(made)
    notes = await desk.store.list_notes("", "authority/")
    assert not [
        path for path, value in notes if name in path.split("/") or f'"{name}"'.encode() in value
    ]
    assert await service.sessions.account(kept) is not None
    # Who gets the name later is somebody else, and makes no receipt untrue.
    desk.clock.advance(seconds=1)
    again = await service.accounts.add(name, "acme", ["member"], "seven green umbrellas")
    assert await desk.store.is_erased(erased)
    assert await service.accounts.find(name) == again
    await desk.store.aclose()


async def test_a_machine_of_the_tenant_goes_and_an_application_stays(opened):
    desk = await opened()
    clients = desk.service.clients
    machine, _ = await clients.add_machine("robot", "", "acme", ["reader"])
    await clients.add_application("desk", "", ["http://127.0.0.1/callback"], secret=False)
    tokens = await desk.service.grants.for_machine(machine, None, NAMING.audiences[0])
    assert (await desk.store.erase("other", "clients.robot", ANNA)).accounts == 0
    erased = await desk.store.erase("acme", "clients.robot", ANNA)
    assert (erased.accounts, erased.grants) == (1, 1)
    assert (await desk.store.erase("acme", "clients.desk", ANNA)).accounts == 0
    assert [each.id for each in await clients.all()] == ["desk"]
    assert await desk.is_refused(tokens.access)
    await desk.store.aclose()


async def test_a_machine_whose_name_is_long_is_found(opened):
    desk = await opened()
    await desk.service.clients.add_machine("R" + "._~" * 30, "", "acme", ["reader"])
    subject = f"clients.{segment_of('R' + '._~' * 30)}"
    assert (await desk.store.erase("acme", subject, ANNA)).accounts == 1
    await desk.store.aclose()


async def test_a_backup_brings_no_account_back_and_an_erasure_goes_on(tmp_path, monkeypatch):
    clock = FakeClock()

    async def opened():
        safe = Safe(lambda: SqliteVault(tmp_path / "s.keys"), (), [AuthorityHolder])
        return Desk(await open_sqlite(tmp_path / "d" / "s.db", clock=clock, safe=safe), clock)

    desk = await opened()
    await desk.user("ada")
    await desk.store.aclose()
    shutil.copytree(tmp_path / "d", tmp_path / "backup")
    desk = await opened()
    with monkeypatch.context() as broken:
        broken.setattr(SqliteVault, "count_more", _fail)
        with pytest.raises(OSError, match="power"):
            await desk.store.erase("acme", "users.ada", ANNA)
    await desk.store.aclose()
    desk = await opened()
    erased = await desk.store.erasure("acme", "users.ada")
    assert await desk.store.is_erased(erased)
    await desk.store.aclose()
    shutil.rmtree(tmp_path / "d")
    shutil.copytree(tmp_path / "backup", tmp_path / "d")
    desk = await opened()
    with pytest.raises(MissingError):
        await desk.service.set_password("ada", "eight green umbrellas")
    assert await desk.store.is_erased(erased)
    await desk.store.aclose()


def _fail(*_, **__):
    raise OSError("the power went")


async def test_a_list_of_erasures_of_the_release_before_is_gone_on_with(opened):
    desk = await opened()
    vault = desk.store._safe.vault
    await desk.store._ask(vault.begin_erasure, "acme", "users.ada", desk.clock.now())
    prefix = "backstory_keys." if isinstance(vault, PostgresVault) else ""
    await desk.store._ask(vault._rows, f"DROP TABLE {prefix}erased")
    await desk.store.aclose()
    desk.clock.advance(seconds=1)
    desk = await opened()
    await desk.user("bo")
    assert (await desk.store.erase("acme", "users.ada", ANNA)).ended_at is not None
    desk.clock.advance(seconds=1)
    assert (await desk.store.erase("acme", "users.bo", ANNA)).accounts == 1
    await desk.store.aclose()
