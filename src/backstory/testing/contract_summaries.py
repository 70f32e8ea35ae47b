"""The part of the contract about summaries: found quickly, checked, reached by redactions."""

from __future__ import annotations

from typing import Any

import pytest

from backstory.domain.changes import Part
from backstory.domain.entries import REDACTED
from backstory.domain.summaries import Summary
from backstory.errors import SchemaError
from backstory.testing.contract_base import Contract
from backstory.testing.scene import Scene, entry, key, summary


class SummariesContract(Contract):
    """Entries that stand in for others."""

    async def test_the_newest_summaries_of_a_chain_are_found(self, scene: Scene) -> None:
        await scene.put("a")
        await scene.append("a", "one", "two", summary("both", 1, 2), "four", summary("all", 1, 4))
        assert await scene.summaries("a") == [Summary(5, 1, 4), Summary(3, 1, 2)]
        assert await scene.summaries("a", limit=1) == [Summary(5, 1, 4)]
        assert await scene.summaries("a", before=5) == [Summary(3, 1, 2)]
        await scene.fork("a", "b", at=2)
        await scene.append("b", summary("in the fork", 1, 5))
        await scene.restore("a", 1)
        assert await scene.summaries("a") == []
        assert await scene.summaries("b", limit=2) == [Summary(6, 1, 5), Summary(5, 1, 4)]

    async def test_an_entry_of_that_type_may_cover_nothing(self, scene: Scene) -> None:
        await scene.put("a")
        await scene.append("a", "one", entry("alone", type="summary"))
        await scene.append("a", entry("no summary", metadata={"covers": [7, 2]}))
        assert await scene.summaries("a") == []

    @pytest.mark.parametrize(
        "covers", [[0, 1], [2, 1], [1, 3], [3, 3], [1], [1, 2, 2], ["1", 2], [True, 2], "1-2", {}]
    )
    async def test_a_range_that_is_none_or_not_in_the_log_is_refused(
        self, scene: Scene, covers: Any
    ) -> None:
        await scene.put("a")
        await scene.append("a", "one", "two")
        wrong = entry("both", type="summary", metadata={"covers": covers})
        with pytest.raises(SchemaError) as caught:
            await scene.append("a", wrong)
        assert caught.value.errors[0].pointer == "/entries/0/metadata/covers"
        assert (await scene.view("a")).snapshot.head.version == 2

    async def test_a_redaction_reaches_the_summaries_made_of_the_entry(self, scene: Scene) -> None:
        await scene.put("a")
        await scene.append("a", "one", "two", "three", summary("of two", 1, 2), "five")
        await scene.append("a", summary("of the rest", 5, 5), summary("of the summary", 3, 4))
        result = await scene.redact("a", 2)
        assert result.version == 4
        assert await scene.texts("a") == ["one", "", "three", "", "five", "of the rest", ""]
        marker = (await scene.entries("a"))[3]
        assert (marker.type, marker.metadata, marker.role) == (REDACTED, None, "assistant")
        change = (await scene.changes())[-1]
        assert (change.parts, change.seqs) == (Part.REDACTED, ((2, 2), (4, 4), (7, 7)))
        assert list(await scene.store.redactions(scene.tenant, key("a"), 3, 4)) == [2, 4, 7]
        assert await scene.summaries("a") == [Summary(6, 5, 5)]
        assert await scene.found("of") == {"a#6"}

    async def test_a_redaction_reaches_summaries_in_forks_and_in_the_hidden_past(
        self, scene: Scene
    ) -> None:
        await scene.put("a")
        await scene.append("a", "one", "secret", "three")
        await scene.fork("a", "b")
        await scene.append("b", summary("b of secret", 1, 3), "b five")
        await scene.fork("b", "c")
        await scene.append("c", summary("c of summary", 4, 5))
        await scene.append("a", summary("a of secret", 2, 2))
        await scene.restore("a", 2)
        await scene.fork("a", "early", at=1)
        await scene.append("early", "x", "y", "z", summary("another two", 1, 3))
        before = len(await scene.changes())
        await scene.redact("c", 2)
        changes = (await scene.changes())[before:]
        assert {change.key.name: change.seqs for change in changes if change.key} == {
            "a": ((2, 2),),
            "b": ((2, 2), (4, 4)),
            "c": ((2, 2), (4, 4), (6, 6)),
        }
        assert len({change.commit for change in changes}) == 1
        assert await scene.texts("c") == ["one", "", "three", "", "b five", ""]
        assert await scene.texts("a", at=3) == ["one", "", "three", ""]
        assert await scene.texts("early") == ["x", "y", "z", "another two"]

    async def test_a_redaction_reaches_a_summary_whose_context_was_purged(
        self, scene: Scene
    ) -> None:
        await scene.put("a")
        await scene.append("a", "secret")
        await scene.fork("a", "b")
        await scene.append("b", summary("of secret", 1, 1))
        await scene.fork("b", "c")
        await scene.purge("b")
        await scene.redact("a", 1)
        assert await scene.texts("c") == ["", ""]

    async def test_redacting_a_summary_leaves_what_it_covers(self, scene: Scene) -> None:
        await scene.put("a")
        await scene.append("a", "one", summary("of one", 1, 1), summary("of both", 1, 2))
        await scene.redact("a", 2)
        assert await scene.texts("a") == ["one", "", ""]
        assert await scene.summaries("a") == []

    async def test_a_purged_summary_is_not_found_any_more(self, scene: Scene) -> None:
        await scene.put("a")
        await scene.append("a", "one", summary("of one", 1, 1))
        chain = (await scene.view("a")).chain
        await scene.purge("a")
        assert list(await scene.store.summaries(scene.tenant, chain, 2**32, 10)) == []
