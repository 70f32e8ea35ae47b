"""The model of a store passes the contract too, so that it may stand for one."""

import pytest

from backstory.testing import ModelStore
from backstory.testing.store_contract import StoreContract


class TestModelStore(StoreContract):
    @pytest.fixture
    async def store(self, clock):
        return ModelStore(clock)
