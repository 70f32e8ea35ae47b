"""What the standard `OTEL_*` variables ask for.

Telemetry is sent where an endpoint or an exporter is named; everything else (endpoints, headers,
timeouts, sampling, resource, batches) the SDK reads from the same variables itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from backstory.errors import ConfigError

_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_PROTOCOL: Final = "OTEL_EXPORTER_OTLP_PROTOCOL"
_OTLP, _NONE, _HTTP = "otlp", "none", "http/protobuf"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which signals are to be sent."""

    traces: bool
    metrics: bool


def asked(environ: Mapping[str, str]) -> Asked:
    """What the variables ask for; nothing where they say nothing.

    Raises:
        ConfigError: an exporter or a protocol that there is not here.
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return Asked(traces=False, metrics=False)
    return Asked(_signal("TRACES", environ), _signal("METRICS", environ))


def _signal(name: str, environ: Mapping[str, str]) -> bool:
    variable = f"OTEL_{name}_EXPORTER"
    exporter = environ.get(variable, "").strip().lower()
    if exporter not in {"", _OTLP, _NONE}:
        raise ConfigError(f"{variable} must be {_OTLP} or {_NONE}, not {exporter!r}")
    own = f"OTEL_EXPORTER_OTLP_{name}_ENDPOINT"
    endpoint = environ.get(own, "").strip() or environ.get(_ENDPOINT, "").strip()
    if exporter == _NONE or not (exporter or endpoint):
        return False
    for each in (f"OTEL_EXPORTER_OTLP_{name}_PROTOCOL", _PROTOCOL):
        protocol = environ.get(each, "").strip().lower()
        if protocol:
            if protocol != _HTTP:
                raise ConfigError(f"{each} must be {_HTTP}, not {protocol!r}")
            break
    return True
