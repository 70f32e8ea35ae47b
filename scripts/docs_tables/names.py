"""Codes, bounds and settings: what a program or an operator may name."""

import re
from pathlib import Path

from backstory import errors, limits
from backstory.config import TABLE
from backstory.config.settings import Setting
from docs_tables.markdown import code, rows, sentence

LIMITS_PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "limits.md"


def error_codes() -> str:
    """Each class of the tree that has a code of its own."""
    found = [errors.BackstoryError]
    for each in found:
        found.extend(each.__subclasses__())
    named = {}
    for each in sorted(found, key=lambda each: (each.status, each.code)):
        named.setdefault(each.code, each)
    return rows(
        ("code", "status", "title", "meaning"),
        *(
            (code(each.code), each.status, each.title, sentence(each.__doc__))
            for each in named.values()
        ),
    )


def summariser_failures() -> str:
    return rows(
        ("reason", "meaning"),
        *((code(name), text) for name, text in errors.SUMMARISER_FAILURES.items()),
    )


def bounds() -> str:
    """Each section of `limits.py`; the meaning is its comment, or what the page says already."""
    page = LIMITS_PAGE.read_text(encoding="utf-8")
    said = dict(re.findall(r"^\| `(\w+)` \| \S+ \| (.*) \|$", page, re.MULTILINE))
    parts = []
    for section in re.split(
        r"^# -- ", Path(limits.__file__).read_text("utf-8"), flags=re.MULTILINE
    )[1:]:
        named = re.findall(r"^([A-Z_]+): Final = [^#\n]*(?:# (.*))?$", section, re.MULTILINE)
        shown = [
            (code(name), f"{getattr(limits, name):,}", comment or said.get(name, ""))
            for name, comment in named
        ]
        title = section.partition(" -")[0].capitalize()
        parts.append(f"## {title}\n\n{rows(('name', 'value', 'meaning'), *shown)}")
    return "\n".join(parts)


def settings() -> str:
    """Every setting by its names, with its default and its meaning."""
    return rows(
        ("name", "meaning", "default", "variable", "flag"),
        *(
            (code(each.name), each.meaning, default(each), code(each.variable), code(each.flag))
            for each in TABLE.values()
        ),
    )


def default(setting: Setting) -> str:
    """A value as it would be written; what is no value is a sentence."""
    text = setting.default or "none"
    return text if " " in text or text == "none" else code(text)
