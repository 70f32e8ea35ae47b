"""The part of the contract about erasing subjects."""

from __future__ import annotations

import pytest

from backstory import limits
from backstory.domain.changes import Part
from backstory.domain.commits import Append, Idempotency, Purge, Put
from backstory.domain.keys import ContextKey
from backstory.domain.principals import Author, Trust, segment_of
from backstory.errors import BackstoryError
from backstory.testing.contract_base import Contract
from backstory.testing.scene import ANNA, ROBOT, Scene, entry, key, summary

EVE = Author("eve", Trust.USER)
NAMESAKE = Author("eve", Trust.AGENT)
"""A client of the same name is not the user."""


class SubjectsContract(Contract):
    """What goes with a subject, and what stays."""

    @pytest.fixture(autouse=True)
    def _soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Nobody remembers names for long, and so nobody waits for that for long."""
        monkeypatch.setattr(limits, "NAMES_SECONDS", 0.01)

    async def test_all_that_is_in_a_subjects_namespaces_is_erased(self, scene: Scene) -> None:
        for name in ("users.1/a", "users.1.notes/b", "users.10/c", "teams.1/d"):
            await scene.put(name, {"text": "tea"})
            await scene.append(name, "green tea", "more tea")
        await scene.put("users.1/a", {"text": "now coffee"})
        await scene.delete("users.1.notes/b")
        erased = await scene.store.erase(scene.tenant, "users.1", ANNA)
        assert (erased.contexts, erased.entries, erased.forks) == (2, 4, 0)
        assert erased.ended_at is not None
        assert await scene.store.is_erased(erased)
        for gone in ("users.1/a", "users.1.notes/b"):
            assert await scene.store.view(scene.tenant, key(gone)) is None
        assert await scene.found("tea") == {"c", "c#1", "c#2", "d", "d#1", "d#2"}
        assert await scene.found("coffee") == set()
        assert await scene.texts("users.10/c") == ["green tea", "more tea"]

    async def test_who_was_erased_may_begin_anew(self, scene: Scene) -> None:
        await scene.put("users.1/a", {"n": 1})
        before = await scene.store.erase(scene.tenant, "users.1", ANNA)
        made = await scene.put("users.1/a", {"n": 2})
        assert made.version == 3
        assert await scene.state("users.1/a") == {"n": 2}
        again = await scene.store.erase(scene.tenant, "users.1", ANNA)
        assert again.number > before.number
        assert await scene.store.view(scene.tenant, key("users.1/a")) is None

    async def test_what_came_of_requests_about_a_subject_is_told_no_more(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nor is kept; and requests about others are recognised as before."""
        monkeypatch.setattr(limits, "RETRIES_READ", 2)
        mine, theirs = Put(key("users.1/a"), "session", b"{}", (), None), key("teams.1/b")
        asked = [Idempotency(bytes([n]) * 16, b"request") for n in range(8)]
        await scene.put("users.10/c")
        await scene.do(Purge(key("users.10/c")), idempotency=asked[6])
        scene.clock.advance(seconds=1)
        await scene.do(mine, idempotency=asked[5])
        for n in range(4):
            await scene.do(Put(theirs, "session", b'{"n":%d}' % n, (), None), idempotency=asked[n])
        await scene.do(Append(theirs, (entry("x"),)), Append(mine.key, ()), idempotency=asked[7])
        await scene.store.erase(scene.tenant, "users.1", ANNA)
        known = [await scene.store.replay(scene.tenant, one) for one in asked]
        assert [n for n, one in enumerate(known) if one is not None] == [0, 1, 2, 3, 6]

    async def test_erasing_twice_is_erasing_once(self, scene: Scene) -> None:
        await scene.put("users.1/a", {"n": 1})
        first = await scene.store.erase(scene.tenant, "users.1", ANNA)
        assert await scene.store.erase(scene.tenant, "users.1", ANNA) == first
        assert await scene.store.erasure(scene.tenant, "users.1") == first
        assert await scene.store.erasure(scene.tenant, "users.2") is None
        assert await scene.store.erasure("other", "users.1") is None

    async def test_forks_of_others_lose_what_they_inherited(self, scene: Scene) -> None:
        await scene.put("users.1/a", {"n": 1})
        await scene.append("users.1/a", "one", "two", "three")
        await scene.fork("users.1/a", "teams.1/b", at=2)
        await scene.append("teams.1/b", "four", author=ROBOT)
        await scene.append("teams.1/b", summary("all of it", 1, 4))
        before = (await scene.view("teams.1/b")).snapshot.head.version
        erased = await scene.store.erase(scene.tenant, "users.1", ANNA)
        assert (erased.contexts, erased.entries, erased.forks) == (1, 4, 1)
        entries = await scene.entries("teams.1/b")
        assert [one.type for one in entries] == ["redacted"] * 3 + ["message", "redacted"]
        assert [one.seq for one in entries] == [1, 2, 3, 4, 5]
        assert await scene.state("teams.1/b") == {"n": 1}
        change = (await scene.versions("teams.1/b"))[-1]
        assert (change.version, change.parts) == (before + 1, Part.REDACTED)
        assert await scene.found("two") == set()

    async def test_content_that_a_fork_took_over_is_gone(self, scene: Scene) -> None:
        await scene.put("users.1/a", {"n": 1})
        await scene.append("users.1/a", "one")
        await scene.put_content("users.1/a", b"mine")
        await scene.fork("users.1/a", "teams.1/b")
        ref = (await scene.view("teams.1/b")).snapshot.head.content
        assert ref is not None
        await scene.store.erase(scene.tenant, "users.1", ANNA)
        assert await scene.content("teams.1/b") is None
        with pytest.raises(BackstoryError):
            await scene.store.read_content(scene.tenant, ref.root, 0, 4)

    async def test_the_same_content_of_somebody_else_stays(self, scene: Scene) -> None:
        for name in ("users.1/a", "users.2/a"):
            await scene.put(name)
            await scene.put_content(name, b"the same")
        await scene.store.erase(scene.tenant, "users.1", ANNA)
        assert await scene.content("users.2/a") == b"the same"

    async def test_what_a_subject_took_over_from_others_stays_with_them(self, scene: Scene) -> None:
        await scene.put("teams.1/a")
        await scene.append("teams.1/a", "one")
        await scene.fork("teams.1/a", "users.1/b")
        await scene.append("users.1/b", "two")
        erased = await scene.store.erase(scene.tenant, "users.1", ANNA)
        assert (erased.contexts, erased.entries, erased.forks) == (1, 1, 0)
        assert await scene.texts("teams.1/a") == ["one"]

    async def test_who_asks_is_told_of_what_changed(self, scene: Scene) -> None:
        await scene.put("users.1/a")
        await scene.append("users.1/a", "one")
        await scene.fork("users.1/a", "teams.1/b")
        gone: list[ContextKey] = []

        async def tell(keys: object) -> None:
            gone.extend(keys)  # type: ignore[arg-type]

        await scene.store.erase(scene.tenant, "users.1", ANNA, tell)
        assert set(gone) == {key("users.1/a"), key("teams.1/b")}

    async def test_nobody_else_notices(self, scene: Scene) -> None:
        other = Scene(scene.store, scene.clock, "other")
        await other.put("users.1/a", {"n": 1})
        erased = await scene.store.erase(scene.tenant, "users.1", ANNA)
        assert erased.contexts == 0
        assert await other.state("users.1/a") == {"n": 1}
        assert await scene.store.finish_erasures() == 0

    async def test_what_it_wrote_with_others_stays_under_a_name_that_tells_nothing(
        self, scene: Scene
    ) -> None:
        await scene.put("teams.1/a")
        for author in (EVE, ROBOT, EVE, NAMESAKE):
            await scene.append("teams.1/a", "text", author=author)
        await scene.put("users.eve/own")
        await scene.entries("teams.1/a")
        erased = await scene.store.erase(scene.tenant, "users.eve", EVE)
        view = await scene.view("teams.1/a")
        entries = await scene.entries("teams.1/a")
        [stand_in] = {one.author for one in entries} - {ROBOT, NAMESAKE}
        assert [one.author for one in entries] == [stand_in, ROBOT, stand_in, NAMESAKE]
        assert (stand_in.subject[:7], stand_in.trust) == ("erased-", EVE.trust)
        assert view.snapshot.head.author == NAMESAKE
        past = await scene.view("teams.1/a", at=2)
        assert past.snapshot.head.author == stand_in
        told = [one.by for one in await scene.versions("teams.1/a")]
        assert told == [ANNA, stand_in, ROBOT, stand_in, NAMESAKE]
        assert EVE not in {one.by for one in await scene.changes()}
        assert await scene.store.is_erased(erased)

    async def test_who_was_erased_and_comes_back_is_somebody_else(self, scene: Scene) -> None:
        await scene.put("teams.1/a")
        await scene.append("teams.1/a", "before", author=EVE)
        before = await scene.store.erase(scene.tenant, "users.eve", ANNA)
        await scene.append("teams.1/a", "after", author=EVE)
        first, second = [one.author for one in await scene.entries("teams.1/a")]
        assert (first != EVE, second) == (True, EVE)
        assert await scene.store.is_erased(before)
        again = await scene.store.erase(scene.tenant, "users.eve", ANNA)
        assert again.number > before.number
        _, second = [one.author for one in await scene.entries("teams.1/a")]
        assert second not in (EVE, first)

    async def test_in_another_tenant_the_same_name_stays(self, scene: Scene) -> None:
        other = Scene(scene.store, scene.clock, "other")
        for one in (scene, other):
            await one.put("teams.1/a")
            await one.append("teams.1/a", "text", author=EVE)
        await scene.store.erase(scene.tenant, "users.eve", ANNA)
        assert [one.author for one in await other.entries("teams.1/a")] == [EVE]
        assert (await other.view("teams.1/a")).snapshot.head.author == EVE

    async def test_what_binds_roles_to_it_is_erased(self, scene: Scene) -> None:
        bound = [f"_system.bindings/{name}" for name in ("subjects.1", "clients.1", "subjects.2")]
        for name in (*bound, "users.1/a"):
            await scene.put(name, {"roles": ["reader"]})
        marks = await scene.store.rights_marks(0)
        erased = await scene.store.erase(scene.tenant, "users.1", ANNA)
        assert (erased.contexts, erased.bindings) == (1, 1)
        assert await scene.store.rights_marks(0) != marks  # other nodes learn of it
        assert await scene.store.is_erased(erased)
        there = [await scene.store.view(scene.tenant, key(name)) is not None for name in bound]
        assert there == [False, True, True]
        # A client may have been bound as the subject of its own tokens.
        await scene.put(bound[0], {"roles": ["reader"]})
        assert (await scene.store.erase(scene.tenant, "clients.1", ANNA)).bindings == 2
        assert await scene.state(bound[2]) == {"roles": ["reader"]}

    async def test_names_that_a_namespace_spells_or_hashes_are_found(self, scene: Scene) -> None:
        await scene.put("teams.1/a")
        for name in ("Eve@example.com", "ä" * 60):
            author = Author(name, Trust.USER)
            await scene.append("teams.1/a", "text", author=author)
            await scene.store.erase(scene.tenant, f"users.{segment_of(name)}", ANNA)
            assert author not in {one.author for one in await scene.entries("teams.1/a")}
