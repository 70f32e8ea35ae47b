"""What a store with keys holds in tests, whatever becomes of the keys."""

from backstory.encryption.masters import FileMaster
from backstory.testing.scene import entry

OLD, NEW = (FileMaster(bytes([n]) * 32) for n in (1, 2))


async def talk(scene):
    for name in ("users.1/chat", "teams.1/chat"):
        await scene.put(name, {"text": "secretstate1"})
        await scene.put(name, {"text": "secretstate2"})
        texts = [entry(f"secret {n}", f"id-{n}", metadata={"k": "secretmeta"}) for n in range(7)]
        await scene.append(name, *texts)
        await scene.put_content(name, b"secretcontent")
    await scene.redact("users.1/chat", 3)


async def reads_back(scene):
    for name in ("users.1/chat", "teams.1/chat"):
        assert await scene.state(name, 1) == {"text": "secretstate1"}
        assert await scene.state(name) == {"text": "secretstate2"}
        assert (await scene.texts(name))[3:] == [f"secret {n}" for n in range(3, 7)]
        assert (await scene.entries(name))[-1].id == "id-6"
        assert await scene.content(name) == b"secretcontent"
