"""The face of the context managers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from backstory.clock import Clock
from backstory.contexts.allotting import Allotting
from backstory.contexts.auditing import Trail
from backstory.contexts.catching_up import CatcherUp
from backstory.contexts.changes import Stream
from backstory.contexts.contents.editing import Editor
from backstory.contexts.contents.fetching import Fetcher
from backstory.contexts.contents.storing import Storer
from backstory.contexts.contents.transfer import Transfer
from backstory.contexts.erasing import Eraser
from backstory.contexts.granting import Granting
from backstory.contexts.history import Historian
from backstory.contexts.kinds import Kinds
from backstory.contexts.listing import Lister
from backstory.contexts.migrating import Migrator
from backstory.contexts.quotas import Quotas
from backstory.contexts.reading import Reader
from backstory.contexts.roles import Roles
from backstory.contexts.ruling import Ruler
from backstory.contexts.scrubbing import Scrub
from backstory.contexts.searching import Searcher
from backstory.contexts.standing import Standing
from backstory.contexts.summaries.background import Background
from backstory.contexts.summaries.making import Summaries
from backstory.contexts.sweeping import Sweeper
from backstory.contexts.watching import Hub
from backstory.contexts.writing import Writer
from backstory.domain.choosing import Choice
from backstory.domain.sealing import Seal
from backstory.ports.audits import Apart, Audits
from backstory.ports.bus import ChangeBus
from backstory.ports.rules import Masked, Rules
from backstory.ports.store import Store
from backstory.ports.summariser import Summarising, When
from backstory.resilience.checking import Checks, Dependency


class Contexts:
    """All verb families over one store and one bus. Holds no state but who is waiting."""

    def __init__(
        self,
        store: Store,
        bus: ChangeBus,
        clock: Clock,
        rules: Rules,
        masked: Masked | None = None,
        *,
        summarising: Summarising | None = None,
        scrub: Scrub | None = None,
        dependencies: Sequence[Dependency] = (),
        surroundings: Sequence[Dependency] = (),
    ) -> None:
        """`dependencies` are looked at for probes; where none are told, it is the store.

        `surroundings` are looked at where somebody wants to know all.
        """
        self.store = store
        self.audits: Audits | None = None
        self.trail: Trail | None = None
        self.apart: Sequence[Apart] = ()
        """The trails of stores that keep some namespaces apart."""
        self.store_of: Callable[[str], int] = lambda _namespace: 0
        """Which of the stores keeps a namespace: 0 is the first, whose trail is `audits`."""
        self.scrub = scrub
        self.clock = clock
        self.seal = Seal(store.secret)
        self.granting = Granting(store, clock)
        self.standing = Standing(clock, self.granting)
        self.hub = Hub(store, bus)
        self.granting.changed = self.hub.wake
        self.checks = Checks(dependencies or [Dependency("store", store.check, needed=True)])
        self.surroundings = Checks(surroundings)
        self.reader = Reader(store, clock)
        self.ruler = Ruler(store, rules)
        self.quotas = Quotas(store, self.granting)
        self.writer = Writer(
            store, bus, clock, self.seal, ruler=self.ruler, quotas=self.quotas, masked=masked
        )
        self.summaries = Summaries(store, self.reader, self.writer, self.ruler, summarising)
        self.fetcher = Fetcher(store, self.reader)
        self.storer = Storer(store, self.writer, clock)
        self.transfer = Transfer(store, self.fetcher, self.seal, self.quotas)
        self.editor = Editor(store, self.fetcher, self.writer, clock)
        self.kinds = Kinds(store, self.writer, self.seal, rules)
        self.allotting = Allotting(self.writer, self.quotas)
        self.roles = Roles(store, self.writer, self.seal, self.granting)
        self.migrator = Migrator(store, self.writer, self.ruler, rules)
        self.eraser = Eraser(store, bus, self.seal, self.granting.forget)
        self.historian = Historian(store, self.reader)
        self.catcher_up = CatcherUp(store, self.reader)
        self.lister = Lister(store, self.seal)
        self.searcher = Searcher(store, self.seal)
        self.stream = Stream(store, self.hub, self.seal, self.standing)
        self.sweeper = Sweeper(store, clock, self.migrator)

    def background(self, rules: Choice[When | None]) -> Background:
        """What summarises contexts unasked, where the rules say so."""
        return Background(self.summaries, rules)

    def keeps(self, audits: Audits, apart: Mapping[str, Apart] = MappingProxyType({})) -> None:
        """The store keeps an audit trail, and so does each, by name, that is routed to."""
        self.audits, self.trail = audits, Trail(audits, self.seal, apart)
        self.apart = tuple(apart.values())

    @property
    def epoch(self) -> str:
        return self.store.epoch

    async def aclose(self) -> None:
        """Let everybody who waits go."""
        await self.checks.aclose()
        await self.surroundings.aclose()
        await self.hub.aclose()
        await self.stream.aclose()
