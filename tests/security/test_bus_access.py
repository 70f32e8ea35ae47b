"""What the change bus asks of a Redis: TLS that is checked, a password, few rights."""

import pytest
import trustme
from redis.asyncio import Redis

import server_process
from backstory.errors import BusUnavailableError
from backstory.messaging.lines import reach
from backstory.messaging.redis import RedisLink
from postgres_server import free_port


@pytest.fixture
def secure(redis_server, tmp_path):
    """The port of a Redis that speaks TLS only, and the file of its authority."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    issued.cert_chain_pems[0].write_to_path(str(tmp_path / "server.pem"))
    issued.private_key_pem.write_to_path(str(tmp_path / "server.key"))
    port = free_port()
    settings = {
        "tls-port": port,
        "tls-cert-file": tmp_path / "server.pem",
        "tls-key-file": tmp_path / "server.key",
        "tls-ca-cert-file": tmp_path / "ca.pem",
        "tls-auth-clients": "no",
    }
    with server_process.redis(**settings):
        yield port, tmp_path / "ca.pem"


async def test_a_certificate_is_checked(secure):
    port, authority = secure
    await reach(RedisLink(f"rediss://127.0.0.1:{port}?ssl_ca_certs={authority}"))
    with pytest.raises(BusUnavailableError, match="certificate"):
        await reach(RedisLink(f"rediss://127.0.0.1:{port}"))


@pytest.fixture
async def guarded(redis_server):
    """The address of a server whose user `bus` may do nothing but what the bus needs."""
    rights = ["resetchannels", "&backstory_*", "-@all", "+subscribe", "+publish", "+client"]
    async with Redis(port=redis_server.port) as client:
        await client.execute_command("ACL", "SETUSER", "bus", "on", ">sesame", *rights)
        yield f"127.0.0.1:{redis_server.port}"
        await client.execute_command("ACL", "DELUSER", "bus")


async def test_a_user_with_few_rights_is_enough(guarded):
    await reach(RedisLink(f"redis://bus:sesame@{guarded}"))
    with pytest.raises(BusUnavailableError) as caught:
        await reach(RedisLink(f"redis://bus:simsim@{guarded}"))
    assert "invalid username-password" in caught.value.detail
    assert "simsim" not in caught.value.detail
