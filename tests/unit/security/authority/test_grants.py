"""Codes, refresh tokens, keys and tries, by many at once and over time, on both stores."""

import asyncio

import jwt
import pytest

from backstory import limits
from backstory.clock import SECOND
from backstory.domain.sealing import Seal
from backstory.encryption.masters import FileMaster
from backstory.errors import ConfigError, ExistsError, InvalidError, RateLimitedError
from backstory.security.authority import accounts
from backstory.security.authority.grants import NotGoodError
from backstory.security.authority.records import Account
from backstory.security.authority.service import Naming, Service
from backstory.security.authority.tickets import fresh
from backstory.security.claims import token_name
from backstory.security.revoking import Revocations
from backstory.storage.postgres.store import open_store as open_postgres
from backstory.storage.sqlite import open_store as open_sqlite
from backstory.storage.sqlite.vault import SqliteVault
from backstory.storage.tables.safe import Safe
from backstory.testing import FakeClock

ISSUER = "https://context.example.com"
GRANT = {"redirect": "https://a.example/", "scope": "context:read", "audience": ISSUER}


@pytest.fixture
def clock():
    return FakeClock()


def service(store, clock):
    naming = Naming(ISSUER, (ISSUER, f"{ISSUER}/mcp"))
    return Service(store, clock, Seal(store.secret), naming)


