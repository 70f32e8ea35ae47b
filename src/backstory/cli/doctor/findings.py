"""What a look comes to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `next` says what to do where it is not as it should be."""

    name: str
    status: Literal["ok", "warning", "failed"]
    detail: str
    next: str | None = None
