"""The lists of MCP, and plain names: what is gone from them, or takes and gives less."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from promised import shapes
from promised.shapes import Shapes

_ALONE: Final = Shapes({})
_KEYS: Final = {"tools": "name", "resourceTemplates": "uriTemplate", "prompts": "name"}


def mcp_breaks(old: Mapping[str, Any], new: Mapping[str, Any], release: str) -> Iterator[str]:
    """What a client that knows the older lists relies on and the newer have not."""
    for kind, key in _KEYS.items():
        known = {each[key]: each for each in new[kind]}
        for item in old[kind]:
            where = f"{kind} {item[key]}"
            if item[key] not in known:
                yield f"{where}: it is gone"
                continue
            compare = {"tools": _tool, "prompts": _prompt}.get(kind, _template)
            yield from (f"{where} {found}" for found in compare(item, known[item[key]], release))


def _tool(old: Mapping[str, Any], new: Mapping[str, Any], release: str) -> Iterator[str]:
    given = ((_ALONE, each["inputSchema"]) for each in (new, old))
    yield from (f"argument {found}" for found in shapes.taken(*given, release))
    if "outputSchema" not in old:
        return
    if "outputSchema" not in new:
        yield "answer: it has no schema any more"
        return
    told = ((_ALONE, each["outputSchema"]) for each in (new, old))
    yield from (f"answer {found}" for found in shapes.understood(*told, release))


def _template(old: Mapping[str, Any], new: Mapping[str, Any], release: str) -> Iterator[str]:
    del release
    if old.get("mimeType") != new.get("mimeType"):
        yield f"mimeType: {old.get('mimeType')} is {new.get('mimeType')} now"


def _prompt(old: Mapping[str, Any], new: Mapping[str, Any], release: str) -> Iterator[str]:
    del release
    was, now = ({each["name"]: each for each in prompt["arguments"]} for prompt in (old, new))
    yield from (f"argument {name}: it is gone" for name in was.keys() - now.keys())
    for name, argument in now.items():
        if argument.get("required") and not was.get(name, {}).get("required"):
            yield f"argument {name}: it is required now"


def name_breaks(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    """Settings, metrics, errors and commands that are gone, or mean something else."""
    for kind in ("settings", "metrics", "errors", "commands", "python"):
        for name, about in old[kind].items():
            known = new[kind].get(name)
            if known is None:
                yield f"{kind} {name}: it is gone"
                continue
            for member, value in about.items():
                yield from (
                    f"{kind} {name} {member}: {found}" for found in _lost(value, known.get(member))
                )


def _lost(old: Any, new: Any) -> Iterator[str]:
    if isinstance(old, list):
        yield from (f"{each} is gone" for each in old if each not in (new or ()))
    elif old != new:
        yield f"{old} is {new} now"