class Granting:
    """What holds on every store."""

    @pytest.fixture
    async def nodes(self, store, other, clock):
        return service(store, clock), service(other, clock)

    @pytest.fixture
    async def ada(self, nodes, clock):
        """Made without a password, which takes its time."""
        made = Account("1", "ada", "acme", ("member",), "", clock.now(), clock.now())
        await nodes[0].accounts._shelf.add("ada", made, 2**62)
        return made

    @pytest.fixture
    async def app(self, nodes):
        uris = ["https://a.example/"]
        return (await nodes[0].clients.add_application("app", "", uris, secret=False))[0]

    async def code(self, node, app, account):
        text = fresh()
        await node.grants.keep_code(
            text, node.grants.code_for(app, account, **GRANT, challenge="x")
        )
        return text

    async def begun(self, nodes, app, account):
        text = await self.code(nodes[0], app, account)
        return await nodes[1].grants.begin(await nodes[0].grants.take(text), account)

    async def revoked(self, store, clock):
        looking = Revocations(store, clock, lambda: None)
        await looking.look()
        return looking.names

    async def test_of_many_who_show_a_code_at_once_one_is_served(self, nodes, ada, app):
        text = await self.code(nodes[0], app, ada)

        async def exchange(node):
            try:
                return await node.grants.begin(await node.grants.take(text), ada)
            except NotGoodError:
                return None

        found = await asyncio.gather(*(exchange(node) for node in nodes * 8))
        served = [tokens for tokens in found if tokens]
        assert len(served) <= 1  # and all of it has ended, since others tried as well
        for tokens in served:
            assert await nodes[0].grants.shown(tokens.refresh) is None
        assert await nodes[0].grants.code(text) is None

    async def test_of_many_who_renew_at_once_one_is_served_and_the_family_ends(
        self, nodes, ada, app, store, clock
    ):
        first = await self.begun(nodes, app, ada)

        async def renew(node):
            shown = await node.grants.shown(first.refresh)
            try:
                return shown and await node.grants.renew(shown, ada, "context:read")
            except NotGoodError:
                return None

        found = await asyncio.gather(*(renew(node) for node in nodes * 8))
        served = [tokens for tokens in found if tokens]
        assert len(served) == 1
        assert await nodes[1].grants.shown(served[0].refresh) is None
        names = {token_name(ISSUER, each.access.id) for each in (first, served[0])}
        assert names <= await self.revoked(store, clock)

    async def test_a_code_is_good_for_a_minute(self, nodes, ada, app, clock):
        text = await self.code(nodes[0], app, ada)
        clock.advance(seconds=limits.CODE_SECONDS - 1)
        assert await nodes[1].grants.code(text) is not None
        clock.advance(seconds=1)
        assert await nodes[1].grants.code(text) is None

    async def test_a_sign_in_ends_some_time_after_its_last_use(self, nodes, ada, app, clock):
        tokens = await self.begun(nodes, app, ada)
        for _ in range(3):
            clock.advance(seconds=limits.REFRESH_SECONDS - 1)
            shown = await nodes[1].grants.shown(tokens.refresh)
            tokens = await nodes[0].grants.renew(shown, ada, shown.family.scope)
        clock.advance(seconds=limits.REFRESH_SECONDS)
        assert await nodes[0].grants.shown(tokens.refresh) is None

    async def test_a_client_that_renews_without_end_is_slowed_down(self, nodes, ada, app, clock):
        tokens = await self.begun(nodes, app, ada)

        async def renew():
            shown = await nodes[0].grants.shown(tokens.refresh)
            return await nodes[0].grants.renew(shown, ada, shown.family.scope)

        for _ in range(limits.ACCESS_TOKENS_LIVE - 1):
            tokens = await renew()
        with pytest.raises(RateLimitedError):
            await renew()
        clock.advance(seconds=limits.ACCESS_TOKEN_SECONDS + limits.TOKEN_LEEWAY_SECONDS)
        assert await renew()

    async def test_what_ends_with_an_account_is_its_own(self, nodes, ada, app, store, clock):
        other = Account("2", "ada2", "acme", ("member",), "", clock.now(), clock.now())
        await nodes[0].accounts._shelf.add("ada2", other, 2**62)
        mine, theirs = [await self.begun(nodes, app, each) for each in (ada, other)]
        await nodes[0].set_disabled("ada", disabled=True)
        assert await nodes[1].grants.shown(mine.refresh) is None
        assert await nodes[1].grants.shown(theirs.refresh) is not None
        revoked = await self.revoked(store, clock)
        assert token_name(ISSUER, mine.access.id) in revoked
        assert token_name(ISSUER, theirs.access.id) not in revoked
        assert await nodes[1].account_for("ada", clock.now(), app) is None

    async def test_who_gets_the_name_of_a_removed_account_gets_nothing_else_of_it(
        self, nodes, ada, app, store, clock
    ):
        cookie = await nodes[0].sessions.begin(ada)
        text = await self.code(nodes[0], app, ada)
        tokens = await self.begun(nodes, app, ada)
        assert await nodes[1].sessions.account(cookie) is not None
        await nodes[0].remove_account("ada")
        assert token_name(ISSUER, tokens.access.id) in await self.revoked(store, clock)
        clock.advance(seconds=1)
        again = Account("3", "ada", "acme", ("admin",), "", clock.now(), clock.now())
        await nodes[0].accounts._shelf.add("ada", again, 2**62)
        assert await nodes[1].sessions.account(cookie) is None
        assert await nodes[1].grants.shown(tokens.refresh) is None
        code = await nodes[1].grants.code(text)
        assert await nodes[1].account_for("ada", code.asked_at, app) is None

    async def test_what_ends_with_a_client_is_its_own(self, nodes, ada, app, store, clock):
        uris = ["https://b.example/"]
        other, _ = await nodes[0].clients.add_application("app2", "", uris, secret=False)
        mine, theirs = [await self.begun(nodes, each, ada) for each in (app, other)]
        assert await nodes[1].remove_client("app") == 1
        assert await nodes[1].grants.shown(mine.refresh) is None
        assert await nodes[1].grants.shown(theirs.refresh) is not None

    async def test_many_nodes_make_one_first_key(self, nodes):
        rings = await asyncio.gather(*(node.signing.ring() for node in nodes * 8))
        assert len({ring.keys[0].kid for ring in rings}) == 1
        assert [len(ring.keys) for ring in rings] == [1] * 16

    async def test_keys_change_by_themselves_and_are_published_before_they_sign(self, nodes, clock):
        (first,) = (await nodes[0].signing.ring()).keys
        clock.advance(seconds=limits.SIGNING_KEY_SECONDS)
        rings = await asyncio.gather(*(node.signing.ring() for node in nodes * 4))
        assert {tuple(key.kid for key in ring.keys)[1:] for ring in rings} == {(first.kid,)}
        second = rings[0].keys[0]
        assert second.signs_from == clock.now() + limits.SIGNING_KEY_SETTLE_SECONDS * SECOND
        assert await self.kid(nodes[1]) == first.kid
        clock.advance(seconds=limits.SIGNING_KEY_SETTLE_SECONDS)
        assert await self.kid(nodes[1]) == second.kid
        clock.advance(seconds=limits.TOKEN_LIFE_SECONDS + limits.TOKEN_LEEWAY_SECONDS)
        kids = [key.kid for key in (await nodes[0].signing.ring()).keys]
        assert first.kid not in kids
        assert second.kid in kids  # signs until the next one has settled

    async def kid(self, node):
        machine = await node.clients.find("bot")
        if machine is None:
            machine, _ = await node.clients.add_machine("bot", "", "acme", ["member"])
        made = await node.grants.for_machine(machine, None, ISSUER)
        return jwt.get_unverified_header(made.access.token)["kid"]

    async def test_a_key_that_is_retired_while_the_next_one_settles_leaves_that_one(self, nodes):
        (first,) = (await nodes[0].signing.ring()).keys
        with pytest.raises(ConfigError, match="last key"):
            await nodes[0].signing.retire(first.kid)
        second = (await nodes[0].signing.rotate()).keys[0]
        await nodes[1].signing.retire(first.kid)
        assert await self.kid(nodes[0]) == second.kid
        with pytest.raises(ConfigError, match="no key"):
            await nodes[0].signing.retire(first.kid)

    async def test_keys_do_not_grow_without_end(self, nodes):
        for _ in range(limits.SIGNING_KEYS):
            await nodes[0].signing.rotate()
        with pytest.raises(ConfigError, match="retire"):
            await nodes[0].signing.rotate()

    async def test_tries_are_counted_once_for_all_nodes_and_forgotten_with_time(self, nodes, clock):
        async def count(node):
            try:
                await node.accounts._tries.begin("ada", "192.0.2.1")
            except RateLimitedError:
                return 0
            return 1

        found = await asyncio.gather(*(count(node) for node in nodes * 8))
        assert sum(found) == limits.TRIES_PAIR
        clock.advance(seconds=limits.TRIES_SECONDS - 1)
        assert await count(nodes[0]) == 0
        clock.advance(seconds=1)
        assert await count(nodes[0]) == 1

    async def test_who_signs_in_uses_up_no_tries_of_others_at_the_same_address(self, nodes):
        counting = nodes[0].accounts._tries
        for n in range(limits.TRIES_ADDRESS + 1):
            await counting.begin(f"user-{n}", "192.0.2.1")
            await counting.succeeded(f"user-{n}", "192.0.2.1")

    async def test_an_address_that_has_to_wait_leaves_nothing_more_in_the_store(self, nodes, store):
        counting = nodes[0].accounts._tries
        for n in range(limits.TRIES_ADDRESS):
            await counting.begin(f"user-{n}", "192.0.2.1")
        before = await store.list_notes("", "authority/tries/")
        with pytest.raises(RateLimitedError):
            await counting.begin("another", "192.0.2.1")
        assert await store.list_notes("", "authority/tries/") == before

    async def test_names_are_taken_once(self, nodes, ada):
        with pytest.raises(ExistsError):
            await nodes[1].accounts.add("ada", "acme", ["member"], "seven green umbrellas")
        await nodes[0].clients.add_machine("bot", "", "acme", ["member"])
        with pytest.raises(ExistsError):
            await nodes[1].clients.add_machine("bot", "", "acme", ["member"])


