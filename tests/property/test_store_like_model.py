"""Whatever is done to both, each store shows what the model shows."""

import asyncio
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from msgspec import Struct, structs

from backstory.caching.memory import MemoryCache
from backstory.caching.store import CachedStore
from backstory.clock import SECOND
from backstory.domain.chunking import cut
from backstory.domain.commits import (
    Append,
    Commit,
    Conditions,
    Delete,
    Fork,
    Idempotency,
    Patch,
    Purge,
    Put,
    PutContent,
    Redact,
    Restore,
)
from backstory.domain.content import Hold, Manifest, NewContent
from backstory.domain.keys import ContextKey
from backstory.domain.patches import MergePatch
from backstory.domain.principals import SYSTEM
from backstory.domain.subjects import TENANT as NOBODY
from backstory.encryption import cipher
from backstory.encryption.masters import FileMaster
from backstory.errors import BackstoryError
from backstory.limits import MIB
from backstory.ports.store import ChangeQuery, EntryQuery, HeadQuery, SearchQuery
from backstory.storage.postgres.store import open_store as open_postgres
from backstory.storage.sqlite import open_store as open_sqlite
from backstory.storage.sqlite.vault import SqliteVault
from backstory.storage.tables.safe import Safe
from backstory.testing import FakeClock, ModelStore
from backstory.testing.scene import ALL, ANNA, ROBOT, entry, sees, summary
from scrubs import scrubbed

TENANT = "acme"
KEYS = [ContextKey.parse(name) for name in ("users.1/a", "users.1/b", "users.2/c", "users.2/d")]
WORDS = ("apple", "pear", "green apple")
keys = st.sampled_from(KEYS)
seqs = st.integers(1, 6)
versions = st.integers(1, 9)
texts = st.sampled_from([*WORDS, "plum"])
ids = st.sampled_from([None, None, "x", "y", "0b5ae2f4-6f1c-4b8e-9c55-3c1d0f1f7a11"])
states = st.fixed_dictionaries(
    {"text": texts}, optional={"n": st.integers(0, 3), "pad": st.just("p" * 300)}
).map(orjson.dumps)
labels = st.sampled_from([(), ("red",), {"color": "red"}])
lives = st.sampled_from([None, None, None, 20])
conditions = st.builds(
    Conditions, if_version=st.none() | versions, none_match=st.none() | st.just("*")
)
rarely_conditions = st.one_of(*[st.just(Conditions())] * 6, conditions)
BODIES = (b"", b"a" * 9000, b"a" * 9000 + b"b" * 9000, b"other " * 20_000)
HASHES = list(dict.fromkeys(chunk.ref.hash for body in BODIES for chunk in cut(body)))
contents = st.sampled_from(BODIES)
holders = st.sampled_from([b"h1", b"h2"])
tokens = st.sampled_from([None, 0, 7])
covers = st.tuples(st.integers(1, 4), st.integers(0, 2)).map(lambda at: (at[0], sum(at)))
summaries = st.builds(lambda text, at: summary(text, *at), texts, covers)
entries = st.lists(
    st.one_of(*[st.builds(entry, texts, ids, tokens=tokens)] * 3, summaries), min_size=1, max_size=3
).map(tuple)
simple_operations = st.one_of(
    st.builds(
        lambda key, kind, state, labels, life, held: (
            lambda now: Put(key, kind, state, labels, life and now + life * SECOND, held)
        ),
        keys,
        st.sampled_from(["conversation", "session", None]),
        states,
        labels,
        lives,
        rarely_conditions,
    ),
    st.builds(
        lambda key, patch, held: lambda _: Patch(key, MergePatch(patch), held),
        keys,
        st.fixed_dictionaries({"n": st.none() | st.integers(0, 9)}),
        rarely_conditions,
    ),
    st.builds(
        lambda key, new, held: lambda _: Append(key, new, held), keys, entries, rarely_conditions
    ),
    st.builds(lambda key, held: lambda _: Delete(key, held), keys, rarely_conditions),
)


