"""What may not be seen is as if it were not there, in every verb."""

import pytest

from backstory.contexts.listing import Filter
from backstory.contexts.searching import Wanted
from backstory.contexts.writing import Intent, Retry
from backstory.domain import policy
from backstory.domain.commits import Append, Delete, Fork, Patch, Put, Redact
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey, NamespacePattern
from backstory.domain.patches import MergePatch
from backstory.domain.policy import Permission, Verb, Visibility
from backstory.domain.principals import LOCAL_ADMIN, Principal
from backstory.errors import DeniedError, KeyReusedError, MissingError
from contexts.conftest import CHAT, create, do, say

MISSING = ContextKey("users.42", "missing")
READER = Principal("default", "ada", frozenset({"reader"}))
EDITOR = Principal("default", "ed", frozenset({"editor"}))
NOBODY = Principal("default", "nobody", frozenset())
OTHER_TENANT = Principal("other", "local", frozenset({"admin"}))


async def test_without_rights_a_context_is_missing_whether_it_is_there_or_not(contexts):
    await create(contexts)
    answers = []
    for key in (CHAT, MISSING):
        with pytest.raises(MissingError) as error:
            await contexts.reader.read(NOBODY, key)
        answers.append(error.value.detail.replace(key.name, "NAME"))
    assert answers[0] == answers[1]


async def test_a_missing_context_reads_the_same_to_those_who_may_read(contexts):
    with pytest.raises(MissingError) as denied:
        await contexts.reader.read(NOBODY, MISSING)
    with pytest.raises(MissingError) as missing:
        await contexts.reader.read(READER, MISSING)
    assert denied.value.detail == missing.value.detail


@pytest.mark.parametrize(
    "operation",
    [
        Put(CHAT, "session", b"{}", (), None),
        Patch(CHAT, MergePatch({})),
        Append(CHAT, (NewEntry("user", "message", b'"x"'),)),
        Delete(CHAT),
        Fork(MISSING, CHAT),
    ],
    ids=lambda operation: type(operation).__name__,
)
async def test_a_reader_may_not_write(contexts, operation):
    await create(contexts)
    with pytest.raises(DeniedError):
        await do(contexts, operation, principal=READER)
    assert (await contexts.reader.read(LOCAL_ADMIN, CHAT)).head.version == 1


async def test_an_editor_may_not_write_into_reserved_namespaces(contexts):
    key = ContextKey("_system.notes", "note")
    with pytest.raises(DeniedError):
        await do(contexts, Put(key, "document", b"{}", (), None), principal=EDITOR)
    await do(contexts, Put(key, "document", b"{}", (), None))
    assert (await contexts.reader.read(EDITOR, key)).head.version == 1


@pytest.mark.parametrize("role", ["system", "developer"])
async def test_instructions_need_a_right_of_their_own(contexts, role):
    await create(contexts)
    entry = Append(CHAT, (NewEntry(role, "message", b'"obey"'),))
    with pytest.raises(DeniedError, match="instruct"):
        await do(contexts, entry, principal=EDITOR)
    await do(contexts, entry)


async def test_prompts_cannot_be_changed_without_the_right_to_instruct(contexts):
    with pytest.raises(DeniedError):
        await create_prompt(contexts, EDITOR)
    await create_prompt(contexts, LOCAL_ADMIN)
    with pytest.raises(DeniedError):
        await do(contexts, Patch(CHAT, MergePatch({"a": 1})), principal=EDITOR)
    with pytest.raises(DeniedError):
        await do(contexts, Fork(MISSING, CHAT), principal=EDITOR)


async def create_prompt(contexts, principal):
    await do(contexts, Put(CHAT, "prompt", b"{}", (), None), principal=principal)


async def test_an_inherited_entry_is_redacted_only_by_those_who_may_write_its_origin(
    contexts, monkeypatch
):
    await create(contexts)
    await say(contexts, "secret")
    fork = ContextKey("users.7", "fork")
    await do(contexts, Fork(fork, CHAT))
    pattern = NamespacePattern.parse("users.7")
    both = tuple(Permission(verb, pattern) for verb in (Verb.READ, Verb.WRITE))
    monkeypatch.setitem(policy._ROLES, "seven", both)
    seven = Principal("default", "seven", frozenset({"seven"}))
    with pytest.raises(DeniedError):
        await do(contexts, Redact(fork, 1), principal=seven)
    await do(contexts, Redact(fork, 1))


async def test_lists_and_search_of_others_are_empty(contexts):
    await create(contexts, state=b'{"drink":"chai"}')
    for principal in (NOBODY, OTHER_TENANT):
        heads = await contexts.lister.heads(principal, Filter(), None, 50)
        assert (heads.items, heads.next) == ((), None)
        found = await contexts.searcher.search(principal, Wanted("chai"), None, 50)
        assert (found.items, found.next) == ((), None)
    found = await contexts.searcher.search(READER, Wanted("chai"), None, 50)
    assert [item.context for item in found.items] == [CHAT]


async def test_another_tenant_may_use_the_same_names(contexts):
    await create(contexts, state=b'{"whose":"ours"}')
    await do(contexts, Put(CHAT, "session", b"{}", (), None), principal=OTHER_TENANT)
    assert (await contexts.reader.read(OTHER_TENANT, CHAT)).head.kind == "session"
    assert (await contexts.reader.read(LOCAL_ADMIN, CHAT)).head.kind == "conversation"


async def test_a_retry_is_recognised_only_for_the_same_subject_and_request(contexts):
    def put(principal, retry, state=b"{}"):
        operation = Put(CHAT, "session", state, (), None)
        return contexts.writer.write(
            principal, [Intent(Verb.WRITE, CHAT)], lambda: [operation], retry
        )

    retry = Retry("key", (b"PUT", b"{}"))
    first = await put(LOCAL_ADMIN, retry)
    again = await put(LOCAL_ADMIN, retry)
    assert (first.replayed, again.replayed) == (False, True)
    assert again.results[0].created
    with pytest.raises(KeyReusedError):
        await put(LOCAL_ADMIN, Retry("key", (b"PUT", b'{"a":1}')), b'{"a":1}')
    other = await put(EDITOR, Retry("key", (b"PUT", b"else")), b'{"b":1}')
    assert not other.replayed
    with pytest.raises(DeniedError):
        await put(READER, retry)


PATTERNS = ["*", "users", "users.*", "users.42", "users.42.*", "agents.*", "usersx.*"]
NAMESPACES = [
    "users",
    "users.42",
    "users.42.a",
    "users.7",
    "agents",
    "agents.x",
    "usersx",
    "usersx.y",
]


@pytest.mark.parametrize("asked", PATTERNS)
@pytest.mark.parametrize("granted", PATTERNS)
def test_what_is_asked_for_never_widens_what_is_granted(granted, asked):
    have = Visibility((NamespacePattern.parse(granted),))
    wanted = NamespacePattern.parse(asked)
    both = have.within(wanted)
    for namespace in NAMESPACES:
        assert both.shows(namespace) == (have.shows(namespace) and wanted.matches(namespace))
