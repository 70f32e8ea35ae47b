"""Those who watch are hurt themselves: a Prometheus that knows of no node, one that is away."""

import contextlib
import signal
import subprocess
import time

from drills.drill import Failed, Watch, failed, serving
from observing.listening import listening
from observing.pager import HEARTBEAT, Pager
from observing.profile import PROVIDER_KEYS
from serving import until


@contextlib.contextmanager
def forgotten(folder, _services):
    """The list of nodes of a Prometheus is empty."""
    watch = Watch(folder / "watch")
    with serving(folder) as server, watch.over([]):

        def put_back():
            watch.turn_to([server.url.partition("//")[2]])
            watch.program.process.send_signal(signal.SIGHUP)

        yield failed(server, put_back, watch=watch)


SILENCE_SECONDS = 3  # some minutes, in a hurry


class Heartbeat(Watch):
    """Prometheus and Alertmanager with a provider who waits for their heartbeat."""

    def __init__(self, folder, pager):
        super().__init__(folder)
        self._pager, self._beats, self._at = pager, 0, time.monotonic()

    def fires(self, _page, _target):
        """Whether the heartbeat has stayed away."""
        beats = len(self._pager.at(HEARTBEAT))
        if beats > self._beats:
            self._beats, self._at = beats, time.monotonic()
        return time.monotonic() > self._at + SILENCE_SECONDS


@contextlib.contextmanager
def silent(folder, _services):
    """A Prometheus was killed, and no alert can tell of it."""
    pager = Pager()
    watch = Heartbeat(folder, pager)
    with listening(pager.answer) as port, watch.told(f"http://127.0.0.1:{port}"):
        with watch.over([]):
            until(lambda: pager.at(HEARTBEAT), "a heartbeat")
            watch.program.process.kill()
        with contextlib.ExitStack() as again:
            yield Failed("", lambda: again.enter_context(watch.over([])), watch=watch)


@contextlib.contextmanager
def unbelieved(folder, _services):
    """The keys were taken back by which Alertmanager tells the providers."""
    watch, pager = Watch(folder), Pager()

    def believe(request):
        shown = request.headers.get("authorization", "") + request.body.decode()
        if not any(key in shown for key in PROVIDER_KEYS.values()):
            return 403, b'{"message": "Key format is not valid!"}'
        return pager.answer(request)

    def put_back():
        said = (folder / "alertmanager.log").read_text()
        assert "Notify for alerts failed" in said, said
        for name, key in PROVIDER_KEYS.items():
            subprocess.run(["sh", "-c", f"printf %s {key} >keys/{name}"], cwd=folder, check=True)
        until(lambda: pager.at(HEARTBEAT), "a heartbeat")

    with listening(believe) as port, watch.told(f"http://127.0.0.1:{port}"):
        for name, key in PROVIDER_KEYS.items():
            (folder / "keys" / name).write_text(key[::-1])
        with watch.over([]):
            yield Failed("", put_back, watch=watch)
