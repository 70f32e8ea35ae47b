"""Observability: those who listen to `ports.hooks`.

telling.py       the hooks: makes the events, and hands each to whoever hears it
asking.py        what the `OTEL_*` variables ask for; imports nothing of OpenTelemetry
traces.py        spans by OpenTelemetry, loaded only where they are asked for
otlp_metrics.py  the few metrics that go that way as well
exporting.py     its providers, and the way out over OTLP/HTTP
catalogue.py     every metric that `/metrics` shows
tallying.py      numbers in plain memory, until they are shown
counting.py      what the events mean in numbers
prometheus.py    shows them, for one worker or many
folder.py        where workers share them
files.py         what is looked up of a server's files
processes.py     what the system says of processes
standing.py      numbers that are not told but stand
stores.py, caches.py, summarisers.py  ports that tell how long they take
health/          what is looked at besides what is depended on
logs/            the log
lagging.py       what is looked at again and again
"""
