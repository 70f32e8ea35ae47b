"""A store's URL may name several servers, of which the driver takes the one that is asked for."""

import pytest

from backstory.config import ServerUrl
from backstory.config.urls import store_url
from backstory.errors import StoreUnavailableError
from backstory.storage.postgres.store import open_store
from postgres_server import free_port


def hosts(postgres, wanted):
    nobody = free_port()
    return (
        f"postgresql://backstory@127.0.0.1:{nobody},127.0.0.1:{postgres.port}/"
        f"template?target_session_attrs={wanted}"
    )


async def test_the_one_that_can_be_written_to_is_found(postgres):
    store = await open_store(store_url(hosts(postgres, "read-write")).dsn)
    await store.check()
    await store.aclose()


async def test_where_none_is_as_it_was_asked_for_the_store_is_away(postgres):
    with pytest.raises(StoreUnavailableError, match="cannot be reached"):
        await open_store(hosts(postgres, "standby"))


@pytest.mark.parametrize("port", ["x", "65536", "-1"])
def test_each_port_is_a_number(port):
    assert isinstance(store_url("postgresql://a:1,b:2/db"), ServerUrl)
    with pytest.raises(ValueError, match="must be postgresql"):
        store_url(f"postgresql://a:1,b:{port}/db")
