"""Pages for what lies outside docs/ and is linked from a page: configurations, examples, the changelog.

A forge shows the file itself; on the site it is a page under files/, so that no link needs a network.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

_LINK = re.compile(r"(\]\()([^)#\s]+)((?:#[^)\s]*)?\))")
_FENCED = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)
_HIDDEN = "---\nsearch:\n  exclude: true\n---\n\n"
_LANGUAGES = {
    ".cfg": "ini", ".conf": "nginx", ".json": "json", ".py": "python", ".service": "ini",
    ".sh": "bash", ".sql": "sql", ".timer": "ini", ".toml": "toml", ".yaml": "yaml", ".yml": "yaml",
}  # fmt: skip


def place(path: Path) -> str:
    """Where the page of a file of the repository is, among those of docs/."""
    name = path.as_posix().removesuffix(".md").replace("/.", "/dot-").lstrip(".")
    return f"files/{name}.md"


def targets(text: str, source: Path, root: Path) -> Iterator[tuple[str, Path]]:
    """Each link of a page that leads to something of the repository outside docs/."""
    for part in _FENCED.split(text)[::2]:
        for _, link, _ in _LINK.findall(part):
            if ":" not in link:
                target = (source.parent / link).resolve()
                if target.is_relative_to(root) and not target.is_relative_to(root / "docs"):
                    yield link, target


def rewritten(text: str, source: Path, uri: str, root: Path) -> str:
    """The text of a page that stands at `uri` on the site, with links that lead to pages there."""
    moved = {link: place(target.relative_to(root)) for link, target in targets(text, source, root)}
    if not source.is_relative_to(
        root / "docs"
    ):  # what leads back into docs/ leads there from elsewhere
        for _, link, _ in _LINK.findall(text):
            target = (source.parent / link).resolve()
            if ":" not in link and target.is_relative_to(root / "docs"):
                moved[link] = target.relative_to(root / "docs").as_posix()

    def mended(found: re.Match[str]) -> str:
        if found[2] not in moved:
            return found[0]
        return f"{found[1]}{os.path.relpath(moved[found[2]], Path(uri).parent)}{found[3]}"

    parts = _FENCED.split(text)
    return "".join(
        part if number % 2 else _LINK.sub(mended, part) for number, part in enumerate(parts)
    )


def pages(root: Path, docs: Path) -> Iterator[tuple[str, str]]:
    """Where each such page is, and its text; what they lead to themselves is there as well."""
    waiting = [
        target
        for page in sorted(docs.rglob("*.md"))
        for _, target in targets(page.read_text(encoding="utf-8"), page, root)
    ]
    seen: set[Path] = set()
    while waiting:
        path = waiting.pop()
        if path in seen or not path.exists():
            continue
        seen.add(path)
        text = shown(path, root)
        waiting += [target for _, target in targets(text, path, root)]
        where = place(path.relative_to(root))
        yield where, rewritten(text, path, where, root)


def shown(path: Path, root: Path) -> str:
    """A Markdown file as it is, a folder as a list, anything else as its text."""
    name = path.relative_to(root)
    if path.is_dir():
        inside = sorted(
            each.name for each in path.iterdir() if not each.name.startswith((".", "__"))
        )
        return f"{_HIDDEN}# {name}\n\n" + "".join(
            f"* [{each}]({path.name}/{each})\n" for each in inside
        )
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    language = _LANGUAGES.get(path.suffix, "text")
    return f"{_HIDDEN}# {name}\n\n````{language}\n{text}\n````\n"
