"""The tools that write one context: put, patch, append, delete, fork."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from msgspec import UNSET, Meta, UnsetType

from backstory.contexts.writing import Build, Intent
from backstory.domain import commits, intake
from backstory.domain.commits import Conditions
from backstory.domain.policy import Verb
from backstory.transports.mcp.answers import View
from backstory.transports.mcp.tools import doing, operations, schemas
from backstory.transports.mcp.tools.table import (
    Call,
    ContextName,
    Number,
    Tool,
    WriteArguments,
    given,
    key_of,
)

IfVersion = Annotated[Number, Meta(description="Only if it is at this version; 0: only if new")]
ENTRIES_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "role": {"type": "string"},
        "content": {"description": "Text, or a list of typed parts"},
        "id": {"type": "string", "description": "Makes a retry safe"},
        "type": {"type": "string"},
        "metadata": {"type": "object"},
    },
    "required": ["role", "content"],
}
Entries = Annotated[list[Any], Meta(extra_json_schema={schemas.ITEMS: ENTRIES_SCHEMA})]


class WriteContext(WriteArguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A context as it shall be."""

    context: ContextName
    state: dict[str, Any]
    kind: (
        Annotated[
            str,
            Meta(
                description="conversation, preferences, session, document, prompt or one of _system.kinds"
            ),
        ]
        | UnsetType
    ) = UNSET
    labels: Annotated[Any, Meta(description="List of words, or object of words")] | UnsetType = (
        UNSET
    )
    expires_at: Annotated[str, Meta(description="RFC 3339")] | UnsetType = UNSET
    if_version: IfVersion | UnsetType = UNSET


class PatchContext(WriteArguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of a state."""

    context: ContextName
    merge: Annotated[dict[str, Any], Meta(description="Merge patch: null removes")] | UnsetType = (
        UNSET
    )
    ops: (
        Annotated[
            list[Any],
            Meta(extra_json_schema={schemas.ITEMS: {"type": "object"}}, description="JSON Patch"),
        ]
        | UnsetType
    ) = UNSET
    if_version: Number | UnsetType = UNSET
    if_state_version: Number | UnsetType = UNSET


class AppendEntries(WriteArguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Entries to add."""

    context: ContextName
    entries: Entries
    if_version: Number | UnsetType = UNSET


class DeleteContext(WriteArguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A context to take away."""

    context: ContextName
    if_version: Number | UnsetType = UNSET


class ForkContext(WriteArguments, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A context to begin another from."""

    context: ContextName
    to: ContextName
    at: Annotated[Number, Meta(description="A past version")] | UnsetType = UNSET


async def write_context(call: Call, wanted: WriteContext) -> View:
    """Create or replace."""
    key = key_of(wanted.context)
    conditions = Conditions(if_version=given(wanted.if_version))

    def build() -> tuple[commits.Operation, ...]:
        return (
            operations.put(
                key,
                conditions,
                kind=given(wanted.kind),
                state=wanted.state,
                labels=given(wanted.labels),
                expires_at=given(wanted.expires_at),
            ),
        )

    return await _one(call, wanted, (Intent(Verb.WRITE, key),), build)


async def patch_context(call: Call, wanted: PatchContext) -> View:
    """Change the state by a patch."""
    key = key_of(wanted.context)
    conditions = Conditions(given(wanted.if_version), given(wanted.if_state_version))

    def build() -> tuple[commits.Operation, ...]:
        patch = operations.patch(given(wanted.merge), given(wanted.ops), "")
        return (commits.Patch(key, patch, conditions),)

    return await _one(call, wanted, (Intent(Verb.WRITE, key),), build)


async def append_entries(call: Call, wanted: AppendEntries) -> View:
    """Add entries behind the last."""
    key = key_of(wanted.context)
    conditions = Conditions(given(wanted.if_version))

    def build() -> tuple[commits.Operation, ...]:
        return (commits.Append(key, intake.entries(wanted.entries), conditions),)

    outcome = await doing.write(call, wanted, (Intent(Verb.WRITE, key),), build)
    (result,) = outcome.results
    return doing.written(outcome, result) | {
        "first_seq": result.seqs[0],
        "last_seq": result.seqs[-1],
        "seqs": result.seqs,
        "created": result.appended,
    }


async def delete_context(call: Call, wanted: DeleteContext) -> View:
    """Take away, and keep the history."""
    key = key_of(wanted.context)
    conditions = Conditions(given(wanted.if_version))
    return await _one(
        call, wanted, (Intent(Verb.WRITE, key),), lambda: (commits.Delete(key, conditions),)
    )


async def fork_context(call: Call, wanted: ForkContext) -> View:
    """Begin another context where one stands or stood."""
    source, key = key_of(wanted.context), key_of(wanted.to)
    intents = (Intent(Verb.READ, source), Intent(Verb.WRITE, key))
    return await _one(call, wanted, intents, lambda: (commits.Fork(key, source, given(wanted.at)),))


async def _one(call: Call, wanted: WriteArguments, intents: Sequence[Intent], build: Build) -> View:
    outcome = await doing.write(call, wanted, intents, build)
    (result,) = outcome.results
    return doing.written(outcome, result) | {"created": result.created}


def _tool(name: str, description: str, arguments: Any, handler: Any, **rest: Any) -> Tool[Any]:
    answer = doing.WRITTEN | rest.pop("answer", {"created": bool})
    return Tool(name, description, arguments, handler, answer, Verb.WRITE, **rest)


TOOLS: Final = (
    _tool(
        "write_context",
        "Create a context (kind needed), or replace its state, labels and expiry as a whole. "
        "Entries stay. To change a part use patch_context.",
        WriteContext,
        write_context,
        destructive=True,
        idempotent=True,
    ),
    _tool(
        "patch_context",
        "Change a part of a state, by merge or by ops (give one). With if_state_version it is "
        "done only if nobody changed the state since you read it.",
        PatchContext,
        patch_context,
        destructive=True,
    ),
    _tool(
        "append_entries",
        "Add entries, such as messages, behind the last one of a context. Never conflicts.",
        AppendEntries,
        append_entries,
        answer={"first_seq": int, "last_seq": int, "created": int},
    ),
    _tool(
        "delete_context",
        "Take a context away. Its history stays readable with at.",
        DeleteContext,
        delete_context,
        destructive=True,
        idempotent=True,
    ),
    _tool(
        "fork_context",
        "Begin a context with all that another holds, or held at a past version.",
        ForkContext,
        fork_context,
    ),
)
