"""What an extension answers is bounded like what we answer ourselves.

Bytes of pictures and sound are not read as text by a model, so they have a bound of their own.
"""

from __future__ import annotations

from typing import Any

from backstory import limits
from backstory.errors import BackstoryError
from backstory.transports.mcp import answers

_CODED = ("data", "blob")  # members that hold bytes in base64


def checked(view: Any, what: str) -> None:
    """Nothing, where the answer may go out.

    Raises:
        BackstoryError: it is over a bound; `what` says whose answer it is.
    """
    plain, coded = _parted(view)
    if not answers.fits(plain):
        raise _long(what, limits.MODEL_ANSWER_BYTES, "MODEL_ANSWER_BYTES", "of text")
    if coded > limits.EXTENSION_BLOB_BYTES:
        raise _long(what, limits.EXTENSION_BLOB_BYTES, "EXTENSION_BLOB_BYTES", "in base64")


def _parted(view: Any) -> tuple[Any, int]:
    """The answer without what is coded, and the bytes of that."""
    if isinstance(view, list):
        parts = [_parted(each) for each in view]
        return [plain for plain, _ in parts], sum(coded for _, coded in parts)
    if not isinstance(view, dict):
        return view, 0
    if "mimeType" in view:
        coded = sum(len(view[name]) for name in _CODED if name in view)
        return {name: value for name, value in view.items() if name not in _CODED}, coded
    if view.get("type") == "resource":
        plain, coded = _parted(view["resource"])
        return view | {"resource": plain}, coded
    if view.get("role") is not None:
        plain, coded = _parted(view["content"])
        return view | {"content": plain}, coded
    return view, 0


def _long(what: str, most: int, limit: str, unit: str) -> BackstoryError:
    return BackstoryError(f"the answer of {what} is longer than {most} bytes {unit}", limit=limit)
