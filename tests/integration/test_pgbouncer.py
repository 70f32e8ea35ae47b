"""A pooler in transaction mode may give each transaction another session."""

import asyncio
import os
import shutil
import subprocess

import pytest

from backstory.errors import BusUnavailableError
from backstory.messaging.lines import reach
from backstory.messaging.postgres import PostgresLink
from backstory.storage.postgres.options import PostgresOptions
from backstory.storage.postgres.store import open_store
from backstory.testing import FakeClock
from backstory.testing.scene import Scene, entry
from postgres_server import free_port

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
CONFIG = """[databases]
* = host=127.0.0.1 port={server} user=backstory
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
auth_type = any
pool_mode = transaction
default_pool_size = 2
unix_socket_dir =
"""


@pytest.fixture
def pooled_url(postgres, postgres_url, tmp_path):
    """The test's database behind PgBouncer, which has two sessions for everybody."""
    if PROGRAM is None:
        pytest.skip("PgBouncer is not installed: `apt-get install pgbouncer`")
    port = free_port()
    config = postgres.folder / f"bouncer-{port}.ini"
    config.write_text(CONFIG.format(server=postgres.port, port=port))
    os.chown(config, *postgres.user)
    who = {"user": postgres.user[0], "group": postgres.user[1]} if os.getuid() == 0 else {}
    bouncer = subprocess.Popen(
        [PROGRAM, str(config)], cwd=postgres.folder, stderr=subprocess.DEVNULL, **who
    )
    yield postgres_url.replace(f":{postgres.port}/", f":{port}/")
    bouncer.terminate()
    bouncer.wait(10)


async def opened(url):
    """A store, once the pooler takes connections."""
    options = PostgresOptions(url, connections=6, pgbouncer=True)
    for _ in range(100):
        try:
            return await open_store(options, clock=FakeClock())
        except Exception:  # noqa: BLE001 - it is still starting
            await asyncio.sleep(0.05)
    return await open_store(options, clock=FakeClock())


async def test_everything_works_behind_a_pooler_in_transaction_mode(pooled_url):
    store = await opened(pooled_url)
    scene = Scene(store, FakeClock())
    await scene.put("chat", {"text": "green tea"})
    appends = (scene.append("chat", entry(f"tea {n}", f"id-{n}")) for n in range(40))
    reads = (scene.state("chat") for _ in range(40))
    await asyncio.gather(*appends, *reads)
    assert await scene.seqs("chat") == list(range(1, 41))
    assert len(await scene.found("tea")) == 41
    await scene.fork("chat", "fork")
    await scene.redact("chat", 1)
    await scene.purge("chat")
    assert len(await scene.found("tea")) == 40
    await scene.put_content("fork", b"x" * 200_000)
    assert await scene.content("fork") == b"x" * 200_000
    await store.aclose()


async def test_listening_through_a_pooler_is_found_out_and_told(pooled_url, postgres_url):
    await (await opened(pooled_url)).aclose()
    with pytest.raises(BusUnavailableError, match=r"pooler.* name the server itself in bus"):
        await reach(PostgresLink(pooled_url))
    await reach(PostgresLink(postgres_url))
