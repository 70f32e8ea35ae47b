"""The face of the model interfaces: windows, and the same windows again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from backstory import limits
from backstory.domain import policy
from backstory.domain.intake import wrong
from backstory.domain.keys import ContextKey, shorten
from backstory.domain.messages import Format
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal
from backstory.domain.sealing import Seal
from backstory.errors import GoneError, MissingError, RenderGoneError
from backstory.ports import events
from backstory.ports.hooks import SILENCE, Hooks, part
from backstory.ports.store import Store, View
from backstory.rendering import aside, outlines, records, requests
from backstory.rendering.assembling import Assembler
from backstory.rendering.comparing import Rendered, comparison
from backstory.rendering.counters import COUNTERS, Counter, Tally
from backstory.rendering.gathering import Gathered, Views, gather
from backstory.rendering.logs import Finds, Reads
from backstory.rendering.marks import Guarded, mark_of
from backstory.rendering.messages import Reader
from backstory.rendering.models import Models
from backstory.rendering.outputs import Output, ProviderOutput
from backstory.rendering.records import Record
from backstory.rendering.requests import RenderRequest
from backstory.rendering.texts import STYLES, TextOutput
from backstory.rendering.windows import (
    Window,
    by_source_of,
    digest_of,
    ledger_of,
    prefix_hash_of,
)

__all__ = ["Renderer", "Window"]


class Renderer:
    """Renders for those who may read every source."""

    def __init__(
        self,
        views: Views,
        store: Store,
        seal: Seal,
        formats: Mapping[str, Format],
        *,
        finds: Finds,
        models: Models | None = None,
        hooks: Hooks = SILENCE,
    ) -> None:
        self._hooks = hooks
        self._views = views
        self._store = store
        self._seal = seal
        self._formats = formats
        self._finds = finds
        self._models = models or Models()

    @property
    def formats(self) -> tuple[str, ...]:
        return (*self._formats, *STYLES)

    async def render(self, principal: Principal, request: RenderRequest) -> Window:
        """A window on the sources as they stand (or at the version that each names).

        Raises:
            MissingError, GoneError: a source is not there for this caller, or not any more.
            SchemaError: unknown format or strategy, or shares that contradict each other.
            UnknownModelError: nobody knows how the model counts.
            RenderBudgetError: the budget is less than what is pinned.
        """
        keys = requests.check(request)
        counter = self._models.counter(request.model, request.counter, fallback=request.fallback)
        form = self._form(request)
        ats = [source.at for source in request.sources]
        views = [
            await self._views.view(principal, key, at) for key, at in zip(keys, ats, strict=True)
        ]
        tally = await _tally(counter)
        found = self._gathered(principal, request, keys, views, tally)
        return await self._window(principal, request, found, tally, form)

    async def again(self, principal: Principal, render_id: str) -> Window:
        """The window of an earlier render, byte for byte.

        Raises:
            MissingError: no render of this caller, or a source may not be read any more.
            RenderGoneError: it cannot be made again; the detail says why.
        """
        return (await self._again(principal, render_id)).window

    async def compare(self, principal: Principal, render_id: str, other: str) -> dict[str, Any]:
        """What differs between two earlier renders, from the first to the other.

        Raises:
            MissingError, RenderGoneError: as `again`, for either.
        """
        before = await self._again(principal, render_id)
        return comparison(before, await self._again(principal, other))

    async def _again(self, principal: Principal, render_id: str) -> Rendered:
        record = records.open_(self._seal, principal, render_id)
        counter = COUNTERS.get(record.counter)
        if counter is None:
            raise RenderGoneError(f"the counter {record.counter} is not installed any more")
        if record.form not in self.formats:
            raise RenderGoneError(f"the format {record.form} is not installed any more")
        keys = requests.check(record.request)
        views = [
            await self._past(principal, key, version)
            for key, version in zip(keys, record.versions, strict=True)
        ]
        tally = await _tally(counter)
        found = self._gathered(principal, record.request, keys, views, tally)
        for each, hits, inside in zip(found, record.hits, record.inside, strict=True):
            each.hits, each.inside = hits, inside
        try:
            window = await self._window(principal, record.request, found, tally, record.form)
        except MissingError as error:
            raise RenderGoneError(error.detail) from error
        if digest_of(window.input) != record.digest:
            raise RenderGoneError("something that was in it has been erased since")
        return Rendered(record, window)

    async def _past(self, principal: Principal, key: ContextKey, version: int) -> View:
        try:
            return await self._views.view(principal, key, version)
        except GoneError as error:
            raise RenderGoneError(error.detail) from error
        except MissingError as error:
            if policy.allows(principal, Verb.READ, key.namespace):
                raise RenderGoneError(f"{key} was purged") from error
            raise

    def _form(self, request: RenderRequest) -> str:
        if request.format is None:
            model = self._models.find(request.model)
            return "openai" if model is None else model.format
        if request.format not in self.formats:
            there = ", ".join(self.formats)
            raise wrong(
                "/format", f"there is no format {shorten(request.format)}; there are {there}"
            )
        return request.format

    def _gathered(
        self,
        principal: Principal,
        request: RenderRequest,
        keys: Sequence[ContextKey],
        views: Sequence[View],
        tally: Tally,
    ) -> list[Gathered]:
        """The sources as they are before anything of them is read."""
        marks = [mark_of(self._seal, principal.tenant, key) for key in keys]
        guarded = Guarded(marks)
        found = [
            Gathered(
                source=source,
                key=keys[i],
                view=views[i],
                reader=Reader(marks[i], guarded, tally.know),
                place=f"/sources/{i}",
                query=source.query or "",
                neighbours=1 if source.neighbours is None else source.neighbours,
            )
            for i, source in enumerate(request.sources)
        ]
        searching = [each for each in found if each.strategy.searches]
        for each in searching:
            each.most_hits = limits.RENDER_HITS // len(searching)
        return found

    async def _window(
        self,
        principal: Principal,
        request: RenderRequest,
        found: Sequence[Gathered],
        tally: Tally,
        form: str,
    ) -> Window:
        begun = time.perf_counter()
        with part(events.RENDER, form):
            window = await self._made(principal, request, found, tally, form)
        taken = time.perf_counter() - begun
        self._hooks.tell(events.Rendered(form, window.total, taken))
        return window

    async def _made(
        self,
        principal: Principal,
        request: RenderRequest,
        found: Sequence[Gathered],
        tally: Tally,
        form: str,
    ) -> Window:
        output = self._output(form, tally, {each.reader.mark: each.name for each in found})
        reads = Reads(self._store, self._finds, principal, output.cost, output.reckoned)
        for each in found:
            await gather(each, reads, int(request.available * each.source.max_share))
        assembler = Assembler(request, found, output, tally)
        while unknown := await aside.run(sum(each.weight for each in found), assembler.go_on):
            for each, units in unknown:
                await outlines.read(each, reads, units)
        made = assembler.made
        versions = [each.view.snapshot.head.version for each in found]
        payload = made.written.payload
        record = Record(
            request,
            versions,
            tally.name,
            form,
            digest_of(payload),
            [each.hits for each in found],
            [each.inside for each in found],
        )
        return Window(
            input=payload,
            total=made.written.tokens,
            by_source=by_source_of(found, made),
            counter=tally.name,
            exact=made.written.exact,
            ledger=ledger_of(found, made),
            versions={each.name: version for each, version in zip(found, versions, strict=True)},
            render_id=records.close(self._seal, principal, record),
            prefix_hash=prefix_hash_of(made, form),
            form=form,
        )

    def _output(self, form: str, tally: Tally, marks: Mapping[str, str]) -> Output:
        if form in STYLES:
            return TextOutput(STYLES[form], tally, marks)
        return ProviderOutput(self._formats[form], tally)


async def _tally(counter: Counter) -> Tally:
    """A tally that is ready to count."""
    await counter.load()
    return Tally(counter)
