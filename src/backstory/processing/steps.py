"""The steps that everything passes which is written, in their order, and how one is run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from backstory.errors import BackstoryError
from backstory.ports.hooks import Measure

_P = ParamSpec("_P")
_R = TypeVar("_R")

PARSE: Final = "parse"
VALIDATE: Final = "validate"
TRANSFORM: Final = "transform"

STEPS: Final = (PARSE, VALIDATE, TRANSFORM)


def run(
    measure: Measure, step: str, work: Callable[_P, _R], *args: _P.args, **kwargs: _P.kwargs
) -> _R:
    """What the work comes to, measured; an error that leaves it says in which step.

    Raises:
        BackstoryError: as the work, with `step` in its context.
    """
    try:
        with measure(step):
            return work(*args, **kwargs)
    except BackstoryError as error:
        error.context.setdefault("step", step)
        raise
