"""Whatever is done to a trail, in the store or in an export, is found, and where is told."""

import apsw
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backstory import zstd
from backstory.domain.audit import Tip
from backstory.errors import InvalidError
from backstory.ports.events import Acted
from backstory.security.auditing.exporting import Exporter, verify_lines
from backstory.security.auditing.retaining import Retention
from backstory.security.auditing.sealing import Auditor
from backstory.security.auditing.signing import Signer
from backstory.security.auditing.verifying import Anchor, verify
from backstory.storage.sqlite import open_store
from backstory.testing import FakeClock
from backstory.testing.scene import Scene


async def written(path):
    """Five blocks of two changes and a refusal each."""
    clock = FakeClock()
    store = await open_store(path, clock=clock)
    scene, auditor = Scene(store, clock), Auditor(store, store.secret, clock)
    for number in range(5):
        await scene.put("chat", {"n": number})
        await scene.put(f"c{number}")
        auditor.hear(Acted("acme", "eve", "", "do", "read", ("a/b",), "not_found", "::1"))
        await auditor.flush()
        await auditor.seal("acme")
    return store, clock


@pytest.fixture
async def trail(tmp_path):
    """A store's trail: SQL that tampers with it, and what is found then."""
    store, _ = await written(tmp_path / "s.db")
    number = store._inline.tenant("acme")

    class Trail:
        secret = store.secret
        opened = store

        def do(self, sql, *params):
            connection = apsw.Connection(str(tmp_path / "s.db"))
            connection.set_busy_timeout(30_000)
            connection.execute(sql, params)
            connection.close()

        def block(self, wanted):
            blocks = store._inline.all(
                "SELECT head, body FROM audit_blocks WHERE tenant = ? AND number = ?",
                number,
                wanted,
            )
            head, body = blocks[0]
            return orjson.loads(head), zstd.decompress(body).splitlines()

        def rewrite(self, wanted, lines):
            body = zstd.compress(b"\n".join(lines))
            self.do("UPDATE audit_blocks SET body = ? WHERE number = ?", body, wanted)

        async def findings(self, **more):
            found = await verify(store, store.secret, "acme", **more)
            return [f"{each.where}: {each.what}" for each in found.findings]

    yield Trail()
    await store.aclose()


async def test_a_trail_that_nobody_touched_is_whole(trail):
    assert await trail.findings() == []


async def test_a_changed_event_is_named(trail):
    _, lines = trail.block(3)
    event = orjson.loads(lines[1])
    trail.rewrite(3, [lines[0], orjson.dumps(event | {"by": "00" * 16}), lines[2]])
    assert f"block 3: event {event['seq']} was changed" in await trail.findings()


async def test_a_removed_event_is_named(trail):
    _, lines = trail.block(3)
    trail.rewrite(3, [lines[0], lines[2]])
    seq = orjson.loads(lines[1])["seq"]
    assert f"block 3: event {seq} was removed" in await trail.findings()


async def test_an_added_event_is_named(trail):
    _, lines = trail.block(3)
    trail.rewrite(3, [*lines, orjson.dumps(orjson.loads(lines[0]) | {"seq": 99})])
    assert "block 3: an event was added (99)" in await trail.findings()


async def test_moved_events_are_told_of(trail):
    _, lines = trail.block(3)
    trail.rewrite(3, lines[::-1])
    assert "block 3: its events were moved" in await trail.findings()


async def test_a_body_that_is_garbage_is_told_of(trail):
    trail.do("UPDATE audit_blocks SET body = x'00' WHERE number = 3")
    assert any(each.startswith("block 3: ") for each in await trail.findings())


async def test_a_removed_block_is_named(trail):
    trail.do("DELETE FROM audit_blocks WHERE number = 3")
    assert "block 3: missing" in await trail.findings()


async def test_removed_blocks_at_the_end_are_named(trail):
    trail.do("DELETE FROM audit_blocks WHERE number > 3")
    assert "blocks 4 to 5: missing at the end" in await trail.findings()


async def test_a_removed_beginning_is_named(trail):
    trail.do("DELETE FROM audit_blocks WHERE number < 3")
    assert "blocks 1 to 2: missing" in await trail.findings()


async def test_a_beginning_removed_with_a_forged_checkpoint_is_told_of(trail):
    said = {"form": 1, "tenant": "acme", "dropped": 2, "hash": "00" * 32, "events": 6, "upto": 4}
    forged = Signer(b"another secret").sign(orjson.dumps(said)) + orjson.dumps(said)
    trail.do("DELETE FROM audit_blocks WHERE number < 3")
    trail.do("UPDATE audit_tips SET kept = 2, checkpoint = ?", forged)
    assert "checkpoint: it is not signed by this trail's key" in await trail.findings()


async def test_blocks_that_changed_places_are_told_of(trail):
    trail.do("UPDATE audit_blocks SET last = 100 WHERE number = 2")
    trail.do("UPDATE audit_blocks SET last = 6 WHERE number = 3")
    trail.do("UPDATE audit_blocks SET last = 9 WHERE number = 2")
    found = await trail.findings()
    assert "block 2: missing" in found
    assert "block 2: it stands in the wrong place, or twice" in found


async def test_a_block_put_in_twice_is_told_of(trail):
    trail.do(
        "INSERT INTO audit_blocks SELECT tenant, number, 100, at, head, signature, body "
        "FROM audit_blocks WHERE number = 3"
    )
    assert "block 3: it stands in the wrong place, or twice" in await trail.findings()


