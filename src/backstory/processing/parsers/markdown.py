"""Markdown to text with the outline of its headings, by CommonMark's reference implementation."""

from __future__ import annotations

import cmarkgfm
from cmarkgfm.cmark import Options

from backstory.processing.parsers.html import text_of
from backstory.processing.parsers.results import Parameters, Text
from backstory.processing.parsers.text import decode

# HTML inside of Markdown goes the same way as HTML itself: its text stays, its scripts do not.
_OPTIONS = Options.CMARK_OPT_SOURCEPOS | Options.CMARK_OPT_UNSAFE


def parse_markdown(body: bytes, parameters: Parameters) -> Text:
    """The text of a CommonMark document, and its headings with their lines, which count from 1.

    The title is the first heading of level 1.

    Raises:
        MalformedError: the bytes are no text in their charset.
        TooLargeError: nested deeper than `limits.HTML_DEPTH`, or too many headings.
    """
    rendered = text_of(cmarkgfm.markdown_to_html(decode(body, parameters), options=_OPTIONS))
    title = next((each.title for each in rendered.outline if each.level == 1), None)
    return Text(rendered.text, title, rendered.outline)
