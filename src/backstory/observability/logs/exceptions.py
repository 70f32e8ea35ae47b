"""Where an exception came from, without what it says.

Messages of exceptions quote what was sent: a driver's the value that it could not use, a
parser's the text that it could not read. Kinds, codes and places in the code tell what to do.
"""

from __future__ import annotations

import errno
import traceback
from typing import Final

from backstory.errors import BackstoryError

_FRAMES: Final = 40  # the last ones, of each
_CHAIN: Final = 8
_CAUSED: Final = "\n\nThe above exception was the cause of this:\n\n"


def told(error: BaseException) -> str:
    """The chain of exceptions, the first cause first, as Python shows it but for the messages."""
    chain = [error]
    while len(chain) < _CHAIN and (cause := _cause(chain[-1])) is not None and cause not in chain:
        chain.append(cause)
    return _CAUSED.join(_one(each) for each in reversed(chain))


def _cause(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None:
        return error.__cause__
    return None if error.__suppress_context__ else error.__context__


def _one(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames)]
    lines.append(_kind(error))
    if isinstance(error, BaseExceptionGroup):
        inner = (_one(each).replace("\n", "\n  ") for each in error.exceptions[:_CHAIN])
        lines += [f"\n  with {each}" for each in inner]
    return "".join(lines)


def _kind(error: BaseException) -> str:
    kind = type(error)
    name = (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    if isinstance(error, BackstoryError):
        return f"{name} ({error.code})"
    if isinstance(error, OSError) and error.errno is not None:
        return f"{name} ({errno.errorcode.get(error.errno, error.errno)})"
    state = getattr(error, "sqlstate", None)  # of PostgreSQL
    return f"{name} ({state})" if isinstance(state, str) else name
