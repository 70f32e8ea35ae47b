"""An export takes content along, and an import brings it back, piece by piece."""

import asyncio
import json
import random
import subprocess
import sys
import tracemalloc

import pytest

from backstory import limits
from backstory.contexts.contents.storing import Sent
from backstory.contexts.writing import Intent
from backstory.domain.commits import Append, Put
from backstory.domain.entries import NewEntry
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.domain.principals import LOCAL_ADMIN
from importing import Shelf, entries, names, state

BOOK, NOTE, EMPTY = (ContextKey("team", name) for name in ("book", "note", "empty"))
LATER = 32_503_680_000_000_000
BYTES = random.Random(7).randbytes(3 * limits.CONTENT_READ_BYTES + 77)


async def body(data):
    for start in range(0, len(data), 100_000):
        yield data[start : start + 100_000]


async def put(contexts, key, data, media_type):
    if data is not None:
        await contexts.storer.put(LOCAL_ADMIN, key, Sent(body(data), media_type))


async def make(contexts, key, data, media_type="text/plain", kind="document", **more):
    operations = [Put(key, kind, b'{"n":1}', more.get("labels", ()), more.get("expires_at"))]
    operations += [Append(key, more["said"])] if "said" in more else []
    await contexts.writer.write(LOCAL_ADMIN, [Intent(Verb.WRITE, key)], lambda: operations)
    await put(contexts, key, data, media_type)


@pytest.fixture
async def shelf(tmp_path):
    shelf = Shelf(tmp_path)
    said = (NewEntry("user", "message", b'"read it"', id="1"),)
    async with shelf.open() as contexts:
        await make(contexts, BOOK, BYTES, "application/pdf", said=said, labels={"a": "b"})
        await make(contexts, NOTE, "é\n".encode(), "text/plain; charset=utf-8", expires_at=LATER)
        await make(contexts, EMPTY, b"", "text/plain")
        await make(contexts, ContextKey("team", "plain"), None)
    return shelf


async def in_thread(function, *arguments, **more):
    return await asyncio.to_thread(lambda: function(*arguments, **more))


async def exported(shelf, *arguments):
    file = shelf.folder / "all.jsonl"
    report = await in_thread(shelf.run, "export", "-o", file, "--json", *arguments)
    return file, json.loads(report.stdout)


async def told(contexts):
    """Everything that an export promises to carry, of every context."""
    found = {}
    for name in await names(contexts):
        key = ContextKey.parse(name)
        head = (await contexts.reader.snapshot(LOCAL_ADMIN, key)).head
        content = None
        if head.content is not None:
            opened = await contexts.fetcher.open(LOCAL_ADMIN, key)
            data = await opened.read(0, opened.ref.size)
            content = (opened.ref.media_type, opened.ref.size, data)
        log = [
            (e.seq, e.id, e.role, e.type, e.content, e.metadata)
            for e in await entries(contexts, name)
        ]
        about = (head.kind, head.labels, head.expires_at)
        found[name] = (about, await state(contexts, name), log, content)
    return found


async def test_an_empty_store_is_the_same_after_an_import_of_the_export(shelf, tmp_path):
    file, report = await exported(shelf)
    assert (report["contents"], report["content_bytes"]) == (3, len(BYTES) + 3)
    other = Shelf(tmp_path, "other.db")
    brought = await in_thread(other.bring, "jsonl", file)
    assert brought["contents"] == {"new": 3, "known": 0}
    async with shelf.open() as here, other.open() as there:
        assert await told(there) == await told(here)
        assert (await told(here))[str(BOOK)][3] == ("application/pdf", len(BYTES), BYTES)
        before = await versions(there)
    again = await in_thread(other.bring, "jsonl", file)
    assert (again["contents"], again["contexts"]["new"]) == ({"new": 0, "known": 3}, 0)
    async with other.open() as there:
        assert await versions(there) == before


async def versions(contexts):
    keys = [ContextKey.parse(name) for name in await names(contexts)]
    return [(await contexts.reader.snapshot(LOCAL_ADMIN, key)).head.version for key in keys]


def piped(source, target):
    """What both commands say of `export | import`."""
    command = [sys.executable, "-m", "backstory"]
    with subprocess.Popen(
        [*command, "export", source.flag], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as export:
        done = subprocess.run(
            [*command, "import", "jsonl", "-", target.flag],
            stdin=export.stdout,
            capture_output=True,
            text=True,
            check=True,
        )
        said = export.stderr.read().decode()
    assert export.returncode == 0
    return said, done.stdout


async def test_a_pipe_moves_a_store(shelf, tmp_path):
    other = Shelf(tmp_path, "other.db")
    written, read = await asyncio.to_thread(piped, shelf, other)
    assert "4 contexts with 1 entries, 3 contents" in written
    assert read == (
        "4 conversations new, 0 known; 1 entries new, 0 known; 3 contents new, 0 known\n"
    )
    async with shelf.open() as here, other.open() as there:
        assert await told(there) == await told(here)


async def test_imports_of_one_export_at_the_same_time_bring_each_content_once(shelf, tmp_path):
    file, _ = await exported(shelf)
    other = Shelf(tmp_path, "other.db")
    command = [
        sys.executable,
        "-m",
        "backstory",
        "import",
        "jsonl",
        str(file),
        other.flag,
        "--json",
    ]
    started = [
        await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE) for _ in range(3)
    ]
    told_by = [json.loads((await each.communicate())[0])["contents"] for each in started]
    assert sum(each["new"] for each in told_by) == 3
    assert sum(each["known"] for each in told_by) == 6
    async with shelf.open() as here, other.open() as there:
        assert await told(there) == await told(here)


