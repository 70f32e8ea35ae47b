"""What nodes of two releases hand to each other: more than is known is passed over, and what is of
another kind is left alone."""

import msgspec
import orjson
import pytest

from backstory import limits
from backstory.caching import bodies
from backstory.caching import entries as shared
from backstory.caching.tails import Tail
from backstory.contexts import changes, listing, rotation_note, searching
from backstory.contexts.listing import Filter
from backstory.contexts.searching import Wanted
from backstory.domain.contexts import Tag
from backstory.domain.keys import ContextKey
from backstory.domain.principals import LOCAL_ADMIN
from backstory.domain.sealing import Seal
from backstory.errors import InvalidCursorError, MissingError, RenderGoneError
from backstory.messaging import messages
from backstory.ports.store import EntryPage
from backstory.rendering import records
from backstory.rendering.requests import RenderRequest, Source
from backstory.storage.tables import rotating
from backstory.testing import FakeClock
from backstory.testing.scene import Scene
from backstory.transports.mcp import sessions
from contexts.conftest import create, say

WHO = (LOCAL_ADMIN.tenant, LOCAL_ADMIN.subject)
SEAL = Seal(bytes(32))


def of_a_later_release(seal, purpose, token):
    """The same token with a member more."""
    payload = seal.open(purpose, *WHO, token)
    return seal.close(purpose, *WHO, [*payload, {"added": "later"}])


# -- cursors, sessions and render ids ------------------------------------------------------


@pytest.fixture
async def filled(contexts):
    for name in "abc":
        await create(contexts, key=ContextKey.of("users.42", name))
        await say(contexts, "tea", "tea", key=ContextKey.of("users.42", name))
    return contexts


async def test_a_cursor_of_a_list_with_more_in_it_goes_on_from_there(filled):
    first = await filled.lister.heads(LOCAL_ADMIN, Filter(), None, 1)
    cursor = of_a_later_release(filled.seal, listing.CURSOR, first.next)
    page = await filled.lister.heads(LOCAL_ADMIN, Filter(), cursor, 1)
    assert [head.key.name for head in page.items] == ["b"]


async def test_a_cursor_of_changes_with_more_in_it_goes_on_from_there(filled):
    first = await filled.stream.changes(LOCAL_ADMIN, limit=2)
    cursor = of_a_later_release(filled.seal, changes.CURSOR, first.next)
    page = await filled.stream.changes(LOCAL_ADMIN, after=cursor)
    assert page.items[0][1].key.name == "b"


async def test_a_cursor_of_a_search_with_more_in_it_goes_on_from_there(filled):
    first = await filled.searcher.search(LOCAL_ADMIN, Wanted("tea"), None, 2)
    cursor = of_a_later_release(filled.seal, searching.CURSOR, first.next)
    expected = await filled.searcher.search(LOCAL_ADMIN, Wanted("tea"), first.next, 2)
    assert await filled.searcher.search(LOCAL_ADMIN, Wanted("tea"), cursor, 2) == expected


async def test_a_session_with_more_in_it_is_known(filled):
    known = sessions.Sessions(filled)
    token = known.begin(LOCAL_ADMIN, "2025-11-25")
    later = of_a_later_release(filled.seal, sessions.PURPOSE, token)
    assert await known.find(LOCAL_ADMIN, later) == await known.find(LOCAL_ADMIN, token)


async def test_a_session_of_another_kind_is_over(filled):
    token = filled.seal.close("MCP session 9", *WHO, {"id": "x"})
    with pytest.raises(MissingError):
        await sessions.Sessions(filled).find(LOCAL_ADMIN, token)


@pytest.mark.parametrize("payload", [{"after": 1}, ["users.42"], 7, None])
async def test_a_cursor_that_holds_something_else_is_no_cursor(filled, payload):
    cursor = filled.seal.close(listing.CURSOR, *WHO, payload)
    with pytest.raises(InvalidCursorError, match="begin without it"):
        await filled.lister.heads(LOCAL_ADMIN, Filter(), cursor, 1)


