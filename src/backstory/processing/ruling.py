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
from backstory.domain.ruling import KindRule, RuledEntries, RuledState
from backstory.processing import choosing
from backstory.processing.pipeline import Measure, Pipeline, unmeasured
from backstory.processing.schemas.kinds import CompiledKind, KindSchema
from backstory.processing.schemas.registering import register


class PipelineRule:
    """`domain.ruling.KindRule`: a pipeline under the name of its kind."""

    __slots__ = ("_count", "_pipeline", "kind", "version")

    def __init__(self, kind: str, pipeline: Pipeline, count: Count | None = None) -> None:
        self.kind = kind
        self.version = pipeline.kind.kind.version if pipeline.kind else 0
        self._pipeline = pipeline
        self._count = count

    def state(self, raw: bytes, pointer: str) -> RuledState:
        return self._pipeline.kept(raw, pointer)

    def entries(self, entries: Sequence[NewEntry], pointer: str) -> RuledEntries:
        done = self._pipeline.entries(entries, pointer)
        if self._count is None:
            return done
        return RuledEntries(counted(done.entries, self._count), done.counts)

    def migrated(self, state: bytes, from_version: int) -> bytes:
        compiled = self._pipeline.kind
        return state if compiled is None else compiled.migrate(state, from_version)


class PipelineRules:
    """`ports.rules.Rules`, with the compiled kinds that were needed last.

    `count` counts the tokens of entries; without it they are kept uncounted.
    """

    def __init__(
        self,
        chosen: choosing.Rules | None = None,
        measure: Measure = unmeasured,
        count: Count | None = None,
    ) -> None:
        self._chosen = chosen or choosing.Rules()
        self._measure = measure
        self._count = count
        self._compiled: OrderedDict[tuple[str, str], tuple[Tag, CompiledKind]] = OrderedDict()

    def find(self, tenant: str, kind: str, namespace: str, tag: Tag | None) -> KindRule | None:
        compiled: CompiledKind | None = None
        if tag is not None:
            known = self._compiled.get((tenant, kind))
            if known is None or known[0] != tag:
                return None
            compiled = known[1]
        transforms = self._chosen.choose(kind, namespace)
        pipeline = Pipeline(compiled, transforms, measure=self._measure)
        return PipelineRule(kind, pipeline, self._count)

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