async def test_a_head_that_was_made_anew_is_told_of(trail):
    head, lines = trail.block(3)
    made = orjson.dumps(head | {"at": 1})
    trail.do("UPDATE audit_blocks SET head = ? WHERE number = 3", made)
    found = await trail.findings()
    assert "block 3: its head was changed: it is not signed by this key" in found
    assert "block 4: it does not follow the one before it: one of both was replaced" in found
    assert len(lines) == 3


async def test_a_trail_cut_off_with_its_end_moved_is_told_of_by_the_change_log_or_an_anchor(trail):
    """Whoever can write all tables can shorten the trail; what was noted elsewhere shows it."""
    tip = await trail.opened.audit_tip("acme")
    noted = Anchor(tip.block, tip.hash.hex())
    trail.do("DELETE FROM audit_blocks WHERE number > 3")
    third = (await trail.opened.audit_blocks("acme", 0, 3))[2]
    trail.do(
        "UPDATE audit_tips SET block = 3, events = ?, position = 6, hash = ?",
        third.last,
        third.hash,
    )
    assert await trail.findings() == []
    assert await trail.findings(anchor=noted) == ["block 5: the trail does not have it (any more)"]


async def test_another_block_than_the_noted_one_is_told_of(trail):
    found = await trail.findings(anchor=Anchor(3, "00" * 32))
    assert found == ["block 3: its hash is not the one that was noted of it"]


async def test_a_change_log_that_was_altered_is_told_of(trail):
    trail.do("UPDATE changes SET author = 77 WHERE id & 1023 = 4")
    trail.do("INSERT INTO authors (id, tenant, trust, subject) VALUES (77, 1, 1, 'mallory')")
    assert await trail.findings() == ["change 4: the change log says other than the audit trail"]


async def test_a_change_removed_from_the_log_is_told_of(trail):
    trail.do("DELETE FROM changes WHERE id & 1023 = 4")
    assert await trail.findings() == ["change 4: it is gone from the change log"]


async def test_a_change_removed_before_it_was_sealed_is_told_of(tmp_path):
    clock = FakeClock()
    store = await open_store(tmp_path / "s.db", clock=clock)
    for name in ("a", "b", "c"):
        await Scene(store, clock).put(name)
    connection = apsw.Connection(str(tmp_path / "s.db"))
    connection.set_busy_timeout(30_000)
    connection.execute("DELETE FROM changes WHERE id & 1023 = 2")
    connection.close()
    await Auditor(store, store.secret, clock).seal("acme")
    (finding,) = (await verify(store, store.secret, "acme")).findings
    assert finding.where == "block 1"
    assert finding.what == "position 2 of the change log is told by no event of it"
    await store.aclose()


# -- exports ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
async def exported(tmp_path_factory):
    """The lines of an export whose first block was dropped, and its key."""
    store, clock = await written(tmp_path_factory.mktemp("export") / "s.db")
    blocks = await store.audit_blocks("acme", 0, 10)
    retention = Retention(store, store.secret, clock, days=0)
    retention._clock = type("Then", (), {"now": lambda self: blocks[0].at + 1})()
    await retention.drop_old()
    exporter = Exporter(store, store.secret, clock)
    text = b"".join([piece async for piece in exporter.lines("acme", names=True)])
    lines = text.splitlines(keepends=True)
    await store.aclose()
    return lines, Signer(store.secret).public


def found_in(lines, key):
    try:
        return verify_lines(lines, key)[0].findings
    except InvalidError:
        return ["no export"]


async def test_an_export_is_whole_with_names_and_without(exported):
    lines, key = exported
    found, public = verify_lines(lines)
    assert (found.findings, public, found.blocks, found.tip.block) == ([], key, 4, 5)
    assert found_in([line for line in lines if not line.startswith(b'{"names"')], key) == []


async def test_an_export_signed_with_another_key_is_told_of(exported):
    lines, _ = exported
    assert found_in(lines, Signer(b"another").public)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
async def test_any_change_to_any_line_of_an_export_is_found(exported, data):
    lines, key = exported
    counted = [n for n, line in enumerate(lines) if not line.startswith(b'{"names"')]
    changed = list(lines)
    place = data.draw(st.sampled_from(counted))
    match data.draw(st.sampled_from(["byte", "remove", "twice", "swap", "cut"])):
        case "byte":
            line = bytearray(changed[place])
            at = data.draw(st.integers(0, len(line) - 2))
            line[at] ^= data.draw(st.integers(1, 127))
            changed[place] = bytes(line)
        case "remove":
            del changed[place]
        case "twice":
            changed.insert(data.draw(st.integers(1, len(changed) - 1)), changed[place])
        case "swap":
            other = data.draw(st.sampled_from([n for n in counted if n != place]))
            changed[place], changed[other] = changed[other], changed[place]
        case "cut":
            changed = changed[:place]
    if [line for line in changed if line != b"\n"] == lines:
        return
    same_key = changed and changed[0] == lines[0]
    assert found_in(changed, key) or (changed[1:] == lines[1:] and not same_key)


def test_what_is_no_export_is_refused():
    for lines in ([], [b"{}"], [b"garbage"], [b'{"trail":"backstory audit 1","tenant":1}']):
        with pytest.raises(InvalidError):
            verify_lines(lines)
    with pytest.raises(InvalidError):
        verify_lines([b'{"trail":"backstory audit 1","tenant":"a","key":"zz"}'])


def test_an_empty_trail_ends_at_its_beginning():
    assert Tip() == Tip(0, 0, 0, bytes(32), 0, None)
