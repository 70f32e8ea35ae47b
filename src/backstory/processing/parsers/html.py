"""HTML to text: what a reader would see, with the outline of its headings.

libxml2 reads the text as events and no tree is built, so that neither depth nor entities cost
more than their bytes. Scripts, styles and templates are dropped; character references are
read once, so that `&amp;lt;` stays `&lt;` and never becomes a tag.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, cast

from lxml import etree

from backstory import limits
from backstory.errors import MalformedError, TooLargeError, UnsupportedMediaError
from backstory.processing.parsers.results import Heading, Parameters, Text
from backstory.processing.parsers.text import codec_of, decode

_DROPPED: Final = frozenset({"script", "style", "template", "iframe", "object", "svg", "math"})
_BLOCKS: Final = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "br",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "fieldset",
        "figcaption",
        "figure",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "nav",
        "ol",
        "option",
        "p",
        "pre",
        "section",
        "summary",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "title",
        "tr",
        "ul",
    ]
)
_CELLS: Final = frozenset({"td", "th"})
_HEADINGS: Final = {f"h{level}": level for level in range(1, 7)}
_META = re.compile(
    rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([A-Za-z0-9_-]{1,40})", re.IGNORECASE
)
_META_BYTES: Final = 1024
_FED_CHARS: Final = 64 * 1024
_SPACE = re.compile(r"[ \t\r\n\f\v\xa0]+")


def parse_html(body: bytes, parameters: Parameters) -> Text:
    """The text of an HTML document, blocks on lines of their own, white space collapsed.

    The charset is that of the byte order mark, of the parameter, of a `meta` in the first
    1,024 bytes, or UTF-8.

    Raises:
        MalformedError: the bytes are no text in that charset.
        TooLargeError: deeper than `limits.HTML_DEPTH`, or over `limits.OUTLINE_HEADINGS`.
    """
    said = _META.search(body[:_META_BYTES])
    default = "utf-8"
    if said and "charset" not in parameters:
        try:
            default = codec_of(said[1].decode())
        except UnsupportedMediaError:
            default = "utf-8"
    # As every browser has it: who says Latin-1 means Windows-1252. UTF-16 cannot be said in it.
    default = {"latin-1": "cp1252", "ascii": "cp1252"}.get(default, default)
    return text_of(decode(body, parameters, "utf-8" if "utf-16" in default else default))


def text_of(html: str) -> Text:
    """The text of HTML that is text already."""
    reader = _Reader()
    parser = etree.HTMLParser(target=cast("Any", reader), recover=True, no_network=True)
    try:
        for start in range(0, len(html), _FED_CHARS):
            parser.feed(html[start : start + _FED_CHARS])
        parser.close()
    except etree.LxmlError as error:
        if html.strip():
            raise MalformedError(f"not HTML: {error}") from error
    return reader.result()


class _Reader:
    """Takes the events of a document; its methods are named by lxml."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._open: list[str] = []
        self._dropped = 0
        self._preformatted = 0
        self._title: list[str] | None = None
        self._titled: str | None = None
        self._heading: tuple[int, int | None, list[str]] | None = None
        self._outline: list[Heading] = []

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        self._open.append(tag)
        # Each closing tag is looked for among the open ones.
        if len(self._open) > limits.HTML_DEPTH:
            raise TooLargeError(
                f"HTML may be {limits.HTML_DEPTH} elements deep", limit="HTML_DEPTH"
            )
        if tag in _DROPPED:
            self._dropped += 1
        elif tag in _BLOCKS:
            self._break("\n")
        elif tag in _CELLS:
            self._break("\t")
        self._preformatted += tag == "pre"
        if tag == "title" and self._titled is None:
            self._title = []
        if tag in _HEADINGS and self._heading is None:
            self._heading = (_HEADINGS[tag], _line(attributes), [])

    def end(self, tag: str) -> None:
        """An element ends."""
        if self._open:
            self._open.pop()
        if tag in _DROPPED and self._dropped:
            self._dropped -= 1
        elif tag in _BLOCKS:
            self._break("\n")
        self._preformatted -= tag == "pre"
        if tag == "title" and self._title is not None:
            self._titled, self._title = _collapsed(self._title), None
        if tag in _HEADINGS and self._heading is not None:
            level, line, said = self._heading
            self._heading = None
            if len(self._outline) == limits.OUTLINE_HEADINGS:
                raise TooLargeError(
                    f"a text may have {limits.OUTLINE_HEADINGS} headings", limit="OUTLINE_HEADINGS"
                )
            self._outline.append(Heading(level, _collapsed(said), line))

    def data(self, data: str) -> None:
        """Text, with its character references read."""
        if self._dropped:
            return
        if self._title is not None:
            self._title.append(data)
            return
        if self._heading is not None:
            self._heading[2].append(data)
        if self._preformatted:
            self._pieces.append(data)
            return
        words = _SPACE.sub(" ", data)
        if not self._pieces or self._pieces[-1][-1:].isspace():
            words = words.removeprefix(" ")
        if words:
            self._pieces.append(words)

    def _break(self, mark: str) -> None:
        """A line or a cell begins, unless one has just begun."""
        if not self._pieces or self._preformatted:
            return
        last = self._pieces[-1].removesuffix(" ")
        if last:
            self._pieces[-1] = last
        else:
            self._pieces.pop()
        if self._pieces and self._pieces[-1][-1:] not in {"\n", mark}:
            self._pieces.append(mark)

    def comment(self, _text: str) -> None:
        """A comment, which nobody sees."""

    def pi(self, _target: str, _data: str | None = None) -> None:
        """A processing instruction, which nobody sees."""

    def close(self) -> None:
        """The document ends."""

    def result(self) -> Text:
        """What was read."""
        return Text("".join(self._pieces).strip(), self._titled or None, tuple(self._outline))


def _collapsed(pieces: list[str]) -> str:
    return _SPACE.sub(" ", "".join(pieces)).strip()[: limits.HEADING_CHARS]


def _line(attributes: Mapping[str, str]) -> int | None:
    """The line that our own rendering of Markdown notes."""
    digits = attributes.get("data-sourcepos", "").partition(":")[0]
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else None
