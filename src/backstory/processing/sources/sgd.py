"""Schema-Guided Dialogue: each user turn carries the state of the session after it.

The session becomes a context of its own beside the conversation, with a member for each
service; a turn that changes it does so in the commit that brings the turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
    json_text,
    tool_call,
    tool_result,
    without,
)

FORMAT: Final = "sgd"
_ROLES: Final = {"USER": "user", "SYSTEM": "assistant"}
_ELSEWHERE: Final = ("state", "service_call", "service_results")


def read(values: Values) -> Iterator[Item]:
    """One conversation with its session a value."""
    return each(values, _dialogue)


def _dialogue(value: Value) -> Iterable[Conversation]:
    dialogue = an_object(value.data, "a dialogue")
    dialogue_id = a_text(dialogue.get("dialogue_id"), "dialogue_id")
    entries: list[Raw] = []
    steps: list[tuple[int, Raw]] = []
    session: Raw = {}
    for number, each_turn in enumerate(a_list(dialogue.get("turns"), "turns")):
        turn = an_object(each_turn, "a turn")
        frames = [an_object(frame, "a frame") for frame in a_list(turn.get("frames"), "frames")]
        entries += _calls(number, frames)
        entries.append(_said(turn, frames))
        session = session | {
            _service(frame): an_object(frame["state"], "a state")
            for frame in frames
            if "state" in frame
        }
        steps.append((len(entries), session))
    yield make(
        value.place,
        dialogue_id,
        entries,
        state={"source": {"format": FORMAT, "id": dialogue_id}}
        | without(dialogue, "dialogue_id", "turns"),
        labels={"source": FORMAT},
        steps=steps,
    )


def _said(turn: Raw, frames: list[Raw]) -> Raw:
    speaker = turn.get("speaker")
    if speaker not in _ROLES:
        raise MalformedError(f"a speaker is USER or SYSTEM, not {ascii(speaker)[:60]}")
    kept = [without(frame, *_ELSEWHERE) for frame in frames]
    metadata = without(turn, "speaker", "utterance", "frames") | {"frames": kept}
    return entry(_ROLES[speaker], turn.get("utterance"), metadata)


def _calls(number: int, frames: list[Raw]) -> Iterator[Raw]:
    """A call is made before the turn that tells of its results; metadata has its service."""
    calls: list[Any] = []
    about: list[Raw] = []
    results: list[Any] = []
    for index, frame in enumerate(frames):
        call_id = f"call_{number}_{index}"
        if "service_call" in frame:
            call = an_object(frame["service_call"], "service_call")
            about.append(without(call, "method", "parameters") | {"service": _service(frame)})
            calls.append(tool_call(call_id, call.get("method"), call.get("parameters")))
        if "service_results" in frame:
            name = frame.get("service_call", {}).get("method")
            results.append(tool_result(call_id, json_text(frame["service_results"]), name))
    if calls:
        yield entry("assistant", calls, {"calls": about})
    if results:
        yield entry(ROLE_TOOL, results)


def _service(frame: Raw) -> str:
    return a_text(frame.get("service"), "a frame's service")
