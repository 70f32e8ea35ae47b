"""What every store has to do, as tests that its author can run.

In a test module of your own, subclass `StoreContract` and give it two fixtures::

    class TestMyStore(StoreContract):
        @pytest.fixture
        async def store(self, clock):
            store = await open_my_store(clock=clock)
            yield store
            await store.aclose()

`clock` is a `FakeClock` that the store has to go by. The tests are coroutines: the anyio
plugin of pytest runs them (`anyio_mode = "auto"`).
"""

from __future__ import annotations

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


class StoreContract(
    WritingContract,
    QuotaContract,
    RetriesContract,
    SummariesContract,
    HistoryContract,
    ErasingContract,
    SubjectsContract,
    ContentContract,
    LogContract,
    KindsContract,
    FindingContract,
):
    """All of it."""
