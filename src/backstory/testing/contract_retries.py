"""The part of the contract about retries: the same request again changes nothing again."""

from __future__ import annotations

import pytest

from backstory import limits
from backstory.domain.commits import Append, Delete, Idempotency, Put
from backstory.errors import KeyReusedError, SchemaError
from backstory.testing.contract_base import Contract
from backstory.testing.scene import Scene, entry, key

FIRST = Idempotency(b"k" * 16, b"request one")


class RetriesContract(Contract):
    """Idempotency keys and entry ids."""

    async def test_a_known_key_answers_the_first_outcome(self, scene: Scene) -> None:
        await scene.put("chat")
        append = Append(key("chat"), (entry("one"), entry("two")))
        first = await scene.do(append, idempotency=FIRST)
        await scene.append("chat", "three")
        again = await scene.do(append, idempotency=FIRST)
        assert again.replayed
        assert not first.replayed
        assert (again.id, again.position) == (first.id, first.position)
        result, repeated = first.results[0], again.results[0]
        assert (repeated.seqs, repeated.version) == (result.seqs, result.version)
        assert (repeated.appended, repeated.key) == (2, key("chat"))
        assert await scene.texts("chat") == ["one", "two", "three"]

    async def test_a_key_is_looked_up_before_existence_and_conditions(self, scene: Scene) -> None:
        await scene.put("chat")
        first = await scene.do(Delete(key("chat")), idempotency=FIRST)
        again = await scene.do(Delete(key("chat")), idempotency=FIRST)
        assert again.replayed
        assert again.results[0].version == first.results[0].version

    async def test_a_key_with_another_request_is_refused(self, scene: Scene) -> None:
        await scene.put("chat")
        append = Append(key("chat"), (entry("one"),))
        await scene.do(append, idempotency=FIRST)
        other = Idempotency(FIRST.key, b"request two")
        with pytest.raises(KeyReusedError):
            await scene.do(append, idempotency=other)
        with pytest.raises(KeyReusedError):
            await scene.store.replay(scene.tenant, other)
        assert await scene.texts("chat") == ["one"]

    async def test_a_retry_can_be_recognised_before_anything_is_checked(self, scene: Scene) -> None:
        assert await scene.store.replay(scene.tenant, FIRST) is None
        put = Put(key("chat"), "conversation", b"{}", (), None)
        first = await scene.do(put, idempotency=FIRST)
        known = await scene.store.replay(scene.tenant, FIRST)
        assert known is not None
        assert known.replayed
        assert (known.id, known.results[0].key) == (first.id, key("chat"))
        assert known.results[0].created
        assert await scene.store.replay("another", FIRST) is None

    async def test_a_commit_that_failed_is_not_remembered(self, scene: Scene) -> None:
        append = Append(key("chat"), (entry("one", "~1"),))
        await scene.put("chat")
        with pytest.raises(SchemaError):
            await scene.do(append, idempotency=FIRST)
        assert await scene.store.replay(scene.tenant, FIRST) is None

    async def test_a_commit_that_changed_nothing_is_remembered_too(self, scene: Scene) -> None:
        await scene.put("chat")
        put = Put(key("chat"), None, b"{}", (), None)
        first = await scene.do(put, idempotency=FIRST)
        await scene.put("chat", {"a": 1})
        again = await scene.do(put, idempotency=FIRST)
        assert (first.id, again.id, again.replayed) == (None, None, True)
        assert not again.results[0].changed
        assert await scene.state("chat") == {"a": 1}

    async def test_a_key_is_forgotten_after_its_time(self, scene: Scene) -> None:
        await scene.put("chat")
        append = Append(key("chat"), (entry("one"),))
        await scene.do(append, idempotency=FIRST)
        scene.clock.advance(seconds=limits.IDEMPOTENCY_KEY_SECONDS + 1)
        assert await scene.store.replay(scene.tenant, FIRST) is None
        assert not (await scene.do(append, idempotency=FIRST)).replayed
        scene.clock.advance(seconds=limits.IDEMPOTENCY_KEY_SECONDS + 1)
        await scene.store.sweep(scene.clock.now())
        assert await scene.texts("chat") == ["one", "one"]

    async def test_a_known_entry_id_is_answered_and_not_stored_twice(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.append("chat", entry("one", "a"), entry("two", "b"))
        again = await scene.append("chat", entry("other", "b"), entry("three", "c"))
        assert (again.seqs, again.appended) == ((2, 3), 1)
        assert await scene.texts("chat") == ["one", "two", "three"]
        only_known = await scene.append("chat", entry("one", "a"))
        assert (only_known.changed, only_known.version, only_known.seqs) == (False, 3, (1,))

    async def test_an_id_twice_in_one_commit_is_one_entry(self, scene: Scene) -> None:
        await scene.put("chat")
        outcome = await scene.do(
            Append(key("chat"), (entry("one", "a"), entry("one", "a"))),
            Append(key("chat"), (entry("one", "a"), entry("two", "b"))),
        )
        assert [result.seqs for result in outcome.results] == [(1, 1), (1, 2)]
        assert await scene.texts("chat") == ["one", "two"]

    async def test_ids_of_every_spelling_are_told_apart(self, scene: Scene) -> None:
        uuid = "0b5ae2f4-6f1c-4b8e-9c55-3c1d0f1f7a11"
        spellings = [uuid, uuid.upper(), uuid.replace("-", ""), f" {uuid[1:]}", "ä" * 60, "x"]
        await scene.put("chat")
        await scene.append("chat", *(entry(text, text) for text in spellings))
        assert [one.id for one in await scene.entries("chat")] == spellings
        again = await scene.append("chat", *(entry("again", text) for text in spellings))
        assert (again.seqs, again.appended) == ((1, 2, 3, 4, 5, 6), 0)

    async def test_ids_belong_to_one_context(self, scene: Scene) -> None:
        await scene.put("a")
        await scene.put("b")
        await scene.append("a", entry("one", "x"))
        assert (await scene.append("b", entry("one", "x"))).appended == 1

    async def test_ids_that_the_server_made_cannot_be_chosen(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.append("chat", "one")
        assert (await scene.append("chat", entry("one", "~1"))).seqs == (1,)
        with pytest.raises(SchemaError):
            await scene.append("chat", entry("two", "~2"))
        assert await scene.texts("chat") == ["one"]

    async def test_the_id_of_a_hidden_entry_is_free_again(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.append("chat", entry("one", "a"))
        await scene.restore("chat", 1)
        again = await scene.append("chat", entry("new one", "a"))
        assert (again.seqs, again.appended) == ((2,), 1)
        assert await scene.texts("chat") == ["new one"]

    async def test_a_redacted_entry_keeps_its_id(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.append("chat", entry("one", "a"))
        await scene.redact("chat", 1)
        again = await scene.append("chat", entry("one", "a"))
        assert (again.seqs, again.appended) == ((1,), 0)

    async def test_a_fork_knows_the_ids_it_inherited(self, scene: Scene) -> None:
        await scene.put("a")
        await scene.append("a", entry("one", "x"))
        await scene.fork("a", "b")
        assert (await scene.append("b", entry("one", "x"))).appended == 0
        assert (await scene.append("b", entry("two", "y"))).seqs == (2,)
        assert (await scene.append("a", entry("other two", "y"))).seqs == (2,)
        assert await scene.texts("a") == ["one", "other two"]
        assert await scene.texts("b") == ["one", "two"]
