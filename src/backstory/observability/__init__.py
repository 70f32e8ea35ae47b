"""Observability: those who listen to `ports.hooks`.

asking.py     what the `OTEL_*` variables ask for; imports nothing of OpenTelemetry
telemetry.py  traces and metrics by OpenTelemetry, loaded only where they are asked for
exporting.py  its providers, and the way out over OTLP/HTTP
"""
