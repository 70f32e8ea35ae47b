"""Several stores as one pass the contract, whichever of them keeps what it is about."""

import pytest

from backstory.domain.keys import NamespacePattern
from backstory.domain.positions import unpack
from backstory.storage.routed import RoutedStore, Routing
from backstory.storage.sqlite import open_store
from backstory.testing import ModelStore
from backstory.testing.contract_content import ContentContract
from backstory.testing.contract_erasing import ErasingContract
from backstory.testing.contract_finding import FindingContract
from backstory.testing.contract_history import HistoryContract
from backstory.testing.contract_kinds import KindsContract
from backstory.testing.contract_log import LogContract
from backstory.testing.contract_quotas import QuotaContract
from backstory.testing.contract_retries import RetriesContract
from backstory.testing.contract_subjects import SubjectsContract
from backstory.testing.contract_summaries import SummariesContract
from backstory.testing.contract_writing import WritingContract
from backstory.testing.scene import key


def routing(*patterns):
    return Routing([[NamespacePattern.parse(each) for each in patterns]])


class TestFirstStoreOfTwo(WritingContract, LogContract, KindsContract, FindingContract):
    @pytest.fixture
    async def store(self, tmp_path, clock):
        first = await open_store(tmp_path / "first.db", clock=clock)
        store = RoutedStore([first, ModelStore(clock)], routing("elsewhere.*"))
        yield store
        await store.aclose()


class TestSecondStoreOfTwo(
    QuotaContract,
    RetriesContract,
    SummariesContract,
    HistoryContract,
    ErasingContract,
    SubjectsContract,
    ContentContract,
):
    """But for what says how the positions of a single log run."""

    @pytest.fixture
    async def store(self, tmp_path, clock):
        second = await open_store(tmp_path / "second.db", clock=clock)
        families = ("users.*", "clients.*", "team.*", "teams.*", "shared.*", "agents.*")
        store = RoutedStore([ModelStore(clock), second], routing(*families))
        yield store
        await store.aclose()

    async def test_forgetting_lets_the_past_go_and_keeps_the_present(self, scene):
        for n in range(30):
            await scene.put("chat", {"n": n})
        head = await scene.store.forget(scene.tenant, key("chat"), 20)
        assert (head.version, head.history_from) == (30, 20)
        mark = await scene.store.mark(scene.tenant)
        assert (unpack(mark.oldest, 2), unpack(mark.newest, 2)) == ((0, 19), (0, 30))
