"""The same versions and parameters give the same bytes, later too, or a reason why not."""

import msgspec
import orjson
import pytest

from backstory.domain.keys import ContextKey
from backstory.domain.principals import LOCAL_ADMIN, Principal
from backstory.errors import MissingError, RenderGoneError
from mcp_serving import call, create
from windows import FORMS, rendered, renderer, said, turns


@pytest.mark.parametrize("form", FORMS)
async def test_it_is_the_same_byte_for_byte_after_changes(contexts, form):
    await create(contexts, "users.42/prefs", "preferences", {"tone": "short"})
    await said(contexts, ("system", "Be kind."), *turns(30))
    sources = ("users.42/prefs", "users.42/chat")
    window = await rendered(contexts, *sources, format=form, budget=900)
    assert await rendered(contexts, *sources, format=form, budget=900) == window
    await said(contexts, *turns(9))
    await create(contexts, "users.42/prefs", "preferences", {"tone": "long"})
    again = await renderer(contexts).again(LOCAL_ADMIN, window.render_id)
    assert orjson.dumps(again.view()) == orjson.dumps(window.view())
    assert again.versions["users.42/chat"] == 2


async def test_a_deleted_context_is_rendered_again_and_a_purged_one_is_gone(contexts):
    await said(contexts, *turns(3))
    window = await rendered(contexts)
    await call(contexts, "delete_context", context="users.42/chat")
    assert (await renderer(contexts).again(LOCAL_ADMIN, window.render_id)).input == window.input
    await contexts.writer.write(LOCAL_ADMIN, *_purge())
    with pytest.raises(RenderGoneError, match="purged"):
        await renderer(contexts).again(LOCAL_ADMIN, window.render_id)


def _purge():
    from backstory.contexts.writing import Intent
    from backstory.domain.commits import Purge
    from backstory.domain.policy import Verb

    key = ContextKey("users.42", "chat")
    return [Intent(Verb.WRITE, key)], lambda: [Purge(key)]


async def test_history_that_was_let_go_is_told(contexts):
    await said(contexts, *turns(3))
    window = await rendered(contexts)
    await said(contexts, *turns(3))
    await contexts.store.forget("default", ContextKey("users.42", "chat"), 3)
    with pytest.raises(RenderGoneError):
        await renderer(contexts).again(LOCAL_ADMIN, window.render_id)


async def test_an_id_is_of_one_caller_and_no_right(contexts):
    await said(contexts, *turns(3))
    reader = Principal("default", "bob", frozenset({"reader"}))
    window = await rendered(contexts, principal=reader)
    again = renderer(contexts).again
    assert (await again(reader, window.render_id)).input == window.input
    for who in (LOCAL_ADMIN, Principal("other", "bob", frozenset({"reader"}))):
        with pytest.raises(MissingError):
            await again(who, window.render_id)
    with pytest.raises(MissingError):
        await again(Principal("default", "bob", frozenset()), window.render_id)
    with pytest.raises(MissingError):
        await again(reader, window.render_id[:-2] + "xx")


async def test_what_another_renderer_made_is_gone(contexts, monkeypatch):
    from backstory.rendering import records

    await said(contexts, *turns(3))
    window = await rendered(contexts)
    made = records.RENDERER
    monkeypatch.setattr(records, "RENDERER", "0")
    with pytest.raises(RenderGoneError, match=f"renderer {made}"):
        await renderer(contexts).again(LOCAL_ADMIN, window.render_id)


def test_a_request_is_the_same_when_it_was_sealed():
    from backstory.rendering.requests import RenderRequest, Source

    request = RenderRequest([Source("a/b", max_share=0.3)], "gpt-4o", 100, reserve=3)
    assert msgspec.convert(msgspec.to_builtins(request), RenderRequest) == request
