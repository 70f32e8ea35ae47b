"""Observability: those who listen to `ports.hooks`.

asking.py      what the `OTEL_*` variables ask for; imports nothing of OpenTelemetry
telemetry.py   traces and metrics by OpenTelemetry, loaded only where they are asked for
exporting.py   its providers, and the way out over OTLP/HTTP
catalogue.py   every metric that `/metrics` shows
prometheus.py  counts them, in one worker or many
folder.py      where workers share them
files.py       what is looked up of a server's files
processes.py   what the system says of processes
lagging.py     how late the event loop is
"""
