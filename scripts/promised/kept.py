"""The contracts of releases as files, and what is known to break them."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from promised.lists import mcp_breaks, name_breaks
from promised.rest import Documents

_SHAPE: Final = re.compile(r"(?<= )[A-Z]\w+(/\S+)?: .*")  # a named one, and what is wrong with it
FOLDER: Final = Path(__file__).resolve().parents[2] / "contracts"
Contracts = Mapping[str, Mapping[str, Any]]


def releases() -> list[str]:
    """The releases with contracts, the oldest first."""
    found = (path.name for path in FOLDER.iterdir() if path.is_dir())
    return sorted(found, key=lambda name: tuple(int(part) for part in name.split(".")))


def read(release: str) -> Contracts:
    """The documents of a release."""
    found = (FOLDER / release).glob("*.json")
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in found}


def write(release: str, contracts: Contracts) -> Path:
    """Keeps the documents of a release, once and for all."""
    folder = FOLDER / release
    folder.mkdir(parents=True)
    for name, document in contracts.items():
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        (folder / f"{name}.json").write_text(text, encoding="utf-8")
    return folder


def accepted(release: str) -> dict[str, str]:
    """Breaks of a release that were decided on, each with its reason."""
    path = FOLDER / release / "accepted.toml"
    if not path.exists():
        return {}
    found = tomllib.loads(path.read_text(encoding="utf-8"))["break"]
    return {each["what"]: each["why"] for each in found}


def breaks(old: Contracts, new: Contracts, release: str) -> Iterator[str]:
    """Each breaking change between a release and what is there now."""
    yield from Documents(old["openapi"], new["openapi"], release).breaks()
    yield from mcp_breaks(old["mcp"], new["mcp"], release)
    yield from name_breaks(old["names"], new["names"])


def judged(found: Iterable[str], known: Mapping[str, str]) -> list[str]:
    """What is left to be mended: breaks that nobody decided on, and decisions about none.

    A shape that is answered in many places is one break, told of the first.
    """
    places: dict[str, list[str]] = {}
    for line in dict.fromkeys(found):
        shape = _SHAPE.search(line)
        places.setdefault(shape[0] if shape else line, []).append(line)
    firsts = {lines[0]: len(lines) - 1 for lines in places.values()}
    left = [
        line + (f" (and in {more} more places)" if more else "")
        for line, more in firsts.items()
        if line not in known
    ]
    return left + [f"accepted.toml: this breaks nothing: {what}" for what in known.keys() - firsts]
