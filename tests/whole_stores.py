"""A store with a past, and all that anybody can read of it: for copies, which have to tell the same."""

from backstory.testing.scene import entry, key, summary

ERASED = key("users.9/notes")
NAMES = ("chat", "users.9/notes", "fork", "doc", "gone", "again")


async def fill(scene):
    """Something of everything that a store keeps."""
    await scene.put("chat", {"step": 1}, labels=("red", "blue"))
    await scene.append("chat", "one swordfish", entry("two", "id-2", metadata={"k": "é\0"}))
    await scene.append("chat", "three", entry("four", "id-4", role="assistant", tokens=3))
    await scene.patch("chat", {"step": 2, "more": "x" * 300})
    await scene.append("chat", summary("what was said", 1, 2))
    await scene.fork("chat", "fork")
    await scene.append("fork", "only here")
    await scene.redact("chat", 3)
    await scene.restore("chat", 2)
    await scene.append("chat", "five")
    for step in range(40):  # whole documents and differences to them
        await scene.put("users.9/notes", {"step": step, "same": "y" * 200}, labels={"team": "a"})
    await scene.put("doc", {"n": 1})
    await scene.put_content("doc", b"first text " * 20_000, "text/markdown")
    await scene.put_content("doc", b"second text " * 20_000)
    await scene.put("gone", {"a": 1})
    await scene.delete("gone")
    await scene.put("again", {"a": 1})
    await scene.append("again", "before")
    await scene.delete("again")
    await scene.put("again", {"a": 2}, kind="session")
    await scene.put("purged", {"secret": 1})
    await scene.purge("purged")
    await scene.store.put_note(scene.tenant, "note", b"kept", 2**62)


async def told(scene, names=NAMES):
    """What can be read of it, version by version, as something that can be compared."""
    found = {"note": await _note(scene), "purged": await _purged(scene)}
    for name in names:
        versions = await scene.versions(name)
        found[name] = versions
        for version in [None, *(one.version for one in versions)]:
            found[name, version] = await _version(scene, name, version)
    found["search"] = [await scene.found("swordfish"), await scene.found("two")]
    return found


async def _version(scene, name, version):
    view = await scene.view(name, version)
    if view.snapshot.head.deleted:
        return view.snapshot.head
    content = await scene.content(name, version)
    return view.snapshot, list(await scene.entries(name, version)), content


async def _note(scene):
    return await scene.store.get_note(scene.tenant, "note")


async def _purged(scene):
    """What the change log tells of contexts without a name."""
    return [change for change in await scene.changes(limit=10_000) if change.key is None]


async def goes_on(scene):
    """Whether what is written next goes on from there; the store is closed then."""
    last = (await scene.changes(limit=10_000))[-1].position
    before = await scene.versions("chat")
    await scene.append("chat", "goes on", entry("known", "id-2"))
    after = await scene.versions("chat")
    known = await scene.put("gone", {"b": 1})
    await scene.put_content("doc", b"first text " * 20_000)
    await scene.store.aclose()
    return (
        after[-1].position == last + 1
        and after[-1].version == before[-1].version + 1
        and after[-1].last_seq == before[-1].last_seq + 1  # the id is known
        and known.version == 3
    )
