"""Workers that die, nodes that are down or stall, a log that nobody takes, files that run out."""

import contextlib
import os
import resource
import signal
import time
from pathlib import Path

from drills.drill import CHAT, calling, failed, serving
from postgres_server import free_port
from serving import workers_of


@contextlib.contextmanager
def dying(folder, _services):
    """Something ends one of two workers whenever there is one in its place."""
    with serving(folder, "--workers", "2") as server:
        first = workers_of(server)[0]

        def end_the_others(_client):
            for worker in workers_of(server):
                if worker != first:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(worker, signal.SIGKILL)

        with calling(server.url, end_the_others) as let_live:

            def mend():
                let_live()
                server.signal(signal.SIGHUP)

            yield failed(server, mend)


@contextlib.contextmanager
def down(folder, _services):
    """A node was killed, and nobody has started it again."""
    port = ("--port", str(free_port()))
    with serving(folder, *port) as server, contextlib.ExitStack() as again:
        server.kill()
        yield failed(server, lambda: again.enter_context(serving(folder, *port)))


@contextlib.contextmanager
def stalling(folder, _services):
    """Something keeps a node from its work for half a second, again and again."""
    with serving(folder) as server:

        def stall(_client):
            server.signal(signal.SIGSTOP)
            time.sleep(0.5)
            server.signal(signal.SIGCONT)

        with calling(server.url, stall, pause=0.2) as end:
            yield failed(server, end)


@contextlib.contextmanager
def unheard(folder, _services):
    """The disk of the log is full."""
    folder.mkdir()
    log = folder / "log"
    log.symlink_to("/dev/full")
    (folder / "server.log").symlink_to(log)
    read = lambda client: client.get(CHAT)  # noqa: E731
    with serving(folder, "--access-log") as server, calling(server.url, read) as end:
        yield failed(server, end)


@contextlib.contextmanager
def crowded(folder, _services):
    """A node has nearly as many files open as it may."""
    with serving(folder) as server:
        pid = server.process.pid
        most = len(list(Path(f"/proc/{pid}/fd").iterdir())) + 4
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, before[1]))
        yield failed(server, lambda: resource.prlimit(pid, resource.RLIMIT_NOFILE, before))
