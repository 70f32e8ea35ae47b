"""Pieces of Markdown, as every table is made of them."""

from collections.abc import Sequence
from typing import Any


def rows(*cells: Sequence[Any]) -> str:
    """A Markdown table; the first row is its head."""
    lines = [
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in cells
    ]
    lines.insert(1, "| " + " | ".join("---" for _ in cells[0]) + " |")
    return "\n".join(lines) + "\n"


def code(text: object) -> str:
    return f"`{text}`"


def sentence(docstring: str | None) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((docstring or "").strip().split("\n\n")[0].split())
