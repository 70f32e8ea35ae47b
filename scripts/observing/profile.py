"""The files of `deploy/` with other addresses and in a hurry: nothing else is changed.

At a speed of 60 what takes a minute in production takes a second here: how long an alert waits, over
which window a rule looks, how long Alertmanager collects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
INTERVALS = {"scrape": "1s", "evaluation": "500ms"}  # one second is for busy machines
LEAST_SECONDS = {"[": 5.0, "offset ": 5.0, "for: ": 3.0}  # several scrapes, however fast
LEAST_WAIT_SECONDS = 0.05
OPSGENIE, PAGERDUTY = "https://api.opsgenie.com/", "https://events.pagerduty.com/"
KEYS = "/etc/alertmanager/keys/"
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_TIMES = re.compile(r"(\[|offset |for: |_wait: |_interval: |timeout: )(\d+)(ms|[smhd])\b")
_AHEAD = re.compile(r"(predict_linear\([^,]+, )(\d+)\)")

PROVIDER_KEYS = {
    "pagerduty": "0123456789abcdef0123456789abcdef",
    "opsgenie": "01234567-89ab-cdef-0123-456789abcdef",
}
"""Keys of the form that each provider hands out."""


def hurried(text: str, speed: float) -> str:
    """Rules and routes that look over shorter windows, less far ahead, and wait less."""

    def shorter(found: re.Match[str]) -> str:
        before, number, unit = found.groups()
        seconds = int(number) * UNITS[unit]
        least = LEAST_SECONDS.get(before, LEAST_WAIT_SECONDS)
        return f"{before}{max(seconds / speed, min(seconds, least)) * 1000:.0f}ms"

    def nearer(found: re.Match[str]) -> str:
        return f"{found[1]}{int(found[2]) / speed:g})"

    return _TIMES.sub(shorter, _AHEAD.sub(nearer, text))


def replaced(text: str, others: Mapping[str, str]) -> str:
    """The text with each of these replaced; each has to be there."""
    for shown, real in others.items():
        if shown not in text:
            raise ValueError(f"{shown} is not there any more")
        text = text.replace(shown, real)
    return text


def write_prometheus(folder: Path, speed: float, addresses: Mapping[str, str]) -> Path:
    """The file of Prometheus, with the rules beside it."""
    (folder / "rules").mkdir(parents=True, exist_ok=True)
    for rules in sorted((DEPLOY / "prometheus" / "rules").glob("*.yml")):
        (folder / "rules" / rules.name).write_text(hurried(rules.read_text(), speed))
    intervals = {
        f"{name}_interval: 15s": f"{name}_interval: {often}" for name, often in INTERVALS.items()
    }
    file = folder / "prometheus.yml"
    shown = (DEPLOY / "prometheus" / "prometheus.yml").read_text()
    file.write_text(replaced(shown, intervals | dict(addresses)))
    return file


def write_alertmanager(folder: Path, speed: float, providers: str) -> Path:
    """The file of Alertmanager, which tells `providers` (a URL) instead of PagerDuty and Opsgenie."""
    keys = folder / "keys"
    keys.mkdir(parents=True, exist_ok=True)
    for provider, key in PROVIDER_KEYS.items():
        (keys / provider).write_text(key)
    shown = DEPLOY / "alertmanager"
    (folder / "backstory.tmpl").write_text((shown / "backstory.tmpl").read_text())
    text = hurried((shown / "alertmanager.yml").read_text(), speed)
    there = {OPSGENIE: f"{providers}/", PAGERDUTY: f"{providers}/", KEYS: f"{keys}/"}
    file = folder / "alertmanager.yml"
    file.write_text(replaced(text, there))
    return file
