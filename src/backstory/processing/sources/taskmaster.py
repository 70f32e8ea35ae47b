"""Taskmaster-4: ordering dialogs whose annotations are real calls of an API.

The calls stand at the user's turn and are made before the assistant answers it, so each
becomes an entry of the assistant, and its response one of the tool, in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Final

from backstory.errors import MalformedError
from backstory.processing.conversations import Conversation, Item, Raw, make
from backstory.processing.sources.files import Value
from backstory.processing.sources.reading import (
    ROLE_TOOL,
    Values,
    a_list,
    a_text,
    an_object,
    each,
    entry,
    tool_call,
    tool_result,
    without,
)

FORMAT: Final = "taskmaster"
_CALL: Final = "api_call_"
_RESPONSE: Final = "api_response_"


def read(values: Values) -> Iterator[Item]:
    """One conversation a value."""
    return each(values, _dialog)


def _dialog(value: Value) -> Iterable[Conversation]:
    dialog = an_object(value.data, "a dialog")
    dialog_id = a_text(dialog.get("conversation_id"), "conversation_id")
    utterances = a_list(dialog.get("utterances"), "utterances")
    facts = without(dialog, "conversation_id", "utterances")
    labels = {"source": FORMAT}
    if isinstance(vertical := dialog.get("vertical"), str) and vertical:
        labels["vertical"] = vertical
    yield make(
        value.place,
        dialog_id,
        [raw for utterance in utterances for raw in _utterance(an_object(utterance, "utterance"))],
        state={"source": {"format": FORMAT, "id": dialog_id}} | facts,
        labels=labels,
    )


def _utterance(utterance: Raw) -> Iterator[Raw]:
    metadata = without(utterance, "speaker", "text", "annotations")
    yield entry(utterance.get("speaker"), utterance.get("text"), metadata)
    annotations = a_list(utterance.get("annotations", []), "annotations")
    for is_result, parts in groupby(_parts(annotations), lambda part: "tool_call_id" in part):
        yield entry(ROLE_TOOL if is_result else "assistant", list(parts))


def _parts(annotations: list[Any]) -> Iterator[Raw]:
    """Calls and results in the order of the annotations; each is told in up to two of them."""
    open_part: dict[str, Any] = {}
    for annotation in annotations:
        match an_object(annotation, "an annotation"):
            case {"name": "api_call" | "api_response" as kind, "value": value, "context": at}:
                if open_part:
                    yield _closed(open_part)
                open_part = {"kind": kind, "name": value, "context": at}
            case {"name": "request" | "response", "value": value, "context": at} if (
                open_part and open_part["context"] == at and "value" not in open_part
            ):
                open_part["value"] = value
            case _:
                raise MalformedError(f"not an annotation of a call: {ascii(annotation)[:100]}")
    if open_part:
        yield _closed(open_part)


def _closed(part: dict[str, Any]) -> Raw:
    if part["kind"] == "api_call":
        return tool_call(part["context"], part["name"], part.get("value"))
    call = str(part["context"]).replace(_RESPONSE, _CALL, 1)
    return tool_result(call, part.get("value"), part["name"])
