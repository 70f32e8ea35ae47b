"""What tests of the edge have in common: who calls, who is told, and how often one may come."""

from backstory.caching.pacing import MemoryPacer
from backstory.domain.principals import Principal
from backstory.domain.rates import Rate
from backstory.observability.telling import Told
from backstory.ports.events import Acted, Ended
from backstory.transports.edge.acting import Acting
from backstory.transports.edge.pacing import Pacing, Rates

WHO = Principal("acme", "ana", frozenset({"admin"}))


class Listener:
    """Keeps what it is told of requests."""

    def __init__(self):
        self.heard = []

    def hearing(self):
        return {Ended: self.heard.append, Acted: self.heard.append}


class Edge:
    """Whoever comes may come `burst` times, and is told of."""

    def __init__(self, burst):
        self.listener, self.pacer = Listener(), MemoryPacer(lambda: 0)
        self.told = Told([self.listener])
        rate = Rate(1, burst)
        self.pacing = Pacing(
            self.pacer, Rates(rate, rate), lambda *parts: b"".join(map(str.encode, map(str, parts)))
        )
        self.acting = Acting(self.told.tell, lambda scope: "127.0.0.1", reads=True)