class StoreLikeModel(RuleBasedStateMachine):
    beginning = "gr*"

    def __init__(self):
        super().__init__()
        self.clock = FakeClock()
        self.runner = asyncio.Runner()
        self.model = ModelStore(self.clock)
        self.store = self.runner.run(self.open())
        self.commits = 0

    def teardown(self):
        damage, _ = self.runner.run(scrubbed(getattr(self.store, "_store", self.store)))
        assert damage == []
        self.runner.run(self.store.aclose())
        self.runner.run(self.remove())
        self.runner.close()

    # -- what is done ------------------------------------------------------------------

    def do(self, *operations, author=ANNA, idempotency=None):
        self.commits += 1
        now = self.clock.advance(micros=1)
        name = self.commits.to_bytes(10, "big")
        commit = Commit(TENANT, name, author, now, operations, idempotency)
        self.same(lambda store: store.commit(commit))

    def same(self, call):
        """Both answer the same, or refuse with the same error."""
        expected, found = (self.answer(call, store) for store in (self.model, self.store))
        assert found == expected

    def answer(self, call, store):
        try:
            return plain(self.runner.run(call(store)))
        except BackstoryError as error:
            return type(error), error.context.get("current")

    def version(self, key, number):
        """Mostly a version that the context really has."""
        snapshot = self.runner.run(self.model.snapshot(TENANT, key))
        return number % (snapshot.head.version + 1) + 1 if snapshot else number

    @initialize(state=states, new=entries)
    def begin(self, state, new):
        """Some of the names exist, and one of them is a fork."""
        for key in KEYS[:2]:
            self.do(Put(key, "conversation", state, ("red",), None))
            self.do(Append(key, new))
        self.do(Fork(KEYS[2], KEYS[0]))

    @rule(operation=simple_operations, author=st.sampled_from([ANNA, ROBOT]))
    def one_operation(self, operation, author):
        self.do(operation(self.clock.now()), author=author)

    @rule(key=keys, new=entries)
    def append(self, key, new):
        self.do(Append(key, new))

    @rule(key=keys, state=states, new=entries)
    def begin_again(self, key, state, new):
        """A name that was taken away is used again."""
        snapshot = self.runner.run(self.model.snapshot(TENANT, key))
        if snapshot is None or not snapshot.head.alive(self.clock.now()):
            self.do(Put(key, "session", state, (), None), Append(key, new))

    @rule(several=st.lists(simple_operations, min_size=2, max_size=4))
    def several_operations(self, several):
        self.do(*(operation(self.clock.now()) for operation in several))

    @rule(operation=simple_operations, name=st.sampled_from([b"k1", b"k2"]))
    def with_an_idempotency_key(self, operation, name):
        wanted = operation(self.clock.now())
        self.do(wanted, idempotency=Idempotency(name, repr(wanted.key).encode()))

    @rule(key=keys, version=versions)
    def restore(self, key, version):
        self.do(Restore(key, self.version(key, version)))

    @rule(source=keys, name=keys, at=st.none() | versions)
    def fork(self, source, name, at):
        if source != name:
            self.do(Fork(name, source, at and self.version(source, at)))

    @rule(key=keys, seq=seqs)
    def redact(self, key, seq):
        self.do(Redact(key, seq))

    @rule(key=keys, seq=seqs, other=keys, new=entries)
    def redact_and_append(self, key, seq, other, new):
        if key != other:
            self.do(Redact(key, seq), Append(other, new))

    @rule(key=keys)
    def purge(self, key):
        self.do(Purge(key))

    @rule(key=keys, before=versions)
    def forget(self, key, before):
        before = self.version(key, before)
        self.same(lambda store: store.forget(TENANT, key, before))

    @rule(seconds=st.sampled_from([1, 15, 90_000]), sweep=st.booleans())
    def time_passes(self, seconds, sweep):
        now = self.clock.advance(seconds=seconds)
        if sweep:
            self.same(lambda store: store.sweep(now))

    @rule(key=keys, data=contents, holder=holders)
    def upload(self, key, data, holder):
        self.same(lambda store: store.keep_chunks(TENANT, key, holder, cut(data)))

    @rule(key=keys, data=contents, visible=st.sampled_from([ALL, sees("users.1"), sees()]))
    def put_content(self, key, data, visible):
        manifest = Manifest.of(chunk.ref for chunk in cut(data))
        self.do(PutContent(key, NewContent(manifest, "text/plain", Hold(b"h1", visible))))

    @rule(key=keys, data=contents)
    def upload_and_put_content(self, key, data):
        self.upload(key, data, b"h1")
        self.put_content(key, data, sees())

    @rule(key=keys)
    def drop_content(self, key):
        self.do(PutContent(key, None))

    @rule(holder=holders)
    def let_go(self, holder):
        self.same(lambda store: store.let_go(TENANT, holder))

    # -- what is seen ------------------------------------------------------------------

    @invariant()
    def all_contexts_look_the_same(self):
        for key in KEYS:
            self.same(lambda store, key=key: store.snapshot(TENANT, key))
            self.same(lambda store, key=key: present(store, key))
            head = self.runner.run(self.model.snapshot(TENANT, key))
            for at in (None, *range(1, head.head.version + 2 if head else 2)):
                self.same(lambda store, key=key, at=at: seen(store, key, at))

    @invariant()
    def the_log_looks_the_same(self):
        self.same(mark)
        for visible in (ALL, sees("users.1")):
            for after, limit in ((0, 1000), (3, 2)):
                query = ChangeQuery(visible, after, limit)
                self.same(lambda store, query=query: store.changes(TENANT, query))
        for key in KEYS:
            self.same(lambda store, key=key: history(store, key))

    @invariant()
    def the_same_chunks_are_held(self):
        for visible in (ALL, sees("users.2"), sees()):
            hold = Hold(b"h1", visible)
            self.same(lambda store, hold=hold: store.held_chunks(TENANT, KEYS[0], hold, HASHES))

    @invariant()
    def the_same_is_found(self):
        for query in (
            HeadQuery(ALL),
            HeadQuery(sees("users.2"), kind="session", limit=1),
            HeadQuery(ALL, label="color=red", after=KEYS[0]),
        ):
            self.same(lambda store, query=query: store.heads(TENANT, query))
        for word in WORDS:
            more = SearchQuery(sees("users.1"), (word, self.beginning))
            for query in (SearchQuery(ALL, (word,)), more):
                self.same(lambda store, query=query: matches(store, query))


