"""Which changes a subscriber is told of."""

import pytest

from backstory.contexts.watching import Listener
from backstory.domain.changes import Change, Op, Part
from backstory.domain.keys import ContextKey
from backstory.domain.principals import LOCAL_ADMIN
from backstory.errors import TooLargeError
from backstory.transports.mcp import interests
from backstory.transports.mcp.interests import PROMPTS, RESOURCES, Interest, take

URI = "context://users.ada/chat"


def change(op=Op.UPDATED, parts=Part.STATE, key="users.ada/chat", kind="conversation", id_=b"1"):
    named = key and ContextKey.parse(key)
    return Change(1, b"c", id_, named, kind, 1, op, parts, (), 0, LOCAL_ADMIN.author, 0)


async def interest(contexts, *uris, principal=LOCAL_ADMIN, **lists):
    found = Interest(principal, **lists)
    await found.add(contexts, uris)
    return found


async def test_who_missed_some_is_told_of_all_there_could_be(contexts):
    found = await interest(contexts, URI, resources=True, prompts=True)
    listener = Listener(found.wants, 2)
    for _ in range(3):
        listener.hear(change())
    assert take(listener) is None
    told = found.notices(None)
    assert {RESOURCES, PROMPTS, interests.ResourceUpdated(URI)} == set(told)
    assert take(listener) == []


async def test_each_notice_is_given_once(contexts):
    found = await interest(contexts, URI)
    assert found.notices([change(), change(), change()]) == [interests.ResourceUpdated(URI)]


@pytest.mark.parametrize("who", ["bob", "ada"])
async def test_a_purge_of_something_unknown_is_told_only_to_those_who_see_all(
    contexts, principals, who
):
    purge = change(Op.PURGED, key=None, kind=None)
    found = await interest(contexts, principal=principals[who], resources=True, prompts=True)
    assert not found.wants(purge)
    assert (await interest(contexts, resources=True)).wants(purge)


async def test_what_is_unsubscribed_is_forgotten(contexts):
    found = await interest(contexts, URI, "context://users.ada/other")
    found.keep(["context://users.ada/other"])
    assert not found.wants(change())
    assert found.wants(change(key="users.ada/other"))


async def test_the_bound_is_named(contexts, monkeypatch):
    monkeypatch.setattr("backstory.limits.SUBSCRIPTION_URIS", 1)
    with pytest.raises(TooLargeError) as failure:
        await interest(contexts, URI, "context://users.ada/other")
    assert failure.value.context["limit"] == "SUBSCRIPTION_URIS"
