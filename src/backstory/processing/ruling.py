"""The rules of a server: kinds compiled once, transforms as the operator chose them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from backstory import limits
from backstory.domain.contexts import Tag
from backstory.domain.counting import Count, counted
from backstory.domain.entries import NewEntry
from backstory.domain.kinds import Packaged
from backstory.domain.ruling import KindRule, RuledEntries, RuledState
from backstory.ports.hooks import SILENCE, Hooks, Measure, unmeasured
from backstory.processing import choosing
from backstory.processing.pipeline import Pipeline
from backstory.processing.schemas.kinds import CompiledKind, KindSchema
from backstory.processing.schemas.registering import register


class PipelineRule:
    """`domain.ruling.KindRule`: a pipeline under the name of its kind.

    Rules are kept from request to request, so steps are told as part of whatever request is
    served where they are done; `measure`, where there is one, is that of another.
    """

    __slots__ = ("_count", "_hooks", "_measure", "_pipeline", "kind", "version")

    def __init__(
        self,
        kind: str,
        pipeline: Pipeline,
        hooks: Hooks,
        count: Count | None = None,
        measure: Measure | None = None,
    ) -> None:
        self.kind = kind
        self.version = pipeline.kind.kind.version if pipeline.kind else 0
        self._pipeline = pipeline
        self._hooks = hooks
        self._measure = measure
        self._count = count

    def state(self, raw: bytes, pointer: str) -> RuledState:
        return self._pipeline.kept(raw, pointer, self._measure or self._hooks.steps(self.kind))

    def entries(self, entries: Sequence[NewEntry], pointer: str) -> RuledEntries:
        measure = self._measure or self._hooks.steps(self.kind)
        done = self._pipeline.entries(entries, pointer, measure)
        if self._count is None:
            return done
        return RuledEntries(counted(done.entries, self._count), done.counts)

    def here(self) -> PipelineRule:
        measure = self._hooks.steps(self.kind)
        if measure is unmeasured:
            return self
        return PipelineRule(self.kind, self._pipeline, self._hooks, self._count, measure)

    def migrated(self, state: bytes, from_version: int) -> bytes:
        compiled = self._pipeline.kind
        return state if compiled is None else compiled.migrate(state, from_version)


class PipelineRules:
    """`ports.rules.Rules`, with packaged kinds, and the registered ones that were needed last.

    `count` counts the tokens of entries; without it they are kept uncounted.
    """

    def __init__(
        self,
        chosen: choosing.Rules | None = None,
        hooks: Hooks = SILENCE,
        packaged: Mapping[str, Packaged] | None = None,
        count: Count | None = None,
    ) -> None:
        self._chosen = chosen or choosing.rules()
        self._hooks = hooks
        self._count = count
        self.packaged = packaged or {}
        self._packaged = {
            kind: CompiledKind(KindSchema.decode(each.state))
            for kind, each in self.packaged.items()
        }
        self._compiled: OrderedDict[tuple[str, str], tuple[Tag, CompiledKind]] = OrderedDict()

    def find(self, tenant: str, kind: str, namespace: str, tag: Tag | None) -> KindRule | None:
        compiled = self._packaged.get(kind)
        if tag is not None:
            known = self._compiled.get((tenant, kind))
            if known is None or known[0] != tag:
                return None
            compiled = known[1]
        transforms = self._chosen.choose(kind, namespace)
        return PipelineRule(kind, Pipeline(compiled, transforms), self._hooks, self._count)

    def learn(self, tenant: str, kind: str, tag: Tag, state: bytes) -> None:
        self._compiled[tenant, kind] = tag, CompiledKind(KindSchema.decode(state))
        if len(self._compiled) > limits.KINDS_COMPILED:
            self._compiled.popitem(last=False)

    def register(self, standing: bytes | None, body: Any) -> bytes:
        before = None if standing is None else KindSchema.decode(standing)
        after = register(before, body)
        return standing if standing is not None and after is before else after.encode()

    def version(self, state: bytes) -> int:
        return KindSchema.decode(state).version

    def migrated_at(self, state: bytes) -> int:
        return max(KindSchema.decode(state).migrations, default=0)

    def described(self, state: bytes) -> Mapping[str, Any]:
        kind = KindSchema.decode(state)
        found: dict[str, Any] = orjson.loads(state)
        return {
            "schema_version": kind.version,
            "schema": kind.schema,
            "entry_schema": kind.entry_schema,
            "compatibility": str(kind.compatibility),
            "migrations": found.get("migrations", {}),
        }