def test_a_cursor_for_another_purpose_is_no_cursor():
    token = SEAL.close("cursor 2", *WHO, ["a"])
    with pytest.raises(InvalidCursorError, match="begin without it"):
        SEAL.open_members("cursor", *WHO, token, 1)


def test_a_render_id_with_more_in_it_is_read_and_one_of_another_renderer_is_gone():
    request = RenderRequest([Source("users.42/a")], "m", 100)
    record = records.Record(request, [1], "c", "f", "d", [None], [None])
    token = records.close(SEAL, LOCAL_ADMIN, record)
    later = of_a_later_release(SEAL, "render", token)
    assert records.open_(SEAL, LOCAL_ADMIN, later) == records.open_(SEAL, LOCAL_ADMIN, token)
    payload = SEAL.open("render", *WHO, token)
    payload[1]["later"] = True
    others = {"renderer 99": ["99", {"of": "another form"}], "a later release": payload}
    for said, other in others.items():
        with pytest.raises(RenderGoneError, match=said):
            records.open_(SEAL, LOCAL_ADMIN, SEAL.close("render", *WHO, other))


# -- messages on the bus -------------------------------------------------------------------


def test_words_that_are_no_marks_are_passed_over_in_a_message():
    marks = messages.Marks(bytes(32))
    sender, mark = marks.of("node"), marks.of("acme")
    found = messages.read(f"{sender} v2=x {mark} later:1")
    assert found == messages.Message(sender, (mark,))


@pytest.mark.parametrize("raw", ['{"v":2}', b"\x02binary", "v2 AAAAAAAAAAAA", ""])
def test_a_message_of_another_form_is_none(raw):
    assert messages.read(raw) is None


# -- what is kept in caches ----------------------------------------------------------------


@pytest.fixture
async def view(filled):
    return await Scene(filled.store, FakeClock(), LOCAL_ADMIN.tenant).view("users.42/a")


def with_more(body):
    """A body with a member more behind those that are known."""
    return body[:1] + msgspec.msgpack.encode([*msgspec.msgpack.decode(body[1:]), "later"])


async def test_a_body_with_more_in_it_is_read_and_one_of_another_form_is_not_there(view):
    head = view.snapshot.head
    body = bodies.encode_view(view, 5)
    assert bodies.decode_view(head.key, with_more(body)) == bodies.decode_view(head.key, body)
    assert bodies.decode_view(head.key, b"\x02" + body[1:]) is None


def test_entries_with_more_in_them_are_read_and_those_of_another_form_are_not_there():
    body = bodies.encode_tail(Tail.of(EntryPage((), more=False)))
    assert bodies.decode_tail(with_more(body)).more is False
    assert bodies.decode_tail(b"\x02" + body[1:]) is None


def test_what_lies_in_a_shared_cache_in_another_form_is_not_there():
    raw, tag = shared.encoded("k", Tag(7, b"c"), b"body"), Tag(7, b"c")
    token = raw[: shared.TOKEN_BYTES]
    assert shared.decoded("k", raw, tag, token).body == b"body"
    assert shared.decoded("k", b"BSc2" + raw[4:], tag, token).body is None


# -- notes in the store --------------------------------------------------------------------


async def test_a_note_with_more_in_it_is_read_and_one_that_cannot_be_is_none(filled):
    note = rotation_note.RotationNote(filled.store, FakeClock())
    await note.write(rows=3)
    written = await filled.store.get_note("", "keys/rotation")
    later = orjson.dumps(orjson.loads(written) | {"later": [1]})
    other = orjson.dumps({"rows": "three"})
    for said, rows in ((later, 3), (other, 0), (b"\x02", 0)):
        await filled.store.put_note("", "keys/rotation", said, limits.VERSION_MAX)
        await note.read()
        assert note.report.rows == rows


def test_a_place_with_more_in_it_is_read():
    place = rotating.Place(1, 2, 3, 4, 5)
    noted = orjson.loads(rotating._noted(place))
    assert rotating._place(orjson.dumps([*noted, "later"])) == place
