"""Every metric that a server shows: its name, labels and meaning. The reference is made of it.

Labels are bounded: names out of the code, statuses and codes of errors. Nothing that a caller
chose stands in one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram"]
Across = Literal["sum", "max"]

FAST: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
STEPS: Final = (1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 0.1, 0.5, 1.0, 5.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `buckets` are upper bounds in seconds; `across` says how workers add up."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = FAST
    across: Across = "sum"


REQUESTS: Final = Metric(
    "backstory_requests_total",
    "counter",
    "Answers, by route (its template), method and status",
    ("route", "method", "status"),
)
REQUEST_SECONDS: Final = Metric(
    "backstory_request_seconds",
    "histogram",
    "Time until an answer began; a long poll's includes its waiting",
    ("route", "method"),
)
IN_FLIGHT: Final = Metric(
    "backstory_requests_in_flight", "gauge", "Requests under way, streams and long polls included"
)
ERRORS: Final = Metric(
    "backstory_errors_total", "counter", "Problem documents, by route and code", ("route", "code")
)
MCP_CALLS: Final = Metric(
    "backstory_mcp_calls_total",
    "counter",
    "MCP requests over HTTP, by method, tool and code of the error (`ok` without one)",
    ("method", "tool", "code"),
)
MCP_SECONDS: Final = Metric(
    "backstory_mcp_seconds", "histogram", "Time that an MCP request took", ("method", "tool")
)
STEP_SECONDS: Final = Metric(
    "backstory_step_seconds",
    "histogram",
    "Time that a step of processing took",
    ("step",),
    STEPS,
)
STEP_FAILURES: Final = Metric(
    "backstory_step_failures_total",
    "counter",
    "Steps that rejected what was sent, by code",
    ("step", "code"),
)
DEPENDENCY_CHANGES: Final = Metric(
    "backstory_dependency_changes_total",
    "counter",
    "How often something that is depended on went away (`away`) and came back (`there`)",
    ("dependency", "state"),
)
WATCHERS: Final = Metric(
    "backstory_watchers", "gauge", "Long polls, streams and subscriptions that wait for changes"
)
DEPENDENCY: Final = Metric(
    "backstory_dependency_down",
    "gauge",
    "How many workers do without a dependency, since its breaker is open",
    ("dependency",),
)
LOOP_LAG: Final = Metric(
    "backstory_event_loop_lag_seconds",
    "histogram",
    "Time by which a look at the event loop came late, once a second in each worker",
)

METRICS: Final = (
    REQUESTS,
    REQUEST_SECONDS,
    IN_FLIGHT,
    ERRORS,
    MCP_CALLS,
    MCP_SECONDS,
    STEP_SECONDS,
    STEP_FAILURES,
    DEPENDENCY_CHANGES,
    WATCHERS,
    DEPENDENCY,
    LOOP_LAG,
)
"""Those that are counted while the server works."""

INFO: Final = Metric("backstory_info", "gauge", "Always 1", ("version",))
WORKERS: Final = Metric("backstory_workers", "gauge", "Processes that serve requests")
WORKERS_REPLACED: Final = Metric(
    "backstory_workers_replaced_total",
    "counter",
    "Workers in whose place another came: `died`, `silent` (no sign of life), `start` (ended before "
    "it took requests), `memory`, `asked` (SIGHUP)",
    ("reason",),
)
WORKERS_WAITING: Final = Metric(
    "backstory_workers_waiting",
    "gauge",
    "Workers that are missing, since those in their places died again and again",
)
FREE_BYTES: Final = Metric(
    "backstory_store_free_bytes", "gauge", "Room that is left on the disk of a SQLite store"
)
STORE_BYTES: Final = Metric(
    "backstory_store_bytes",
    "gauge",
    "Size of a SQLite store's file, or of its write-ahead log",
    ("file",),
)
CERTIFICATE: Final = Metric(
    "backstory_certificate_seconds",
    "gauge",
    "Time until the certificate of the server's files ends, where it speaks TLS",
)
CPU: Final = Metric(
    "process_cpu_seconds_total", "counter", "Processor time, of all workers together"
)
RESIDENT: Final = Metric(
    "process_resident_memory_bytes", "gauge", "Resident memory, of all workers together"
)
VIRTUAL: Final = Metric(
    "process_virtual_memory_bytes", "gauge", "Virtual memory, of all workers together"
)
STARTED: Final = Metric(
    "process_start_time_seconds", "gauge", "When the oldest worker began, since the Unix epoch"
)
OPEN_FDS: Final = Metric("process_open_fds", "gauge", "Open files, of all workers together")
MAX_FDS: Final = Metric(
    "process_max_fds", "gauge", "Files that may be open, of all workers together"
)

LOOKED_AT: Final = (
    INFO, WORKERS, WORKERS_REPLACED, WORKERS_WAITING, FREE_BYTES, STORE_BYTES, CERTIFICATE,
    CPU, RESIDENT, VIRTUAL, STARTED, OPEN_FDS, MAX_FDS,
)  # fmt: skip
"""Those that are looked up when they are asked for."""
