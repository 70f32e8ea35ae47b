"""The face of the model interfaces: windows, and the same windows again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from backstory.domain import policy
from backstory.domain.intake import wrong
from backstory.domain.keys import ContextKey, shorten
from backstory.domain.messages import Format
from backstory.domain.policy import Verb
from backstory.domain.principals import Principal
from backstory.domain.sealing import Seal
from backstory.errors import GoneError, MissingError, RenderGoneError
from backstory.ports.store import Store, View
from backstory.rendering import aside, records, requests
from backstory.rendering.accounting import rows
from backstory.rendering.assembling import Assembled, Assembler
from backstory.rendering.counters import COUNTERS, Counter, Tally
from backstory.rendering.gathering import Gathered, Views, gather
from backstory.rendering.ledger import ENTRIES, NOT_CARRIED, Row, spans
from backstory.rendering.logs import Reads
from backstory.rendering.marks import Guarded, mark_of
from backstory.rendering.messages import Message, Reader
from backstory.rendering.models import Models
from backstory.rendering.outputs import Output, ProviderOutput
from backstory.rendering.records import Record
from backstory.rendering.requests import RenderRequest
from backstory.rendering.texts import STYLES, TextOutput

_BEGINNING: Final = 1  # turns that belong to the prefix


@dataclass(frozen=True, slots=True)
class Window:
    """What a model is given, and the ledger of choices."""

    input: Any
    total: int
    by_source: Mapping[str, int]
    counter: str
    exact: bool
    ledger: Sequence[Row]
    versions: Mapping[str, int]
    render_id: str
    prefix_hash: str
    form: str

    def view(self) -> dict[str, Any]:
        """As it is answered."""
        return {
            "input": self.input,
            "tokens": {
                "total": self.total,
                "by_source": dict(self.by_source),
                "counter": self.counter,
                "exact": self.exact,
            },
            "ledger": [row.view() for row in self.ledger],
            "versions": dict(self.versions),
            "render_id": self.render_id,
            "prefix_hash": self.prefix_hash,
        }


class Renderer:
    """Renders for those who may read every source."""

    def __init__(
        self,
        views: Views,
        store: Store,
        seal: Seal,
        formats: Mapping[str, Format],
        models: Models | None = None,
    ) -> None:
        self._views = views
        self._store = store
        self._seal = seal
        self._formats = formats
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
        return await self._window(principal, request, keys, views, counter=counter, form=form)

    async def again(self, principal: Principal, render_id: str) -> Window:
        """The window of an earlier render, byte for byte.

        Raises:
            MissingError: no render of this caller, or a source may not be read any more.
            RenderGoneError: it cannot be made again; the detail says why.
        """
        record = records.open_(self._seal, principal, render_id)
        counter = COUNTERS.get(record.counter)
        if counter is None or record.form not in self.formats:
            raise RenderGoneError(f"the counter {record.counter} is not installed any more")
        keys = requests.check(record.request)
        views = [
            await self._past(principal, key, version)
            for key, version in zip(keys, record.versions, strict=True)
        ]
        window = await self._window(
            principal, record.request, keys, views, counter=counter, form=record.form
        )
        if _digest(window.input) != record.digest:
            raise RenderGoneError("something that was in it has been erased since")
        return window

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

    async def _window(
        self,
        principal: Principal,
        request: RenderRequest,
        keys: Sequence[ContextKey],
        views: Sequence[View],
        *,
        counter: Counter,
        form: str,
    ) -> Window:
        marks = {mark_of(self._seal, principal.tenant, key): str(key) for key in keys}
        guarded = Guarded(marks)
        await counter.load()
        tally = Tally(counter)
        readers = [Reader(mark, guarded, tally.know) for mark in marks]
        found = [
            Gathered(source=source, key=key, view=view, reader=reader, place=f"/sources/{i}")
            for i, (source, key, view, reader) in enumerate(
                zip(request.sources, keys, views, readers, strict=True)
            )
        ]
        output = self._output(form, tally, marks)
        reads = Reads(self._store, principal, output.cost)
        for each in found:
            await gather(each, reads, int(request.available * each.source.max_share))
        assembler = Assembler(request, found, output, tally)
        made = await aside.run(sum(each.weight for each in found), assembler.assemble)
        versions = [view.snapshot.head.version for view in views]
        record = Record(request, versions, counter.name, form, _digest(made.written.payload))
        return Window(
            input=made.written.payload,
            total=made.written.tokens,
            by_source=_by_source(found, made),
            counter=counter.name,
            exact=made.written.exact,
            ledger=_ledger(found, made),
            versions={str(key): version for key, version in zip(keys, versions, strict=True)},
            render_id=records.close(self._seal, principal, record),
            prefix_hash=_prefix_hash(made, form),
            form=form,
        )

    def _output(self, form: str, tally: Tally, marks: Mapping[str, str]) -> Output:
        if form in STYLES:
            return TextOutput(STYLES[form], tally, marks)
        return ProviderOutput(self._formats[form], tally)


def _digest(payload: Any) -> str:
    return hashlib.sha256(orjson.dumps(payload)).hexdigest()[:24]


def _by_source(found: Sequence[Gathered], made: Assembled) -> dict[str, int]:
    tokens: dict[str, int] = {}
    for each, chosen in zip(found, made.chosen, strict=True):
        units = [*each.instructions, *chosen.turns, *([chosen.state] if chosen.state else [])]
        tokens[each.name] = sum(unit.tokens for unit in units)
    return tokens


def _ledger(found: Sequence[Gathered], made: Assembled) -> list[Row]:
    ledger = [
        row for each, chosen in zip(found, made.chosen, strict=True) for row in rows(each, chosen)
    ]
    names = {each.reader.mark: each.name for each in found}
    for message in made.written.lost:
        seqs = spans([message.seq]) if message.seq else None
        name, trust = names[message.mark], message.trust.word
        ledger.append(Row(name, ENTRIES, 0, 0, NOT_CARRIED, trust, None, seqs))
    return ledger


def _prefix_hash(made: Assembled, form: str) -> str:
    """A hash of all that stands before the second turn: what a prompt cache may hold.

    It stays the same as long as the window begins with the same bytes.
    """
    content = made.content
    parts = [*content.instructions, *content.front, *content.turns[:_BEGINNING]]
    return hashlib.sha256(orjson.dumps([form, *map(_shown, parts)])).hexdigest()[:32]


def _shown(message: Message) -> list[Any]:
    return [message.role, list(message.parts)]