async def seen(store, key, at):
    """A context at a version, with all its entries, whatever the logs are numbered."""
    view = await store.view(TENANT, key, at)
    if view is None:
        return None
    whole = await store.page(TENANT, view.chain, EntryQuery())
    back = EntryQuery(after=1, before=6, limit=2, descending=True)
    part = await store.page(TENANT, view.chain, back)
    stand_ins = await store.summaries(TENANT, view.chain, 6, 2)
    origins = [await store.origin(TENANT, piece.log) for piece in view.chain.pieces]
    ref = view.snapshot.head.content
    body = ref and await store.read_content(TENANT, ref.root, 0, ref.size)
    return view.snapshot, view.chain.spans, whole, part, list(stand_ins), origins, body


PAGES = (
    EntryQuery(limit=2, descending=True),
    EntryQuery(after=1, before=4, descending=True),
    EntryQuery(max_bytes=20, descending=True),
    EntryQuery(after=2, limit=1),
    EntryQuery(max_bytes=15),
)


async def present(store, key):
    """A context as it stands, with pages of its entries."""
    found = [await store.view_and_page(TENANT, key, query) for query in PAGES]
    return [one and (one[0].snapshot, one[0].chain.spans, one[1]) for one in found]


async def mark(store):
    return replace(await store.mark(TENANT), epoch="")


async def history(store, key):
    bounds = {"after": 1, "before": 8, "limit": 4, "newest_first": True}
    return (
        await store.versions(TENANT, key, **bounds),
        [await store.version_at(TENANT, key, seq) for seq in range(8)],
        list(await store.redactions(TENANT, key, 1, 7)),
    )


async def matches(store, query):
    """Matches are ranked later, so their order means nothing."""
    found = await store.matches(TENANT, query)
    texts = [await store.match_text(TENANT, match, query.terms) for match in found]
    return sorted(zip(found, texts, strict=True), key=repr)


def plain(value):
    """Without the ids of the commits that a store makes itself, and lists as tuples."""
    if isinstance(value, list | tuple):
        return tuple(map(plain, value))
    if hasattr(value, "head"):
        return changed(value, head=plain(value.head))
    if hasattr(value, "results"):
        return changed(value, results=plain(value.results))
    if hasattr(value, "changes"):
        return changed(value, changes=plain(value.changes))
    if getattr(value, "author", None) == SYSTEM or getattr(value, "by", None) == SYSTEM:
        return changed(value, commit=b"")
    return value


def changed(value, **members):
    """A copy with other members, of a structure or of a data class."""
    return (structs.replace if isinstance(value, Struct) else replace)(value, **members)


class SqliteLikeModel(StoreLikeModel):
    async def open(self):
        self.folder = Path(tempfile.mkdtemp())
        return await open_sqlite(self.folder / "s.db", clock=self.clock)

    async def remove(self):
        shutil.rmtree(self.folder)


class EncryptedLikeModel(SqliteLikeModel):
    """All under one key: chunks are shared, as in the model."""

    beginning = "green"  # of a word is not found

    async def open(self):
        self.folder = Path(tempfile.mkdtemp())
        safe = Safe(lambda: SqliteVault(self.folder / "s.keys"), [FileMaster(bytes(32))])
        return await open_sqlite(self.folder / "s.db", clock=self.clock, safe=safe)


class PostgresLikeModel(StoreLikeModel):
    server = None

    async def open(self):
        await self.server.do("CREATE DATABASE property TEMPLATE template")
        return await open_postgres(self.server.url("property"), clock=self.clock)

    async def remove(self):
        await self.server.do("DROP DATABASE property WITH (FORCE)")


class CachedLikeModel(PostgresLikeModel):
    async def open(self):
        store = await super().open()
        return CachedStore(store, MemoryCache(MIB), self.clock, shared=True)


def examples(number, steps=25):
    return settings(
        max_examples=number,
        stateful_step_count=steps,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.slow
def test_sqlite_is_like_the_model():
    run_state_machine_as_test(SqliteLikeModel, settings=examples(25))


@pytest.mark.slow
def test_an_encrypted_store_is_like_the_model(monkeypatch):
    monkeypatch.setattr(cipher, "subject_of", lambda _: NOBODY)
    run_state_machine_as_test(EncryptedLikeModel, settings=examples(8))


@pytest.mark.slow
def test_postgres_is_like_the_model(postgres, monkeypatch):  # the server's fixture
    monkeypatch.setattr(PostgresLikeModel, "server", postgres)
    run_state_machine_as_test(PostgresLikeModel, settings=examples(6, steps=20))


@pytest.mark.slow
def test_a_cached_store_is_like_the_model(postgres, monkeypatch):  # the server's fixture
    monkeypatch.setattr(PostgresLikeModel, "server", postgres)
    run_state_machine_as_test(CachedLikeModel, settings=examples(5, steps=20))
