"""What a look came to, for a person and for a script."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from backstory.cli.rollout.judging import QUANTILES, Reason, Verdict, verdict
from backstory.cli.rollout.measuring import Colour

EXIT_CODES: Final = {Verdict.PROMOTE: 0, Verdict.WAIT: 3, Verdict.ROLL_BACK: 4}
_SIGNS: Final = {
    Verdict.PROMOTE: "ok       ",
    Verdict.WAIT: "wait     ",
    Verdict.ROLL_BACK: "roll back",
}


@dataclass(frozen=True, slots=True)
class Look:
    """What was looked at, and what it speaks for."""

    reasons: list[Reason]
    colours: dict[str, Colour]

    @property
    def verdict(self) -> Verdict:
        return verdict(self.reasons)

    def lines(self) -> Iterator[str]:
        yield str(self.verdict)
        for name, colour in self.colours.items():
            versions = ", ".join(colour.versions) or "no version known"
            yield f"          {name}: {colour.up} of {colour.nodes} nodes up, {versions}"
        for reason in self.reasons:
            yield f"{_SIGNS[reason.verdict]} {reason.name}: {reason.detail}"

    def json(self) -> str:
        view = {
            "verdict": self.verdict,
            "reasons": [_reason(each) for each in self.reasons],
            "colours": {name: _colour(each) for name, each in self.colours.items()},
        }
        return json.dumps(view, indent=2)


def _reason(reason: Reason) -> dict[str, Any]:
    told = {"verdict": reason.verdict, "name": reason.name, "detail": reason.detail}
    return told | {"numbers": reason.numbers}


def _colour(colour: Colour) -> dict[str, Any]:
    answers = colour.all
    return {
        "selector": colour.selector,
        "nodes": colour.nodes,
        "up": colour.up,
        "restarts": colour.restarts,
        "versions": list(colour.versions),
        "away": list(colour.away),
        "requests": answers.failed.whole,
        "failed": answers.failed.part,
        "refused": answers.refused.part,
        "seconds": {f"{share:g}": colour.quantile(share) for share in QUANTILES.values()},
    }
