"""The navigation, read from docs/index.md: a page that is listed there has its place.

`## ` begins a tab, `### ` a group in it; a link to a folder's README.md brings what that page lists.
"""

import re
from pathlib import Path
from typing import Any

import outside

_HEADING = re.compile(r"^# (.+)$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#\s]+\.md)\)")


def of(docs: Path) -> list[Any]:
    """What MkDocs takes as `nav`; titles are those of the pages."""
    found: list[Any] = [{"Start": "index.md"}]
    tab: list[Any] = []
    group: list[Any] = []
    for line in (docs / "index.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            tab = group = []
            found.append({line[3:]: tab})
        elif line.startswith("### "):
            group = []
            tab.append({line[4:]: group})
        elif len(found) > 1:
            group += [entry(docs, to) for link in _LINK.findall(line) for to in places(docs, link)]
    return found


def places(docs: Path, link: str) -> list[str]:
    """The pages that a link of the index stands for."""
    target = (docs / link).resolve()
    if not target.is_relative_to(docs):
        return [outside.place(target.relative_to(docs.parent))]
    if target.name != "README.md" or not target.exists():
        return [link]
    folder = Path(link).parent
    listed = _LINK.findall(target.read_text(encoding="utf-8"))
    beside = dict.fromkeys(f"{folder}/{name}" for name in listed if "/" not in name)
    return [link, *beside]


def entry(docs: Path, place: str) -> str | dict[str, str]:
    """A page; with its title, where MkDocs would not find it since a comment stands before it."""
    page = docs / place
    text = page.read_text(encoding="utf-8") if page.exists() else "# "
    heading = _HEADING.search(text)
    return place if text.startswith("# ") or heading is None else {heading[1]: place}
