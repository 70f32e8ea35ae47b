"""What much text is ruled by leaves the event loop, however small its pieces are."""

import threading

from backstory import limits
from backstory.domain.commits import Append
from backstory.domain.entries import NewEntry
from backstory.processing.ruling import PipelineRule
from contexts.conftest import CHAT, create, do


async def test_many_small_appends_of_one_commit_are_no_long_turn(contexts, monkeypatch):
    await create(contexts)
    threads = []
    ruled = PipelineRule.entries

    def noting(self, entries, pointer):
        threads.append(threading.current_thread())
        return ruled(self, entries, pointer)

    monkeypatch.setattr(PipelineRule, "entries", noting)
    text = b'"' + b"word " * (limits.RULED_INLINE_BYTES // 20) + b'"'  # a quarter of the bound
    appends = [Append(CHAT, (NewEntry("user", "message", text),)) for _ in range(8)]
    await do(contexts, *appends)
    here = [thread is threading.main_thread() for thread in threads]
    assert here == sorted(here, reverse=True)
    assert 0 < sum(here) < 5
