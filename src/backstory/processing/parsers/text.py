"""Plain text, and how bytes become text: by the charset that was said, strictly."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import Final

from backstory import limits
from backstory.domain.keys import shorten
from backstory.errors import MalformedError, UnsupportedMediaError
from backstory.processing.parsers.results import Parameters, Text

# Only these: Python knows codecs that are none of a text's (punycode, unicode_escape), and
# remembers each unknown name for good.
_NAMES: Final = {
    "utf-8": "utf-8 utf8 unicode-1-1-utf-8",
    "utf-16": "utf-16 utf16",
    "utf-16-le": "utf-16le utf-16-le",
    "utf-16-be": "utf-16be utf-16-be",
    "ascii": "us-ascii ascii",
    "latin-1": "iso-8859-1 iso8859-1 latin1 latin-1",
    "iso8859-2": "iso-8859-2 iso8859-2 latin2",
    "iso8859-5": "iso-8859-5 iso8859-5",
    "iso8859-7": "iso-8859-7 iso8859-7",
    "iso8859-9": "iso-8859-9 iso8859-9 latin5",
    "iso8859-15": "iso-8859-15 iso8859-15 latin9",
    "cp1250": "windows-1250 cp1250",
    "cp1251": "windows-1251 cp1251",
    "cp1252": "windows-1252 cp1252",
    "cp1253": "windows-1253 cp1253",
    "cp1254": "windows-1254 cp1254",
    "cp1255": "windows-1255 cp1255",
    "cp1256": "windows-1256 cp1256",
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
    "shift_jis": "shift_jis shift-jis sjis",
    "euc_jp": "euc-jp",
    "gb18030": "gb18030 gbk gb2312",
    "big5": "big5",
    "euc_kr": "euc-kr",
}
CHARSETS: Final = {label: codec for codec, labels in _NAMES.items() for label in labels.split()}
"""Python's codec for each charset that is read, by its labels in lower case."""

_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_PIECE_BYTES: Final = 256 * limits.KIB
# C0 controls other than tab, newline, form feed and return: no text has them.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")


def decode(body: bytes, parameters: Parameters, default: str = "utf-8") -> str:
    """The text of a body: by its byte order mark, else by `charset`, else by the default.

    Raises:
        MalformedError: the bytes are no text in that charset; `offset` and `line` say where.
        UnsupportedMediaError: a charset that is not read, or not the one of the mark.
    """
    said = parameters.get("charset")
    codec = codec_of(said) if said is not None else None
    for mark, marked in _BOMS:
        if body.startswith(mark):
            if codec not in {None, marked, "utf-16" if marked != "utf-8" else marked}:
                raise UnsupportedMediaError(
                    f"the charset is said to be {shorten(str(said))}, the mark is of {marked}"
                )
            return _decode(body[len(mark) :], marked)
    return _decode(body, codec or default)


def codec_of(label: str) -> str:
    """Python's codec of a charset's label.

    Raises:
        UnsupportedMediaError: none that is read.
    """
    found = CHARSETS.get(label.strip().lower())
    if found is None:
        raise UnsupportedMediaError(
            f"charset {shorten(label)} is not read; UTF-8 always is", supported=sorted(CHARSETS)
        )
    return found


def _decode(body: bytes, codec: str) -> str:
    # Without a mark UTF-16 is big-endian (RFC 2781 section 4.3); Python would ask the machine.
    codec = "utf-16-be" if codec == "utf-16" else codec
    try:
        pieces = list(_pieces(body, codec))
    except UnicodeDecodeError:
        raise _undecodable(body, codec) from None
    lines = 1
    for piece in pieces:
        # A file that is none, or another charset than was said, shows by its controls.
        wrong = _CONTROL.search(piece)
        if wrong:
            lines += piece.count("\n", 0, wrong.start())
            raise MalformedError(
                f"no text in {codec}: control character U+{ord(wrong[0]):04X} in line {lines}",
                line=lines,
            )
        lines += piece.count("\n")
    return "".join(pieces)


def _pieces(body: bytes, codec: str) -> Iterator[str]:
    """The text in pieces, since no other thread has its turn while one is decoded."""
    decoder = codecs.getincrementaldecoder(codec)()
    for start in range(0, len(body), _PIECE_BYTES):
        yield decoder.decode(body[start : start + _PIECE_BYTES])
    yield decoder.decode(b"", final=True)


def _undecodable(body: bytes, codec: str) -> MalformedError:
    try:
        body.decode(codec)
    except UnicodeDecodeError as error:
        before = body[: error.start].decode(codec, "replace")
        line = before.count("\n") + 1
        return MalformedError(
            f"no text in {codec}: wrong byte at offset {error.start}, line {line}",
            offset=error.start,
            line=line,
        )
    return MalformedError(f"no text in {codec}")


def parse_text(body: bytes, parameters: Parameters) -> Text:
    """Plain text (RFC 2046 section 4.1) with its line ends as they are."""
    return Text(decode(body, parameters))