async def test_content_that_is_there_already_stays_as_it_is(shelf, tmp_path):
    file, _ = await exported(shelf)
    other = Shelf(tmp_path, "other.db")
    async with other.open() as there:
        await make(there, BOOK, b"mine", "text/plain")
    report = await in_thread(other.bring, "jsonl", file)
    assert report["contents"] == {"new": 2, "known": 1}
    async with other.open() as there:
        assert (await there.fetcher.open(LOCAL_ADMIN, BOOK)).ref.size == 4


async def test_an_import_that_ended_in_the_middle_of_content_is_completed_by_the_next(shelf):
    file, _ = await exported(shelf)
    whole = file.read_text().splitlines(keepends=True)
    at = next(n for n, line in enumerate(whole) if json.loads(line).get("content"))
    half = shelf.folder / "half.jsonl"
    half.write_text("".join(whole[: at + 2]))
    other = Shelf(shelf.folder, "other.db")
    report = await in_thread(other.bring, "jsonl", half, exit_code=1)
    assert report["stopped"]["line"] == at + 2
    assert f"has {len(BYTES)} bytes and ends at " in report["stopped"]["reason"]
    report = await in_thread(other.bring, "jsonl", file)
    assert report["contents"]["new"] == 3
    async with shelf.open() as here, other.open() as there:
        assert await told(there) == await told(here)


def piece(**more):
    about = {"media_type": "text/plain", "size": 4, "offset": 0, "data": "YWJjZA=="} | more
    return {"context": "a/b", "content": about}


HEAD = {"context": "a/b", "kind": "document"}
FIRST, REST = piece(data="YWI="), piece(offset=2, data="Y2Q=")


@pytest.mark.parametrize(
    ("lines", "bad", "reason"),
    [
        ([piece()], 1, "there is no context a/b"),
        ([HEAD, piece(data="?")], 2, "base64"),
        ([HEAD, piece(data=7)], 2, "base64"),
        ([HEAD, piece(size=3)], 2, "of 3"),
        ([HEAD, piece(size=-1)], 2, "size"),
        ([HEAD, piece(size=True)], 2, "size"),
        ([HEAD, piece(size=limits.CONTENT_BYTES + 1)], 2, str(limits.CONTENT_BYTES)),
        ([HEAD, piece(media_type="plain")], 2, "media type"),
        ([HEAD, piece(data="")], 2, "0 bytes"),
        ([HEAD, piece() | {"kind": "document"}], 2, "context and content"),
        ([HEAD, {"context": "a/b", "content": {"size": 1}}], 2, "media_type"),
        ([HEAD, {"context": "a/b", "content": "words"}], 2, "an entry has a role"),
        ([HEAD, REST], 2, "not what stands before"),
        ([HEAD, FIRST], 2, "has 4 bytes and ends at 2"),
        ([HEAD, FIRST, HEAD | {"context": "a/c"}], 2, "has 4 bytes and ends at 2"),
        ([HEAD, FIRST, piece(offset=3, data="ZA==")], 2, "has 4 bytes and ends at 2"),
    ],
)
def test_pieces_that_do_not_make_a_whole_are_told_once_and_leave_no_content(
    tmp_path, lines, bad, reason
):
    shelf = Shelf(tmp_path)
    report = shelf.bring("jsonl", shelf.file("a.jsonl", *lines), "--skip-bad")
    (told,) = report["skipped"]["items"]
    assert (told["line"], reason in told["reason"]) == (bad, True), told
    assert report["contents"] == {"new": 0, "known": 0}
    dry = shelf.bring("jsonl", shelf.folder / "a.jsonl", "--skip-bad", "--dry-run")
    assert dry["skipped"]["count"] == (0 if "no context" in reason else 1)


async def test_what_has_expired_meanwhile_is_passed_over_with_its_content(tmp_path):
    shelf = Shelf(tmp_path)
    gone = HEAD | {"expires_at": "2020-01-01T00:00:00Z"}
    report = await in_thread(shelf.bring, "jsonl", shelf.file("a.jsonl", gone, FIRST, REST))
    assert (report["expired"], report["contents"]) == (1, {"new": 0, "known": 0})


async def test_large_content_is_never_in_memory_as_a_whole(tmp_path):
    shelf, other = Shelf(tmp_path), Shelf(tmp_path, "other.db")
    data = random.Random(8).randbytes(48 * limits.MIB)
    async with shelf.open() as contexts:
        await make(contexts, BOOK, data, "application/pdf")
    del data
    tracemalloc.start()
    try:
        file, _ = await exported(shelf)
        await in_thread(other.bring, "jsonl", file)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 32 * limits.MIB
    async with other.open() as there:
        assert (await there.fetcher.open(LOCAL_ADMIN, BOOK)).ref.size == 48 * limits.MIB
