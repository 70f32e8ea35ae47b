"""Message formats of extensions, held to what formats promise.

A maker takes nothing and gives a `Format` with the name of its entry point. Its two laws
(`domain.messages`) are its author's to keep and to test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from backstory import extensions
from backstory.domain.messages import Format, Rendered
from backstory.errors import BrokenExtensionError
from backstory.extensions import Extension, Group, guarded, product, require
from backstory.processing.media_types import take
from backstory.processing.sources import SOURCES

Render = Callable[[Sequence[Mapping[str, Any]]], Rendered]

_NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,63}\Z")
_TRIED: Final = ({"role": "user", "content": "Where is my order?"},)
NAMES: Final = frozenset({*SOURCES, "text", "markdown"})
"""Names of import sources, all formats among them, and of windows that are for no provider."""


def group(taken: set[str]) -> Group[Format]:
    """The group of formats. Their media types are added to those that are taken."""

    def make(extension: Extension, maker: Callable[[], Any]) -> Format:
        form = product(maker, Format)
        require(form.name == extension.name, f"its format is named {form.name}")
        require(_NAME.match(form.name) is not None, "its name is a letter, then [a-z0-9-]")
        members: Any = form.members
        named = isinstance(members, tuple) and all(isinstance(each, str) for each in members)
        require(named and bool(members), "members is a tuple of names, one at least")
        require(form.media_type.endswith("+json"), "its media type ends in +json")
        take(form.media_type, taken)
        render = _held(extension, form)
        render(_TRIED)
        return replace(form, parse=guarded(extension, form.parse), render=render)

    return Group(extensions.FORMATS, NAMES, make)


def _held(extension: Extension, form: Format) -> Render:
    def render(entries: Sequence[Mapping[str, Any]]) -> Rendered:
        rendered = form.render(entries)
        if not isinstance(rendered.payload.get(form.members[0]), list):
            raise BrokenExtensionError(f"{extension} wrote no list of {form.members[0]}")
        return rendered

    return guarded(extension, render)
