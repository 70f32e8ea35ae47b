"""Imports keep the rules of kinds: what fits comes in, what does not is told with its place."""

import json

from backstory.contexts.writing import Intent
from backstory.domain.commits import Fork
from backstory.domain.keys import ContextKey
from backstory.domain.policy import Verb
from backstory.domain.principals import LOCAL_ADMIN, Trust
from importing import Shelf, data_file, entries, said, state

TEXTS = {"type": "array", "items": {"type": "string"}}
FRAME = {
    "type": "object",
    "properties": {
        "active_intent": {"type": "string"},
        "requested_slots": TEXTS,
        "slot_values": {"type": "object", "additionalProperties": TEXTS},
    },
    "required": ["active_intent", "requested_slots", "slot_values"],
    "additionalProperties": False,
}
SESSION = {"type": "object", "additionalProperties": FRAME}


async def register(shelf, kind, **body):
    """As an operator would: by the command."""
    file = shelf.folder / f"{kind}.json"
    file.write_text(json.dumps(body))
    await in_thread(shelf.run, "kinds", "put", kind, file)


async def in_thread(function, *arguments, **more):
    import asyncio

    return await asyncio.to_thread(lambda: function(*arguments, **more))


def dialogues(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


async def test_the_sessions_of_sgd_are_validated_turn_by_turn(tmp_path):
    shelf, path = Shelf(tmp_path), data_file("sgd/dialogues.jsonl")
    await register(shelf, "session", schema=SESSION)
    report = await in_thread(shelf.bring, "sgd", path)
    assert report["contexts"]["new"] == len(dialogues(path))
    async with shelf.open() as contexts:
        for dialogue in dialogues(path):
            key = ContextKey("imports.sgd", f"{dialogue['dialogue_id']}.session")
            head = (await contexts.reader.snapshot(LOCAL_ADMIN, key)).head
            assert (head.schema_version, head.author.trust) == (1, Trust.IMPORT)
    again = await in_thread(shelf.bring, "sgd", path)
    assert again["contexts"]["known"] == len(dialogues(path))


async def test_a_turn_that_does_not_fit_is_told_with_its_place_and_rule(tmp_path):
    """The turns before it are kept, the turn itself is not, not even what was said in it."""
    shelf, path = Shelf(tmp_path), data_file("sgd/dialogues.jsonl")
    line, dialogue, turn, slot = odd_turn(dialogues(path))
    few = {"properties": {"slot_values": {"properties": {slot: False}}}}
    strict = SESSION | {"additionalProperties": {"allOf": [FRAME, few]}}
    await register(shelf, "session", schema=strict)
    only = shelf.folder / "one.jsonl"
    only.write_text("\n" * (line - 1) + json.dumps(dialogue) + "\n")
    report = await in_thread(shelf.bring, "sgd", only, exit_code=1)
    assert report["stopped"]["line"] == line
    reason = report["stopped"]["reason"]
    assert f"/slot_values/{slot}" in reason
    assert "(rule /additionalProperties/allOf/1" in reason
    assert not any(value in reason for value in slot_values(dialogue, turn, slot))
    async with shelf.open() as contexts:
        told = await said(contexts, f"imports.sgd/{dialogue['dialogue_id']}")
        utterances = [content for _, content in told if isinstance(content, str)]
        assert utterances == [each["utterance"] for each in dialogue["turns"][:turn]]


def odd_turn(all_dialogues):
    """A dialogue with a slot that comes in with a later turn: line, dialogue, turn, slot."""
    for line, dialogue in enumerate(all_dialogues, start=1):
        seen = set()
        for number, turn in enumerate(dialogue["turns"]):
            for frame in turn["frames"]:
                for slot in frame.get("state", {}).get("slot_values", {}):
                    if slot not in seen and number > 2:
                        return line, dialogue, number, slot
                    seen.add(slot)
    raise AssertionError("no dialogue gets a slot later on")


def slot_values(dialogue, turn, slot):
    frames = dialogue["turns"][turn]["frames"]
    return [v for f in frames for v in f.get("state", {}).get("slot_values", {}).get(slot, ())]


async def test_what_transforms_change_is_recognised_when_it_comes_again(tmp_path):
    shelf = Shelf(tmp_path)
    entries = [{"role": "user", "content": "a\u202eb", "id": "1"}, {"role": "user", "content": "c"}]
    path = shelf.file("chats.jsonl", {"context": "users.1/chat", "entries": entries})
    first = await in_thread(shelf.bring, "jsonl", path)
    again = await in_thread(shelf.bring, "jsonl", path)
    assert (first["entries"]["new"], again["entries"]["new"]) == (2, 0)
    assert (again["stopped"], again["entries"]["known"]) == (None, 2)
    async with shelf.open() as contexts:
        assert await said(contexts, "users.1/chat") == [("user", "ab"), ("user", "c")]


async def test_a_kind_that_nobody_registered_is_told(tmp_path):
    shelf = Shelf(tmp_path)
    path = shelf.file("chats.jsonl", {"context": "users.1/deal", "kind": "deal", "entries": []})
    report = await in_thread(shelf.bring, "jsonl", path, exit_code=1)
    assert "unknown kind 'deal'" in report["stopped"]["reason"]
    await register(shelf, "deal", schema={"required": ["stage"]})
    report = await in_thread(shelf.bring, "jsonl", path, exit_code=1)
    assert "stage" in report["stopped"]["reason"]
    line = {"context": "users.1/deal", "kind": "deal", "state": {"stage": 1}, "entries": []}
    await in_thread(shelf.bring, "jsonl", shelf.file("more.jsonl", line))
    async with shelf.open() as contexts:
        assert await state(contexts, "users.1/deal") == {"stage": 1}


async def test_kinds_are_exported_before_what_is_of_them_and_come_in_again(tmp_path):
    """What was imported once stays marked as such, however often it is carried on."""
    shelf, other, file = Shelf(tmp_path), Shelf(tmp_path, "other.db"), tmp_path / "all.jsonl"
    await register(shelf, "deal", schema={"required": ["stage"]})
    line = {"context": "0/deal", "kind": "deal", "state": {"stage": 1}}
    line |= {"entries": [{"role": "user", "content": "hi", "id": "1"}]}
    await in_thread(shelf.bring, "jsonl", shelf.file("deals.jsonl", line))
    await in_thread(shelf.run, "export", "-o", file)
    report = await in_thread(other.bring, "jsonl", file)
    assert report["contexts"]["new"] == 2
    again = await in_thread(other.bring, "jsonl", file)
    assert (again["contexts"]["new"], again["stopped"]) == (0, None)
    async with other.open() as contexts:
        kind = await contexts.kinds.read(LOCAL_ADMIN, "deal")
        assert contexts.kinds.view(kind)["schema"] == {"required": ["stage"]}
        key, copy = ContextKey("0", "deal"), ContextKey("0", "copy")
        fork = [Fork(copy, key)]
        intents = [Intent(Verb.WRITE, copy)]
        await contexts.writer.write(LOCAL_ADMIN, intents, lambda: fork)
        for name in (key, copy):
            head = (await contexts.reader.snapshot(LOCAL_ADMIN, name)).head
            assert (head.schema_version, head.author.trust) == (1, Trust.IMPORT)
            assert [entry.author.trust for entry in await entries(contexts, str(name))] == [
                Trust.IMPORT
            ]
