"""One look: Prometheus is asked, the probes are made, and a verdict is found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backstory.cli.rollout.judging import Bounds, Reason, Verdict, judged
from backstory.cli.rollout.measuring import Colour, Span, check_apart, measured
from backstory.cli.rollout.probing import probed
from backstory.cli.rollout.prometheus import SilentError, asking
from backstory.cli.rollout.telling import Look


def look(asked: Mapping[str, Any]) -> Look:
    """What the options of the command ask for.

    Raises:
        ConfigError: they make no sense, or a token is refused.
    """
    colours: dict[str, Colour] = {}
    reasons: list[Reason] = []
    if asked["old"] is not None:
        try:
            colours = _colours(asked)
            reasons += judged(colours["old"], colours["new"], _bounds(asked))
        except SilentError as error:
            reasons.append(Reason(Verdict.WAIT, "Prometheus", str(error)))
    if asked["old_url"] is not None:
        urls = asked["old_url"], asked["new_url"]
        reasons += probed(urls, asked["token_file"], asked["namespace"])
    return Look(reasons, colours)


def _colours(asked: Mapping[str, Any]) -> dict[str, Colour]:
    old, new = (asked[name].strip().removeprefix("{").removesuffix("}") for name in ("old", "new"))
    with asking(asked["url"], asked["prometheus_token_file"]) as prometheus:
        if not asked["old_ago"]:
            check_apart(prometheus, old, new)
        return {
            "old": measured(prometheus, old, Span(asked["window"], asked["old_ago"])),
            "new": measured(prometheus, new, Span(asked["window"])),
        }


def _bounds(asked: Mapping[str, Any]) -> Bounds:
    return Bounds(
        least=asked["requests"],
        failed=asked["failed_points"] / 100,
        refused=asked["refused_points"] / 100,
        slower=asked["slower"],
        confidence=asked["confidence"] / 100,
        looks=asked["looks"],
    )
