"""The part of the contract about finding: lists, search, and notes."""

from __future__ import annotations

import pytest

from backstory import ids
from backstory.clock import SECOND
from backstory.domain.commits import Commit, Delete, Operation, Purge, Put
from backstory.domain.keys import ContextKey
from backstory.domain.principals import SYSTEM
from backstory.errors import SearchDisabledError
from backstory.ports.store import HeadQuery, SearchQuery
from backstory.testing.contract_base import Contract
from backstory.testing.scene import ALL, Scene, entry, key, sees


class FindingContract(Contract):
    """What is found, in which order, by whom."""

    async def names(self, scene: Scene, **query: object) -> list[str]:
        asked = HeadQuery(**{"visible": ALL, **query})  # type: ignore[arg-type]
        return [str(head.key) for head in await scene.store.heads(scene.tenant, asked)]

    async def test_heads_are_listed_in_order_of_their_bytes(self, scene: Scene) -> None:
        for name in ("b/x", "a.b/y", "a/z", "a-b/w", "a/B", "a0/v", "a/a"):
            await scene.put(name)
        ordered = ["a/B", "a/a", "a/z", "a-b/w", "a.b/y", "a0/v", "b/x"]
        assert await self.names(scene) == ordered
        assert await self.names(scene, visible=sees("a.*")) == ["a/B", "a/a", "a/z", "a.b/y"]
        paged: list[str] = []
        while page := await self.names(
            scene, limit=2, after=ContextKey.parse(paged[-1]) if paged else None
        ):
            paged += page
        assert paged == ordered

    async def test_patterns_cover_whole_segments_only(self, scene: Scene) -> None:
        for name in ("users/a", "users.1/a", "users.10/a", "users.1.x/a", "users.1-x/a"):
            await scene.put(name)
        assert await self.names(scene, visible=sees("users.1")) == ["users.1/a"]
        assert await self.names(scene, visible=sees("users.1.*")) == ["users.1/a", "users.1.x/a"]
        both = sees("users.10", "users.1.*", "users.1.x")
        assert await self.names(scene, visible=both) == ["users.1/a", "users.1.x/a", "users.10/a"]
        assert await self.names(scene, visible=sees()) == []

    async def test_heads_can_be_filtered(self, scene: Scene) -> None:
        await scene.put("a", kind="session", labels=("red", "big"))
        moment = scene.clock.now() + 1
        await scene.put("b", kind="document", labels={"color": "red"})
        await scene.put("c", kind="session")
        assert await self.names(scene, kind="session") == ["users.1/a", "users.1/c"]
        assert await self.names(scene, label="red") == ["users.1/a"]
        assert await self.names(scene, label="color=red") == ["users.1/b"]
        assert await self.names(scene, label="color") == ["users.1/b"]
        assert await self.names(scene, updated_since=moment) == ["users.1/b", "users.1/c"]
        assert await self.names(scene, label="red", kind="document") == []
        await scene.put("a", labels=("green",), kind=None)
        assert await self.names(scene, label="red") == []
        assert await self.names(scene, label="green") == ["users.1/a"]

    async def test_only_the_living_are_listed(self, scene: Scene) -> None:
        await scene.put("dead", labels=("x",))
        await scene.put("purged", labels=("x",))
        await scene.put("late", labels=("x",), expires_at=scene.clock.now() + SECOND)
        await scene.delete("dead")
        await scene.purge("purged")
        scene.clock.advance(seconds=2)
        assert await self.names(scene) == []
        assert await self.names(scene, label="x") == []

    async def test_words_of_states_and_entries_are_found(self, scene: Scene) -> None:
        await scene.put("prefs", {"drink": "green tea", "nested": {"list": ["Espresso"]}})
        await scene.put("chat")
        await scene.append("chat", "I like green apples", "and tea")
        assert await scene.found("green") == {"prefs", "chat#1"}
        assert await scene.found("green", "tea") == {"prefs"}
        assert await scene.found("ESPRESSO") == {"prefs"}
        assert await scene.found("drink") == set()
        assert await scene.found("coffee") == set()

    async def test_accents_and_case_make_no_difference(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.append("chat", "Ein Kännchen CAFÉ")
        assert await scene.found("kannchen", "café") == {"chat#1"}

    async def test_phrases_are_found(self, scene: Scene) -> None:
        await scene.put("chat", {"title": "good green tea"})
        await scene.append("chat", "green tea tastes good", "tea, green and good")
        assert await scene.found("green tea") == {"chat", "chat#1"}
        assert await scene.found("good", "green") == {"chat", "chat#1", "chat#2"}

    async def test_beginnings_are_found_where_words_are_not_hashed(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.append("chat", "green tea tastes good", "tea, green and good")
        if self.ENCRYPTED:
            with pytest.raises(SearchDisabledError):
                await scene.found("tast*")
            return
        assert await scene.found("tast*") == {"chat#1"}
        assert await scene.found("green te*") == {"chat#1"}
        assert await scene.found("goo*", "green") == {"chat#1", "chat#2"}

    async def test_nothing_in_a_query_is_syntax(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.append("chat", "near the old OR new bridge")
        assert await scene.found("NEAR") == {"chat#1"}
        assert await scene.found('"old" OR', "-new") == {"chat#1"}
        assert await scene.found("scope:t1") == set()
        assert await scene.found("body", "*") == set()
        assert await scene.found("!!!") == set()
        assert await scene.found("bridge", "!!!") == {"chat#1"}

    async def test_only_what_is_visible_is_found(self, scene: Scene) -> None:
        other = Scene(scene.store, scene.clock, "other")
        for one in (scene, other):
            await one.put("users.1/mine", {"text": "tea"})
            await one.put("users.2/theirs", {"text": "tea"}, kind="session", labels=("x",))
        assert await scene.found("tea") == {"mine", "theirs"}
        assert await scene.found("tea", visible=sees("users.1")) == {"mine"}
        assert await scene.found("tea", kind="session") == {"theirs"}
        assert await scene.found("tea", label="x") == {"theirs"}
        assert await scene.found("tea", label="y") == set()

    async def test_a_match_tells_what_ranking_needs(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.append("chat", "tea and more tea and sugar")
        query = SearchQuery(ALL, ("tea", "and more", "sugar", "?"))
        (match,) = await scene.store.matches(scene.tenant, query)
        assert match.frequencies == (2, 1, 1, 0)
        assert match.length == len(b'"tea and more tea and sugar"')
        assert (match.seq, match.at) == (1, scene.clock.now())
        assert match.head == (await scene.view("chat")).snapshot.head

    async def test_long_entries_are_found_and_come_back_as_they_were(self, scene: Scene) -> None:
        text = " ".join(f"word{n} and more" for n in range(200)) + " ünd Täe"
        await scene.put("chat")
        await scene.append("chat", text)
        assert await scene.texts("chat") == [text]
        query = SearchQuery(ALL, ("word17", "more word150", "and"))
        (match,) = await scene.store.matches(scene.tenant, query)
        assert match.frequencies == (1, 1, 200)
        assert match.length == len(text.encode()) + 2
        found = await scene.store.match_text(scene.tenant, match, ("täe",))
        assert found is not None
        assert [text[a:b] for a, b in found.highlights] == ["Täe"]
        await scene.redact("chat", 1)
        assert await scene.found("word17") == set()

    async def test_the_text_of_a_match_has_its_words_marked(self, scene: Scene) -> None:
        await scene.put("chat", {"title": "Über Käse", "n": 1, "x": ["Brie", {"y": "Käse"}]})
        query = SearchQuery(ALL, ("käse",))
        (match,) = await scene.store.matches(scene.tenant, query)
        text = await scene.store.match_text(scene.tenant, match, query.terms)
        assert text is not None
        assert text.text == "Über Käse\nBrie\nKäse"
        assert [text.text[a:b] for a, b in text.highlights] == ["Käse", "Käse"]
        await scene.delete("chat")
        assert await scene.store.match_text(scene.tenant, match, query.terms) is None

    async def test_what_was_changed_or_taken_away_is_found_no_more(self, scene: Scene) -> None:
        await scene.put("state", {"text": "apple"})
        await scene.patch("state", {"text": "pear"})
        await scene.put("chat")
        await scene.append("chat", "apple one", "apple two", "apple three")
        await scene.redact("chat", 2)
        assert await scene.found("apple") == {"chat#1", "chat#3"}
        assert await scene.found("pear") == {"state"}
        await scene.delete("chat")
        assert await scene.found("apple") == set()
        await scene.restore("chat", 2)
        assert await scene.found("apple") == {"chat#1", "chat#3"}
        await scene.purge("chat")
        assert await scene.found("apple") == set()

    async def test_a_fork_shows_inherited_entries_in_search(self, scene: Scene) -> None:
        await scene.put("a")
        await scene.append("a", "apple one", "apple two")
        await scene.fork("a", "b", at=2)
        await scene.append("a", "apple three")
        await scene.append("b", "apple of b")
        found = {"a#1", "a#2", "a#3", "b#1", "b#2", "b#3"}
        assert await scene.found("apple") == found
        await scene.restore("a", 1)
        assert await scene.found("apple") == {"b#1", "b#2", "b#3"}
        await scene.purge("a")
        assert await scene.found("apple") == {"b#1", "b#2", "b#3"}

    async def test_the_entries_of_one_context_can_be_searched_alone(self, scene: Scene) -> None:
        await scene.put("a", {"text": "apple"})
        await scene.append("a", "apple one", "pear", "apple three")
        await scene.fork("a", "b")
        await scene.append("a", "apple four")
        await scene.append("b", "apple of b")
        await scene.redact("a", 3)
        of_a, of_b = key("a"), key("b")
        assert await scene.found("apple", entries_of=of_a) == {"a#1", "a#4"}
        assert await scene.found("apple", entries_of=of_b) == {"b#1", "b#4"}
        query = SearchQuery(ALL, ("apple",), candidates=1, entries_of=of_b)
        (newest,) = await scene.store.matches(scene.tenant, query)
        assert newest.seq == 4
        assert await scene.found("apple", entries_of=of_a, visible=sees("users.2")) == set()
        await scene.restore("a", 1)
        assert await scene.found("apple", entries_of=of_a) == set()
        await scene.delete("b")
        assert await scene.found("apple", entries_of=of_b) == set()
        assert await scene.found("apple", entries_of=key("none")) == set()

    async def test_without_terms_each_context_is_found_once(self, scene: Scene) -> None:
        await scene.put("a", labels=("x",))
        await scene.put("b", labels=("x",))
        await scene.put("c")
        await scene.append("a", entry("one"))
        assert await scene.found(label="x") == {"a", "b"}
        query = SearchQuery(ALL, (), label="x", candidates=1)
        (newest,) = await scene.store.matches(scene.tenant, query)
        assert newest.head.key == key("a")

    async def test_no_more_is_found_than_was_asked_for(self, scene: Scene) -> None:
        await scene.put("chat")
        await scene.append("chat", *(f"tea {n}" for n in range(20)))
        query = SearchQuery(ALL, ("tea",), candidates=5)
        assert len(await scene.store.matches(scene.tenant, query)) == 5

    async def test_notes_are_kept_until_their_end(self, scene: Scene) -> None:
        store, end = scene.store, scene.clock.now() + SECOND
        await store.put_note("acme", "session/1", b"\0one", end)
        await store.put_note("acme", "session/1", b"two", end)
        await store.put_note("other", "session/1", b"theirs", end)
        assert await store.get_note("acme", "session/1") == b"two"
        assert await store.get_note("acme", "session/2") is None
        await store.delete_note("acme", "session/1")
        await store.delete_note("acme", "session/1")
        assert await store.get_note("acme", "session/1") is None
        assert await store.get_note("other", "session/1") == b"theirs"
        now = scene.clock.advance(seconds=1)
        assert await store.get_note("other", "session/1") is None
        await store.sweep(now)

    async def test_notes_are_listed_by_how_their_names_begin(self, scene: Scene) -> None:
        store, end = scene.store, scene.clock.now() + SECOND
        for name in ("a/2", "a/1", "a/10", "a_1", "b/1"):
            await store.put_note("acme", name, name.encode(), end)
        await store.put_note("acme", "a/3", b"", scene.clock.now())
        await store.put_note("other", "a/4", b"theirs", end)
        found = await store.list_notes("acme", "a/")
        assert list(found) == [("a/1", b"a/1"), ("a/10", b"a/10"), ("a/2", b"a/2")]
        assert [name for name, _ in await store.list_notes("acme", "a/", "a/1", 1)] == ["a/10"]
        assert not await store.list_notes("acme", "c/")
        assert not await store.list_notes("nobody", "a/")

    async def test_a_note_is_swapped_only_by_who_knows_it(self, scene: Scene) -> None:
        store, end = scene.store, scene.clock.now() + SECOND
        assert not await store.swap_note("acme", "n", b"one", b"two", end)
        assert await store.swap_note("acme", "n", None, b"one", end)
        assert not await store.swap_note("acme", "n", None, b"two", end)
        assert await store.swap_note("acme", "n", b"one", b"two", end)
        assert await store.get_note("acme", "n") == b"two"
        scene.clock.advance(seconds=1)
        assert not await store.swap_note("acme", "n", b"two", b"three", end + SECOND)
        assert await store.swap_note("acme", "n", None, b"three", end + SECOND)
        assert await store.get_note("acme", "n") == b"three"

    async def test_it_is_told_whose_roles_were_changed(self, scene: Scene) -> None:
        store, since = scene.store, scene.clock.now()

        async def change(tenant: str, namespace: str, operation: str = "put") -> bytes:
            place = ContextKey(namespace, "one")
            kinds: dict[str, Operation] = {
                "put": Put(place, "session", b"{}", (), scene.clock.now() + 9 * SECOND),
                "delete": Delete(place),
                "purge": Purge(place),
            }
            at = scene.clock.advance(seconds=1)
            made = Commit(tenant, ids.commit_id(), SYSTEM, at, (kinds[operation],))
            await store.commit(made)
            return made.id

        await change("acme", "users.1")
        assert await store.rights_marks(since) == []
        first = await change("acme", "_system.roles")
        other = await change("other", "_system.bindings")
        assert dict(await store.rights_marks(since)) == {"acme": first, "other": other}
        await change("acme", "_system.notes")
        second = await change("acme", "_system.roles", "delete")
        third = await change("other", "_system.bindings", "purge")
        assert dict(await store.rights_marks(since)) == {"acme": second, "other": third}
        last = scene.clock.now()
        await change("third", "_system.roles")
        (told,) = await store.rights_marks(last + 1)
        assert told[0] == "third"
        await store.sweep(scene.clock.advance(seconds=20))
        (expired,) = await store.rights_marks(last + 2 * SECOND)
        assert expired[0] == "third"
        assert expired[1] != told[1]

    async def test_a_store_knows_its_life_and_its_secret(self, scene: Scene) -> None:
        assert scene.store.first_epoch
        assert scene.store.epoch.isalnum()
        assert len(scene.store.secret) == 32
        await scene.store.check()