class TestGrantingOnSqlite(Granting):
    @pytest.fixture
    async def store(self, tmp_path, clock):
        store = await open_sqlite(tmp_path / "x.db", clock=clock)
        yield store
        await store.aclose()

    @pytest.fixture
    async def other(self, store, tmp_path, clock):
        other = await open_sqlite(tmp_path / "x.db", clock=clock)
        yield other
        await other.aclose()


async def test_an_encrypted_store_holds_the_keys_that_sign_sealed(tmp_path, clock):
    def safe():
        return Safe(lambda: SqliteVault(tmp_path / "x.keys"), [FileMaster(bytes(range(32)))])

    one, other = [await open_sqlite(tmp_path / "x.db", clock=clock, safe=safe()) for _ in range(2)]
    try:
        (key,) = (await service(one, clock).signing.ring()).keys
        (seen,) = (await service(other, clock).signing.ring()).keys
        await service(one, clock).clients.add_machine("bot", "", "acme", ["member"])
        assert [client.id for client in await service(other, clock).clients.all()] == ["bot"]
    finally:
        await one.aclose()
        await other.aclose()
    raw = b"".join(path.read_bytes() for path in tmp_path.glob("x.*"))
    assert seen == key
    assert b"authority/keys/ring" in raw
    assert key.jwk["d"].encode() not in raw


class TestGrantingOnPostgres(Granting):
    @pytest.fixture
    async def store(self, postgres_url, clock):
        store = await open_postgres(postgres_url, clock=clock)
        yield store
        await store.aclose()

    @pytest.fixture
    async def other(self, store, postgres_url, clock):
        other = await open_postgres(postgres_url, clock=clock)
        yield other
        await other.aclose()


@pytest.mark.parametrize("name", ["", "Ada", "a b", "a/b", "a~b", ".a", "ä", "a" * 101])
def test_names_of_accounts_are_plain(name):
    with pytest.raises(InvalidError):
        accounts.check_name(name)


@pytest.mark.parametrize("password", ["short", "a" * 40, "ada" * 8, "x" * 2000, ""])
def test_passwords_that_would_be_guessed_are_refused(password):
    with pytest.raises(InvalidError):
        accounts.check_strength(password, "ada")
