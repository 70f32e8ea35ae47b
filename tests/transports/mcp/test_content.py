"""Content for a model: text, cut within the bound of an answer, with what to ask next."""

import json

import pytest

from backstory import limits
from backstory.contexts.contents.storing import Sent
from backstory.domain.keys import ContextKey
from backstory.domain.principals import LOCAL_ADMIN
from backstory.transports.mcp.uris import CONTENT_TEMPLATE
from mcp_serving import ERAS, call, client, create, fail, say, serving

NAME = "users.42/chat"
LONG = "Grüße an 漢字 und alle anderen, " * 6000


async def put(contexts, data, media_type="text/plain"):
    async def body():
        yield data if isinstance(data, bytes) else data.encode()

    await contexts.storer.put(LOCAL_ADMIN, ContextKey.parse(NAME), Sent(body(), media_type))


async def test_short_content_is_shown_whole(contexts):
    await create(contexts)
    await put(contexts, "hello")
    answer = await call(contexts, "read_context", context=NAME, part="content")
    assert (answer["text"], answer["truncated"], answer["next"]) == ("hello", False, None)
    assert (answer["content"]["size"], answer["content"]["media_type"]) == (5, "text/plain")
    state = await call(contexts, "read_context", context=NAME)
    assert state["content"] == answer["content"]


async def test_long_content_is_read_piece_by_piece_of_one_version(contexts):
    await create(contexts)
    await put(contexts, LONG)
    asked, whole, count = {"context": NAME, "part": "content"}, "", 0
    while asked:
        answer = await call(contexts, "read_context", **asked)
        assert len(json.dumps(answer)) < limits.MODEL_ANSWER_BYTES
        whole += answer["text"]
        asked, count = answer["next"], count + 1
        if count == 1:
            await put(contexts, "something else in between")
    assert whole == LONG
    assert count > 5


async def test_what_is_no_text_is_not_shown(contexts):
    await create(contexts)
    for data in (b"\x89PNG\r\n\x1a\n" + bytes(100), bytes(50), b"\xff\xfe" * 40_000):
        await put(contexts, data, "image/png")
        error = await fail(contexts, "read_context", context=NAME, part="content")
        assert error["code"] == "unsupported_media_type"


async def test_an_offset_has_to_fit(contexts):
    await create(contexts)
    missing = await fail(contexts, "read_context", context=NAME, part="content")
    assert missing["code"] == "not_found"
    await put(contexts, "漢字")
    for offset in (1, 2, 7):
        error = await fail(contexts, "read_context", context=NAME, part="content", offset=offset)
        assert error["code"] == "malformed"
    answer = await call(contexts, "read_context", context=NAME, part="content", offset=3)
    assert answer["text"] == "字"


async def test_the_past_is_shown(contexts):
    await create(contexts)
    await put(contexts, "one")
    await put(contexts, "two")
    answer = await call(contexts, "read_context", context=NAME, part="content", at=2)
    assert answer["text"] == "one"


@pytest.mark.parametrize("mode", ERAS)
async def test_content_is_a_resource(contexts, mode):
    await create(contexts)
    await put(contexts, LONG)
    async with serving(contexts) as url, client(url, mode) as session:
        templates = (await session.list_resource_templates()).resource_templates
        assert CONTENT_TEMPLATE in [template.uri_template for template in templates]
        (found,) = (await session.read_resource(f"context://{NAME}/content")).contents
    view = json.loads(found.text)
    assert (view["truncated"], view["length"]) == (True, len(LONG.encode()))
    assert LONG.startswith(view["text"])
    assert len(found.text.encode()) < limits.MODEL_ANSWER_BYTES


def test_notices_name_the_content_only_when_it_changed():
    from backstory.domain.changes import Op, Part
    from backstory.transports.mcp.interests import Interest

    class Change:
        op, parts = Op.UPDATED, Part.CONTENT

    assert Interest._parts_of(Change) == {"content"}
    Change.parts = Part.STATE
    assert Interest._parts_of(Change) == set()
    Change.op = Op.DELETED
    assert Interest._parts_of(Change) == {"entries", "content"}


async def test_entries_do_not_change_content(contexts):
    await create(contexts)
    await put(contexts, "text")
    await say(contexts, "one")
    answer = await call(contexts, "read_context", context=NAME, part="content")
    assert (answer["text"], answer["version"]) == ("text", 3)
