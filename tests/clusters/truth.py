"""The contexts of a cluster under load: how they begin, and what they hold in the end."""

from dataclasses import dataclass

from backstory.testing.histories import Kept, Truth
from clusters.caller import TRUE_NOW

NAMESPACE = "team.cluster"
CHAT, COUNTER, LEDGER = (f"{NAMESPACE}/{name}" for name in ("chat", "counter", "ledger"))


@dataclass(frozen=True)
class Start:
    """Where watchers begin: the cursor behind so many changes."""

    cursor: str
    after: int


def path(context):
    return f"/v1/contexts/{context}"


async def prepare(caller):
    """Make the contexts."""
    for context in (CHAT, COUNTER, LEDGER):
        kind = "session" if context == COUNTER else "conversation"
        body = {"kind": kind, "state": {"n": 0} if context == COUNTER else {}}
        made = await caller.send("PUT", path(context), json=body)
        assert made.status == 201, made.answer.text
    changes, cursor = await _changes(caller)
    return Start(cursor, len(changes))


async def found(caller):
    """What is true when all is over, the same on every node; and the change log."""
    changes, _ = await _changes(caller)
    truth = {CHAT: await _log(caller, CHAT, changes), LEDGER: await _log(caller, LEDGER, changes)}
    truth[COUNTER] = await _counter(caller, changes)
    for context, one in truth.items():
        for _ in caller.load.nodes:
            head = await _get(caller, path(context))
            assert head["version"] == len(one.versions)
            assert head["entry_count"] == sum(len(kept.seqs) for kept in one.versions)
    return truth, tuple((context_of(change), change["version"]) for change in changes)


def context_of(change):
    return f"{change['namespace']}/{change['name']}"


async def _get(caller, where, **query):
    answered = await caller.send("GET", where, params=query, headers=TRUE_NOW)
    assert answered.status == 200, answered.answer.text
    return answered.answer.json()


async def _changes(caller):
    """The whole change log, and the cursor behind it."""
    changes, after = [], {}
    while True:
        page = await _get(caller, "/v1/changes", namespace=NAMESPACE, limit=1000, **after)
        if not page["items"]:
            return changes, page["next"]
        changes += page["items"]
        after = {"after": page["next"]}


async def _log(caller, context, changes):
    """Each version of a log, by its change, with the entries that it brought."""
    entries, after = {}, 0
    while True:
        page = await _get(caller, path(context) + "/entries", after=after, limit=1000)
        entries |= {item["seq"]: item for item in page["items"]}
        if page["next"] is None:
            break
        after = page["next"]
    versions = []
    for change in changes:
        if context_of(change) == context:
            seqs = [seq for first, last in change["seqs"] for seq in range(first, last + 1)]
            brought = [entries.pop(seq) for seq in seqs]
            assert {entry["version"] for entry in brought} <= {change["version"]}
            tokens = tuple(entry["content"] for entry in brought)
            versions.append(Kept(change["version"], tokens, tuple(seqs)))
    assert not entries, "entries that no change tells of"
    return Truth(tuple(versions))


async def _counter(caller, changes):
    """Each version of a state, read back; it says who wrote it."""
    versions, state = [], {}
    for change in changes:
        if context_of(change) == COUNTER:
            state = (await _get(caller, path(COUNTER), at=change["version"]))["state"]
            tokens = (state["by"],) if "by" in state else ()
            versions.append(Kept(change["version"], tokens))
    return Truth(tuple(versions), state["n"])
