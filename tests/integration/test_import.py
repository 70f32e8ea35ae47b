"""An import may be stopped, repeated and doubled, and loses and adds nothing by it."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from functools import partial

import orjson
import pytest

from backstory import limits
from backstory.contexts.writing import Intent
from backstory.domain.commits import Append, Patch, Redact
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.patches import MergePatch
from backstory.domain.policy import Verb
from backstory.domain.principals import LOCAL_ADMIN
from importing import Shelf, entries, lines, names, said, state

COMMAND = [sys.executable, "-m", "backstory"]
PIPE = subprocess.PIPE
NOTHING_NEW = {"new": 0, "extended": 0}


@pytest.fixture
def shelf(tmp_path):
    return Shelf(tmp_path)


def start(*arguments, **streams):
    """The command in a process of its own."""
    return subprocess.Popen([*COMMAND, *map(str, arguments)], **streams)


def dialog(number, *more):
    words = ["hello", f"I am {number}", *more]
    utterances = [
        {"index": i, "speaker": "user", "text": text, "annotations": []}
        for i, text in enumerate(words)
    ]
    return {"conversation_id": f"dlg-{number}", "utterances": utterances}


def turn(speaker, said, state=None):
    frame = {"service": "S", "actions": []} | ({"state": state} if state else {})
    return {"speaker": speaker, "utterance": said, "frames": [frame]}


def dialogue(turns):
    talk = [
        turn("SYSTEM", f"turn {n}") if n % 2 else turn("USER", f"turn {n}", {"slots": {"n": n}})
        for n in range(turns)
    ]
    return {"dialogue_id": "7_1", "services": ["S"], "turns": talk}


async def write(contexts, operation):
    intents = [Intent(Verb.WRITE, operation.key)]
    return await contexts.writer.write(LOCAL_ADMIN, intents, lambda: [operation])


def new_entry(text, entry_id=None):
    return NewEntry("user", "message", orjson.dumps(text), id=entry_id)


async def test_a_repeat_adds_nothing_and_says_what_was_known(shelf):
    file = shelf.file("d.jsonl", *(dialog(n) for n in range(40)))
    first = await asyncio.to_thread(shelf.bring, "taskmaster", file)
    assert (first["contexts"]["new"], first["entries"]) == (40, {"new": 80, "known": 0})
    second = await asyncio.to_thread(shelf.bring, "taskmaster", file)
    assert second["contexts"] == NOTHING_NEW | {"known": 40}
    assert second["entries"] == {"new": 0, "known": 80}
    async with shelf.open() as contexts:
        key = ContextKey.parse("imports.taskmaster/dlg-7")
        assert (await contexts.reader.snapshot(LOCAL_ADMIN, key)).head.version == 1


async def test_a_file_that_has_grown_brings_what_is_new_behind_what_was_added_here(shelf):
    await asyncio.to_thread(shelf.bring, "taskmaster", shelf.file("d.jsonl", dialog(1)))
    key = ContextKey.parse("imports.taskmaster/dlg-1")
    async with shelf.open() as contexts:
        await write(contexts, Append(key, (new_entry("written here"),)))
        await write(contexts, Patch(key, MergePatch({"mine": True})))
    grown = shelf.file("d.jsonl", dialog(1, "and more"))
    for known, new in ((2, 1), (3, 0)):
        report = await asyncio.to_thread(shelf.bring, "taskmaster", grown)
        assert report["entries"] == {"new": new, "known": known}
    async with shelf.open() as contexts:
        texts = [content for _, content in await said(contexts, str(key))]
        assert texts == ["hello", "I am 1", "written here", "and more"]
        assert (await state(contexts, str(key)))["mine"] is True


async def test_an_entry_that_was_redacted_does_not_come_back(shelf):
    file = shelf.file("d.jsonl", dialog(1))
    await asyncio.to_thread(shelf.bring, "taskmaster", file)
    async with shelf.open() as contexts:
        await write(contexts, Redact(ContextKey.parse("imports.taskmaster/dlg-1"), 1))
    report = await asyncio.to_thread(shelf.bring, "taskmaster", file)
    assert report["entries"] == {"new": 0, "known": 2}
    async with shelf.open() as contexts:
        shown = await said(contexts, "imports.taskmaster/dlg-1")
        assert "hello" not in [content for _, content in shown]


def test_an_entry_with_other_words_is_told_of_and_not_added(shelf):
    shelf.bring("taskmaster", shelf.file("d.jsonl", dialog(1)))
    changed = dialog(1)
    changed["utterances"][0]["text"] = "other words"
    report = shelf.bring("taskmaster", shelf.file("e.jsonl", changed), exit_code=1)
    assert "has another entry at seq 1" in report["stopped"]["reason"]
    assert report["entries"]["new"] == 0


def test_two_conversations_with_one_id_in_a_file_are_not_merged(shelf):
    other = dialog(1) | {"utterances": dialog(2)["utterances"]}
    file = shelf.file("d.jsonl", dialog(1), other)
    report = shelf.bring("taskmaster", file, "--skip-bad")
    assert report["entries"]["new"] == 2
    assert [item["line"] for item in report["skipped"]["items"]] == [2]


def test_a_context_of_another_kind_is_told_of(shelf):
    shelf.bring("jsonl", shelf.file("a.jsonl", {"context": "a/b", "kind": "document"}))
    lines = shelf.file("b.jsonl", {"context": "a/b", "role": "user", "content": "x"})
    report = shelf.bring("jsonl", lines, exit_code=1)
    assert "as a document, not a conversation" in report["stopped"]["reason"]


def broken(shelf, *bad):
    """A file with conversations 0 to 9 and broken lines behind the fifth."""
    path = shelf.folder / "broken.jsonl"
    good = [lines(dialog(n)).encode() for n in range(10)]
    path.write_bytes(
        b"".join(good[:5]) + b"".join(line + b"\n" for line in bad) + b"".join(good[5:])
    )
    return path


BAD_LINES = [
    b'{"conversation_id": ',
    b'{"conversation_id": "\xff", "utterances": []}',
    b'{"conversation_id": "\\ud800", "utterances": []}',
    b'{"conversation_id": "x", "conversation_id": "y", "utterances": []}',
    b'{"conversation_id": "x", "utterances": NaN}',
    b'{"conversation_id": "x"}',
]


@pytest.mark.parametrize("bad", BAD_LINES)
async def test_a_bad_line_stops_the_import_and_what_stands_before_it_stays(shelf, bad):
    path = broken(shelf, bad)
    answer = await asyncio.to_thread(shelf.run, "import", "taskmaster", path, exit_code=1)
    assert f"{path}:6: " in answer.stderr
    assert answer.stdout.startswith("5 conversations new")
    async with shelf.open() as contexts:
        assert await names(contexts) == [f"imports.taskmaster/dlg-{n}" for n in range(5)]


def test_bad_lines_are_passed_over_and_counted_where_that_is_wanted(shelf):
    path = broken(shelf, *BAD_LINES)
    answer = shelf.run("import", "taskmaster", path, "--skip-bad")
    assert answer.stdout.strip().endswith("6 skipped")
    assert [f"{path}:{n}:" in answer.stderr for n in range(5, 13)] == [False, *[True] * 6, False]
    report = shelf.bring("taskmaster", path, "--skip-bad")
    assert report["contexts"]["known"] == 10
    assert [item["line"] for item in report["skipped"]["items"]] == [6, 7, 8, 9, 10, 11]


def test_a_dry_run_reads_everything_and_makes_no_store(shelf):
    report = shelf.bring("taskmaster", broken(shelf, *BAD_LINES), "--skip-bad", "--dry-run")
    assert (report["read"], report["entries"]["new"], report["skipped"]["count"]) == (10, 20, 6)
    assert not (shelf.folder / "store.db").exists()


def test_wrong_arguments_are_told_before_anything_is_opened(shelf):
    file = shelf.file("d.jsonl", dialog(1))
    assert (
        "not a namespace"
        in shelf.run("import", "taskmaster", file, "--namespace", "No Such", exit_code=2).stderr
    )
    shelf.run("import", "slack", file, exit_code=2)
    shelf.run("import", "taskmaster", shelf.folder / "missing.jsonl", exit_code=2)
    shelf.run("import", "taskmaster", shelf.folder, exit_code=2)
    assert not (shelf.folder / "store.db").exists()


def test_a_store_that_cannot_be_opened_is_told_alone(shelf):
    (shelf.folder / "store.db").write_bytes(b"not a database, but long enough to be one" * 200)
    file = shelf.file("d.jsonl", dialog(1))
    answer = shelf.run("import", "taskmaster", file, exit_code=1)
    assert answer.stderr.startswith("error: ")
    assert answer.stdout == ""


def test_what_has_expired_already_is_not_brought_back(shelf):
    file = shelf.file(
        "a.jsonl",
        {"context": "a/b", "expires_at": "2020-01-01T00:00:00Z", "entries": []},
        {"context": "a/c", "expires_at": "2999-01-01T00:00:00Z", "entries": []},
    )
    report = shelf.bring("jsonl", file)
    assert (report["contexts"]["new"], report["expired"]) == (1, 1)
    assert "1 expired already" in shelf.run("import", "jsonl", file).stdout


def test_the_namespace_may_be_chosen(shelf):
    shelf.bring("taskmaster", shelf.file("d.jsonl", dialog(1)), "--namespace", "team.coffee")
    assert '"context":"team.coffee/dlg-1"' in shelf.run("export").stdout


async def test_a_conversation_over_the_bounds_comes_in_parts_and_goes_on_after_a_stop(shelf):
    count = 2 * limits.COMMIT_ENTRIES + 500
    talk = {"messages": [{"role": "user", "content": f"{n}"} for n in range(count)]}
    file = shelf.folder / "talk.json"
    file.write_text(json.dumps(talk), encoding="utf-8")
    half = shelf.folder / "part" / "talk.json"
    half.parent.mkdir()
    half.write_text(json.dumps({"messages": talk["messages"][:1200]}), encoding="utf-8")
    assert (await asyncio.to_thread(shelf.bring, "openai", half))["entries"]["new"] == 1200
    report = await asyncio.to_thread(shelf.bring, "openai", file)
    assert report["entries"] == {"new": count - 1200, "known": 1200}
    async with shelf.open() as contexts:
        shown = await said(contexts, "imports.openai/talk")
        assert shown == [("user", f"{n}") for n in range(count)]


def test_large_entries_are_written_in_commits_within_the_bound_of_a_body(shelf):
    large = "x" * (limits.ENTRY_BYTES - 100)
    value = {"context": "a/b", "entries": [{"role": "user", "content": large}] * 20}
    assert shelf.bring("jsonl", shelf.file("a.jsonl", value))["entries"]["new"] == 20
    assert shelf.bring("jsonl", shelf.folder / "a.jsonl")["entries"]["known"] == 20


async def test_the_turns_of_a_session_go_on_where_an_import_was_stopped(shelf):
    await asyncio.to_thread(shelf.bring, "sgd", shelf.file("d.jsonl", dialogue(5)))
    async with shelf.open() as contexts:
        key = ContextKey.parse("imports.sgd/7_1")
        await write(contexts, Append(key, (new_entry("written here"),)))
    whole = shelf.file("d.jsonl", dialogue(12))
    report = await asyncio.to_thread(shelf.bring, "sgd", whole)
    assert report["entries"] == {"new": 7, "known": 5}
    assert (await asyncio.to_thread(shelf.bring, "sgd", whole))["entries"]["new"] == 0
    async with shelf.open() as contexts:
        assert await state(contexts, "imports.sgd/7_1.session") == {"S": {"slots": {"n": 10}}}
        assert await state(contexts, "imports.sgd/7_1.session", 3) == {"S": {"slots": {"n": 4}}}
        head = (await contexts.reader.snapshot(LOCAL_ADMIN, session())).head
        assert head.version == 6


def session():
    return ContextKey.parse("imports.sgd/7_1.session")


@pytest.mark.slow
@pytest.mark.parametrize("source", ["taskmaster", "sgd", "jsonl"])
async def test_imports_of_the_same_file_at_the_same_time_bring_each_entry_once(shelf, source):
    values = {
        "taskmaster": [dialog(n) for n in range(100)],
        "sgd": [dialogue(40)],
        "jsonl": [
            {"context": "a/b", "entries": [{"role": "user", "content": f"{n}", "id": f"~{n}"}]}
            for n in range(1, 101)
        ],
    }[source]
    file = shelf.file("d.jsonl", *values)
    command = ["import", source, file, "--json", shelf.flag]
    running = [start(*command, stdout=PIPE) for _ in range(3)]
    outputs = [await asyncio.to_thread(process.communicate, timeout=60) for process in running]
    reports = [json.loads(out) for out, _ in outputs]
    together = sum(report["entries"]["new"] for report in reports)
    each = reports[0]["entries"]["new"] + reports[0]["entries"]["known"]
    assert together == each
    async with shelf.open() as contexts:
        found = [len(await entries(contexts, name)) for name in await names(contexts)]
        assert sum(found) == each


@pytest.mark.faults
async def test_an_import_that_was_killed_is_completed_by_the_same_command(shelf):
    """The first half comes through a pipe, so that the kill always falls in the middle."""
    values = [dialog(n, *(f"line {i}" for i in range(20))) for n in range(200)]
    file = shelf.file("d.jsonl", *values)
    process = start("import", "taskmaster", "-", shelf.flag, stdin=PIPE)
    try:
        process.stdin.write(lines(*values[:120]).encode())
        process.stdin.flush()
        seen = await wait_for_changes(shelf, 40)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
    assert process.returncode == -signal.SIGKILL
    report = await asyncio.to_thread(shelf.bring, "taskmaster", file)
    contexts_there = report["contexts"]
    assert contexts_there["new"] + contexts_there["known"] == 200
    assert contexts_there["known"] >= seen
    assert contexts_there["extended"] == 0, "a conversation comes in as one commit"
    async with shelf.open() as contexts:
        for value in values:
            shown = await said(contexts, f"imports.taskmaster/{value['conversation_id']}")
            assert [text for _, text in shown] == [u["text"] for u in value["utterances"]]


async def wait_for_changes(shelf, count):
    """Until that many changes were seen by this other process, which may take a minute."""
    found, cursor = 0, None
    async with asyncio.timeout(60), shelf.open() as contexts:
        while found < count:
            page = await contexts.stream.changes(LOCAL_ADMIN, after=cursor, wait=10)
            found, cursor = found + len(page.items), page.next
    return found


@pytest.mark.faults
async def test_an_interrupted_import_says_how_to_go_on(shelf):
    values = [dialog(n) for n in range(80)]
    command = ["import", "taskmaster", "-", shelf.flag]
    # Whoever is started in the background may have been told to ignore the signal.
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = start(*command, stdin=PIPE, stdout=PIPE, stderr=PIPE, preexec_fn=heed)
    process.stdin.write(lines(*values).encode())
    process.stdin.flush()
    await wait_for_changes(shelf, 32)
    process.send_signal(signal.SIGINT)
    out, err = await asyncio.to_thread(process.communicate, timeout=60)
    assert process.returncode == 130
    assert b"conversations new" in out
    assert b"the same command goes on" in err


def test_there_is_no_progress_bar_where_nobody_watches(shelf):
    file = shelf.file("d.jsonl", dialog(1))
    arguments = [*COMMAND, "import", "taskmaster", str(file), shelf.flag]
    done = subprocess.run(arguments, capture_output=True, check=True)
    assert done.stdout == b"1 conversations new, 0 known; 2 entries new, 0 known\n"
    assert done.stderr == b""


def test_there_is_a_progress_bar_on_a_terminal(shelf):
    import pty

    file = shelf.file("d.jsonl", dialog(1))
    ours, theirs = pty.openpty()
    arguments = [*COMMAND, "import", "taskmaster", str(file), shelf.flag]
    environ = os.environ | {"TERM": "xterm"}
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=theirs, check=True, env=environ)
    os.close(theirs)
    shown = os.read(ours, 65536).decode(errors="replace")
    os.close(ours)
    assert "1 conversations" in shown
    assert done.stdout.startswith(b"1 conversations new")
