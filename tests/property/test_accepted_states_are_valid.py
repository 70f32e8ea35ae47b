"""Whatever is accepted fits the schema that is in force, in whatever order things happen."""

import asyncio

import jsonschema_rs
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory.clock import SystemClock
from backstory.contexts.service import Contexts
from backstory.contexts.writing import Intent
from backstory.domain.commits import Append, Conditions, Patch, Put
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.patches import MergePatch
from backstory.domain.policy import Verb
from backstory.domain.principals import LOCAL_ADMIN
from backstory.errors import InvalidError, MissingError
from backstory.messaging.local import LocalBus
from backstory.ports.store import EntryQuery
from backstory.processing.ruling import PipelineRules
from backstory.testing import ModelStore

KEY = ContextKey("sales", "acme")
MEMBERS = st.sampled_from(["a", "b", "c"])
VALUES = st.one_of(
    st.integers(0, 3), st.booleans(), st.sampled_from(["x", "a\u202eb", "long text"])
)
STATES = st.dictionaries(MEMBERS, VALUES)
RULES = st.one_of(
    st.sampled_from(["integer", "string", "boolean"]).map(lambda name: {"type": name}),
    st.integers(0, 3).map(lambda most: {"maximum": most, "maxLength": most}),
    st.just({"enum": ["x", "ab", 1]}),
)
SCHEMAS = st.fixed_dictionaries(
    {"properties": st.dictionaries(MEMBERS, RULES)},
    optional={"required": st.lists(MEMBERS, unique=True, max_size=1)},
)
ROLES = st.sampled_from(["user", "tool"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("register"), SCHEMAS, ROLES),
        st.tuples(st.just("put"), STATES),
        st.tuples(st.just("patch"), st.dictionaries(MEMBERS, st.none() | VALUES)),
        st.tuples(st.just("append"), ROLES),
    ),
    max_size=25,
)


class Trial:
    """One context of a kind whose schema changes all the time."""

    def __init__(self, contexts):
        self.contexts = contexts
        self.schema, self.roles, self.appended = {}, {"user", "tool"}, []

    async def do(self, step):
        match step:
            case ("register", schema, role):
                body = {"schema": schema, "compatibility": "none"}
                body["entry_schema"] = {"properties": {"role": {"const": role}}}
                register = self.contexts.kinds.register
                await register(LOCAL_ADMIN, "session", lambda: body, Conditions())
                self.schema, self.roles = schema, {role}
            case ("put", state):
                await self.write(Put(KEY, "session", orjson.dumps(state), (), None))
            case ("patch", document):
                await self.write(Patch(KEY, MergePatch(document)))
            case ("append", role):
                entry = NewEntry(role, "message", b'"hi"')
                if await self.write(Append(KEY, (entry,))) is not None:
                    assert role in self.roles
                    self.appended.append(role)

    async def write(self, operation):
        intents = [Intent(Verb.WRITE, KEY)]
        try:
            outcome = await self.contexts.writer.write(LOCAL_ADMIN, intents, lambda: [operation])
        except (InvalidError, MissingError):
            return None
        if outcome.id is not None and not isinstance(operation, Append):
            snapshot = await self.contexts.reader.snapshot(LOCAL_ADMIN, KEY)
            state = orjson.loads(snapshot.state)
            assert jsonschema_rs.is_valid(self.schema, state), (self.schema, state)
            assert "\u202e" not in str(state)
        return outcome


async def run(steps):
    store, clock = ModelStore(), SystemClock()
    bus = LocalBus()
    contexts = Contexts(store, bus, clock, PipelineRules())
    trial = Trial(contexts)
    for step in steps:
        await trial.do(step)
    if trial.appended:
        reading = await contexts.reader.read(LOCAL_ADMIN, KEY, query=EntryQuery())
        assert [entry.role for entry in reading.page.entries] == trial.appended
    await contexts.aclose()


@settings(deadline=None, max_examples=60)
@given(STEPS)
def test_what_is_accepted_fits_the_schema_in_force(steps):
    asyncio.run(run(steps))
