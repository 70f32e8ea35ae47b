"""A process that appends from several tasks and prints each acknowledgement, until killed.

Arguments: file, name, tasks, appends of each task.
"""

import asyncio
import contextlib
import os
import sys

from backstory.domain.commits import Conditions
from backstory.errors import ExistsError, PreconditionError
from backstory.storage.sqlite import open_store
from backstory.testing import FakeClock
from backstory.testing.scene import Scene


async def main(path, name, tasks, appends):
    store = await open_store(path)
    scene = Scene(store, FakeClock())
    with contextlib.suppress(ExistsError, PreconditionError):
        await scene.put("chat", conditions=Conditions(none_match="*"))

    async def write(task):
        for n in range(appends):
            text = f"{name}:{task}:{n}"
            result = await scene.append("chat", text)
            os.write(1, f"{text} {result.seqs[0]}\n".encode())

    await asyncio.gather(*(write(task) for task in range(tasks)))
    await store.aclose()


asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
