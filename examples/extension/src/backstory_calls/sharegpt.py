"""The format `sharegpt`, in which fine-tuning datasets keep conversations.

    {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}

It holds texts of the user, the model and the system. Members beside `from` and `value` are
kept in the entry's metadata under `sharegpt`, so that what is read can be written again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from backstory.extending import Entry, Format, Losses, Rendered, wrong

NAME: Final = "sharegpt"
_FROM: Final = {"user": "human", "assistant": "gpt", "system": "system"}
_ROLES: Final = {said: role for role, said in _FROM.items()}


def make() -> Format:
    return Format(
        NAME,
        "ShareGPT datasets",
        "application/vnd.sharegpt+json",
        ("conversations",),
        parse,
        render,
    )


def parse(raw: Any) -> list[Entry]:
    """The entries of `{"conversations": [...]}`.

    Raises:
        SchemaError: it is no such list; names the first wrong place.
    """
    turns = raw.get("conversations")
    if not isinstance(turns, list):
        raise wrong("/conversations", "must be a list")
    return [_read(turn, f"/conversations/{i}") for i, turn in enumerate(turns)]


def _read(turn: Any, pointer: str) -> Entry:
    if not isinstance(turn, dict):
        raise wrong(pointer, "must be an object")
    said = turn.get("from")
    if not isinstance(said, str) or said not in _ROLES:
        raise wrong(f"{pointer}/from", f"must be {' or '.join(_ROLES)}")
    if not isinstance(turn.get("value"), str):
        raise wrong(f"{pointer}/value", "must be text")
    entry: Entry = {"role": _ROLES[said], "content": turn["value"]}
    others = {name: value for name, value in turn.items() if name not in {"from", "value"}}
    return {**entry, "metadata": {NAME: others}} if others else entry


def render(entries: Sequence[Mapping[str, Any]]) -> Rendered:
    """`{"conversations": [...]}` for the entries; what these hold beside text is a loss."""
    losses = Losses()
    turns: list[dict[str, Any]] = []
    for i, entry in enumerate(entries):
        said = _FROM.get(entry["role"])
        if said is None or entry.get("type", "message") != "message":
            losses.dropped(f"/{i}", "no text of the user, the model or the system")
            continue
        text = _text(entry["content"], f"/{i}/content", losses)
        if text is not None:
            others = (entry.get("metadata") or {}).get(NAME)
            kept = others if isinstance(others, dict) else {}
            turns.append({**kept, "from": said, "value": text})
    return Rendered({"conversations": turns}, tuple(losses.found))


def _text(content: Any, pointer: str, losses: Losses) -> str | None:
    if isinstance(content, str):
        return content
    texts = []
    for i, part in enumerate(content):
        if part["type"] == "text":
            texts.append(part["text"])
        else:
            losses.dropped(f"{pointer}/{i}", f"a {part['type']} is no text")
    if not texts:
        losses.dropped(pointer, "there is no text in it")
        return None
    losses.changed(pointer, "became one text")
    return "\n\n".join(texts)
