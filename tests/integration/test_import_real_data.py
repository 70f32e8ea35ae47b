"""Real conversations come in whole: every utterance, call, result and state, in order."""

import json

import orjson

from backstory import limits
from backstory.domain.keys import ContextKey
from backstory.domain.principals import LOCAL_ADMIN, Trust
from importing import Shelf, data_file, entries, names, said, state


def parsed(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def told_by_taskmaster(dialog):
    """What an import has to keep of a dialog, worked out from the file alone."""
    for utterance in dialog["utterances"]:
        yield utterance["speaker"], utterance["text"]
        notes = utterance["annotations"]
        for at, note in enumerate(notes):
            if note["name"] not in {"api_call", "api_response"}:
                continue
            follower = notes[at + 1] if at + 1 < len(notes) else {}
            value = follower.get("value") if follower.get("context") == note["context"] else None
            number = note["context"].rsplit("_", 1)[1]
            if note["name"] == "api_call":
                part = {"type": "tool_call", "id": f"api_call_{number}", "name": note["value"]}
                yield "assistant", [part | {"arguments": parsed(value) if value else {}}]
            else:
                part = {"type": "tool_result", "tool_call_id": f"api_call_{number}"}
                yield "tool", [part | {"name": note["value"], "content": value}]


async def test_all_taskmaster_dialogs_come_in_whole(tmp_path):
    shelf, path = Shelf(tmp_path), data_file("taskmaster4/dialogs.jsonl")
    dialogs = [json.loads(line) for line in path.read_text().splitlines()]
    report = await in_thread(shelf.bring, "taskmaster", path)
    assert report["contexts"] == {"new": len(dialogs), "extended": 0, "known": 0}
    async with shelf.open() as contexts:
        assert len(await names(contexts)) == len(dialogs) == 500
        for dialog in dialogs:
            context = f"imports.taskmaster/{dialog['conversation_id']}"
            assert await said(contexts, context) == list(told_by_taskmaster(dialog))
            facts = await state(contexts, context)
            assert facts["scenario"] == dialog["scenario"]
            assert facts.get("instructions") == dialog["instructions"]
            key = ContextKey.parse(context)
            head = (await contexts.reader.snapshot(LOCAL_ADMIN, key)).head
            assert (head.version, head.kind, head.author.trust) == (1, "conversation", Trust.IMPORT)


def told_by_sgd(dialogue):
    """The entries of each turn, and the session's state after it."""
    session = {}
    for number, turn in enumerate(dialogue["turns"]):
        calls, results = [], []
        for index, frame in enumerate(turn["frames"]):
            if "state" in frame:
                session = session | {frame["service"]: frame["state"]}
            if "service_call" in frame:
                call, name = f"call_{number}_{index}", frame["service_call"]["method"]
                arguments = frame["service_call"]["parameters"]
                calls.append((call, name, arguments))
                results.append((call, name, frame["service_results"]))
        yield calls, results, turn["utterance"], session


def seen_in(turn):
    """What entries say, in the form of `told_by_sgd`."""
    calls, results, utterance = [], [], None
    for role, content in turn:
        if isinstance(content, str):
            utterance = content
            continue
        for part in content:
            if role == "assistant":
                calls.append((part["id"], part["name"], part["arguments"]))
            else:
                result = orjson.loads(part["content"])
                results.append((part["tool_call_id"], part["name"], result))
    return calls, results, utterance


async def test_every_turn_of_sgd_can_be_read_back_with_its_state(tmp_path):
    shelf, path = Shelf(tmp_path), data_file("sgd/dialogues.jsonl")
    dialogues = [json.loads(line) for line in path.read_text().splitlines()]
    report = await in_thread(shelf.bring, "sgd", path)
    assert report["contexts"]["new"] == len(dialogues)
    async with shelf.open() as contexts:
        for dialogue in dialogues:
            context = f"imports.sgd/{dialogue['dialogue_id']}"
            turns = list(told_by_sgd(dialogue))
            every = await entries(contexts, context)
            shown = [(entry.role, orjson.loads(entry.content)) for entry in every]
            session = await versions(contexts, f"{context}.session")
            commits = await versions(contexts, context)
            assert list(commits) == list(range(1, len(turns) + 1)), "a commit for each turn"
            start, at = 0, 0
            for version, (calls, results, utterance, state_then) in enumerate(turns, start=1):
                at = max((v for v, c in session.items() if c == commits[version]), default=at)
                assert await state(contexts, f"{context}.session", at) == state_then
                upto = sum(1 for entry in every if entry.version <= version)
                assert seen_in(shown[start:upto]) == (calls, results, utterance)
                start = upto
            assert start == len(every)
            assert await state(contexts, f"{context}.session") == turns[-1][-1]


async def versions(contexts, context):
    """The commit of each version."""
    found = await contexts.historian.versions(
        LOCAL_ADMIN,
        ContextKey.parse(context),
        after=0,
        before=limits.VERSION_MAX,
        limit=limits.PAGE_MAX,
        newest_first=False,
    )
    return {change.version: change.commit for change in found}


async def in_thread(function, *arguments):
    import asyncio

    return await asyncio.to_thread(function, *arguments)
