"""`backstory rollout`: whether a new version may have more of the traffic."""

from __future__ import annotations

import re
from typing import Any, Final

import click

from backstory import limits
from backstory.cli.options import json_option
from backstory.errors import ConfigError

_UNITS: Final = {"s": 1, "m": 60, "h": 3600}
_DURATION: Final = re.compile(r"(\d{1,7})([smh])")
_MOST_POINTS: Final = click.FloatRange(0, 100)


class _Duration(click.ParamType[int]):
    """`90s`, `10m` or `1h`, as seconds."""

    name = "duration"

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = _DURATION.fullmatch(value)
        seconds = int(found[1]) * _UNITS[found[2]] if found else -1
        if not self._least <= seconds <= self._most:
            self.fail(f"{value} is no duration from {self._least}s to {self._most}s, such as 10m",
                      param, ctx)  # fmt: skip
        return seconds


@click.group("rollout")
def command() -> None:
    """Compare a new version with the old one while both serve; --json is for scripts."""


@command.command("check")
@click.option("--old", metavar="SELECTOR", help="The old colour's nodes, by labels that Prometheus "
              "has for them: 'color=\"blue\"'.")  # fmt: skip
@click.option("--new", metavar="SELECTOR", help="The new colour's nodes, likewise.")
@click.option("--prometheus", "url", metavar="URL", default="http://127.0.0.1:9090",
              show_default=True, help="The Prometheus that scrapes both.")  # fmt: skip
@click.option("--prometheus-token-file", metavar="FILE", help="File with the token to show it.")
@click.option("--window", type=_Duration(10, limits.ROLLOUT_WINDOW_MOST_SECONDS), default="10m",
              metavar="DURATION", show_default=True, help="The time to look at, up to now.")  # fmt: skip
@click.option("--old-ago", type=_Duration(0, limits.ROLLOUT_WINDOW_MOST_SECONDS), default="0s",
              metavar="DURATION", show_default=True,
              help="Look at the old colour as it was so long ago.")  # fmt: skip
@click.option("--requests", type=click.IntRange(1), default=limits.ROLLOUT_REQUESTS,
              metavar="N", show_default=True, help="Requests that each colour needs.")  # fmt: skip
@click.option("--failed-points", type=_MOST_POINTS, default=limits.ROLLOUT_FAILED_POINTS,
              metavar="POINTS", show_default=True,
              help="Percentage points by which more requests may fail.")  # fmt: skip
@click.option("--refused-points", type=_MOST_POINTS, default=limits.ROLLOUT_REFUSED_POINTS,
              metavar="POINTS", show_default=True,
              help="Percentage points by which more may be refused (4xx).")  # fmt: skip
@click.option("--slower", type=click.FloatRange(1, 1000), default=limits.ROLLOUT_SLOWER,
              metavar="TIMES", show_default=True,
              help="How many times as slow the median and the slowest 5% may be.")  # fmt: skip
@click.option("--confidence", type=click.FloatRange(50, 99.999999),
              default=limits.ROLLOUT_CONFIDENCE, metavar="PERCENT", show_default=True,
              help="Of all looks of a roll together.")  # fmt: skip
@click.option("--looks", type=click.IntRange(1, 10_000), default=limits.ROLLOUT_LOOKS,
              metavar="N", show_default=True, help="How often a roll is looked at.")  # fmt: skip
@click.option("--old-url", metavar="URL", help="A server of the old colour, for probes.")
@click.option("--new-url", metavar="URL", help="A server of the new colour, for probes.")
@click.option("--token-file", metavar="FILE", help="File with the token for the probes.")
@click.option("--namespace", metavar="NAMESPACE", default="rollout", show_default=True,
              help="Below which the probes write.")  # fmt: skip
@json_option
def check(*, as_json: bool, **asked: Any) -> None:
    """Say whether the new colour may have more of the traffic: promote, wait or roll back.

    From Prometheus it compares failures, refusals and times of answers; through --old-url and
    --new-url it writes with one colour and reads with the other. Without --old and --new only
    the probes decide, without the URLs only Prometheus.

    The exit code is 0 for promote, 3 for wait, 4 for roll back; 1 and 2 are errors, as ever.
    """
    from backstory.cli.rollout.looking import look
    from backstory.cli.rollout.telling import EXIT_CODES

    _check_pairs(asked)
    found = look(asked)
    click.echo(found.json() if as_json else "\n".join(found.lines()))
    raise SystemExit(EXIT_CODES[found.verdict])


def _check_pairs(asked: dict[str, Any]) -> None:
    for one, other in (("old", "new"), ("old_url", "new_url")):
        if (asked[one] is None) != (asked[other] is None):
            names = " and ".join(f"--{name.replace('_', '-')}" for name in (one, other))
            raise ConfigError(f"{names} go together")
    if asked["old"] is None and asked["old_url"] is None:
        raise ConfigError("there is nothing to look at without --old and --new, or their URLs")
