"""Every change bus passes the contract."""

import pytest

from backstory.domain.commits import Append
from backstory.messaging.local import LocalBus
from backstory.messaging.opening import link_to
from backstory.messaging.remote import RemoteBus
from backstory.storage.sqlite import open_store
from backstory.testing import FakeClock
from backstory.testing.bus_contract import BusContract, Node
from backstory.testing.scene import Scene, entry, key


class TestLocalBus(BusContract):
    """Several processes on one file, which see that it has grown."""

    @pytest.fixture
    async def join(self, tmp_path):
        opened = []

        async def join():
            store = await open_store(tmp_path / "store.db", clock=FakeClock())
            bus = LocalBus(store.data_version, hint_seconds=1000)
            scene = Scene(store, FakeClock())
            if not opened:
                await scene.put("chat")
            opened.append((bus, store))

            async def change(tenant):
                await store.commit(scene.commit(Append(key("chat"), (entry("hello"),))))
                bus.announce(tenant)

            return Node(bus, change)

        yield join
        for bus, store in opened:
            await bus.aclose()
            await store.aclose()


class Remote(BusContract):
    """Nodes that hear of each other by way of a server, named by a fixture `url`."""

    @pytest.fixture
    async def join(self, url):
        opened = []

        async def join():
            bus = RemoteBus(link_to(url), b"s" * 32)
            opened.append(bus)
            await bus.check()

            async def change(tenant):
                bus.announce(tenant)

            return Node(bus, change)

        yield join
        for bus in opened:
            await bus.aclose()


class TestPostgresBus(Remote):
    @pytest.fixture
    def url(self, postgres):
        return postgres.url()


class TestRedisBus(Remote):
    @pytest.fixture
    def url(self, redis_server):
        return f"redis://127.0.0.1:{redis_server.port}"


del Remote
