"""A standby that is away or behind, a lock that many wait for, a right that was taken away."""

import asyncio
import contextlib
import subprocess

import asyncpg

from drills.drill import CHAT, ENTRY, calling, failed, serving
from drills.networks import FRESH, database, talk
from pages import SHOWN_DATABASE, SHOWN_STANDBY
from postgres_server import PLAIN, standing_by
from serving import until

_SLEEPS = "SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND wait_event = 'PgSleep'"
_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"


def shown(url, at=SHOWN_DATABASE):
    """Where the database is that a page shows."""
    return {f"{at}/backstory": url.rpartition("@")[2]}


def asked(url, question):
    async def ask():
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(question)
        finally:
            await connection.close()

    return asyncio.run(ask())


@contextlib.contextmanager
def long_statement(server, url, first):
    """Somebody has begun something on a database that takes very long; what it holds is `first`."""
    words = ["--no-psqlrc", "--quiet", url, "--command", f"BEGIN; {first}; SELECT pg_sleep(600)"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen([server.bin / "psql", *words], stdout=quiet, stderr=quiet) as psql:
        try:
            sleeps = _SLEEPS.format(url.rpartition("/")[2])
            until(lambda: asked(url, sleeps), "the long statement")
            yield
        finally:
            psql.kill()


@contextlib.contextmanager
def keeping_log(server):
    """As long as this lasts, a standby that was away for a while finds what it has missed."""
    asyncio.run(server.do("ALTER SYSTEM SET wal_keep_size = '1GB'", "SELECT pg_reload_conf()"))
    try:
        yield
    finally:
        asyncio.run(server.do("ALTER SYSTEM RESET wal_keep_size", "SELECT pg_reload_conf()"))


@contextlib.contextmanager
def copied(services):
    """A database of one's own and the same on a standby, and the server of that."""
    with database(services) as url, standing_by(services.postgres) as standby:
        yield url, url.replace(f":{services.postgres.port}/", f":{standby.port}/"), standby


def use(client):
    client.post(f"{CHAT}/entries", json=ENTRY)
    client.get(CHAT, headers=FRESH)


@contextlib.contextmanager
def reading(folder, services):
    """A node that reads a standby, which has what was said; and what `copied` has."""
    with (
        copied(services) as (url, copy, standby),
        serving(folder, "--replica", copy, store=url) as server,
    ):
        talk(server)
        yield server, url, copy, standby


@contextlib.contextmanager
def gone(folder, services):
    """The standby that a node reads was stopped, and nobody has started it again."""
    with reading(folder, services) as (server, url, _, standby):
        standby.stop()
        with calling(server.url, use, pause=0.5):
            yield failed(server, standby.start, addresses=shown(url))


@contextlib.contextmanager
def behind(folder, services):
    """A long query on the standby keeps it from replaying that a table was written anew."""
    with reading(folder, services) as (server, url, copy, standby):
        where = shown(url) | shown(copy, SHOWN_STANDBY)
        asyncio.run(
            standby.do(
                "ALTER SYSTEM SET max_standby_streaming_delay = -1", "SELECT pg_reload_conf()"
            )
        )
        with long_statement(standby, copy, "SELECT count(*) FROM contexts"):
            asked(url, "VACUUM (FULL) contexts")
            with calling(server.url, use, pause=0.5):
                yield failed(server, lambda: asked(copy, _END), addresses=where)


@contextlib.contextmanager
def waiting(folder, services):
    """Somebody has locked a table and gone, and all who read wait for it."""
    with database(services) as url, serving(folder, store=f"{url}?connections=4") as server:
        talk(server)
        ask = lambda client: client.get("/v1/contexts?namespace=users.*")  # noqa: E731
        with (
            long_statement(services.postgres, url, "LOCK TABLE contexts"),
            calling(server.url, ask, callers=8),
        ):
            yield failed(server, lambda: asked(url, _END), addresses=shown(url))


@contextlib.contextmanager
def forbidden(folder, services):
    """Somebody has taken rights away from the user of the database."""
    with database(services, owner=PLAIN) as url:
        name = url.rpartition("/")[2]
        plain = services.postgres.url(name, PLAIN)
        with serving(folder, "--workers", "2", store=plain) as server:
            talk(server)
            asked(url, f"REVOKE DELETE ON idempotency FROM {PLAIN}")
            grant = f"GRANT DELETE ON idempotency TO {PLAIN}"
            yield failed(server, lambda: asked(url, grant), addresses=shown(url))
