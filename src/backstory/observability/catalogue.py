"""Every metric that a server shows: its name, labels and meaning. The reference is made of it.

Labels are bounded: names out of the code, statuses and codes of errors. Nothing that a caller
chose stands in one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["counter", "gauge", "histogram"]

FAST: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
STEPS: Final = (1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 0.1, 0.5, 1.0, 5.0)
SIZES: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0)
LONG: Final = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


@dataclass(frozen=True, slots=True, eq=False)
class Metric:
    """One metric. `buckets` are upper bounds of a histogram, in seconds or in what it counts."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = FAST


def _counter(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(f"backstory_{name}_total", "counter", meaning, labels)


def _gauge(name: str, meaning: str, *labels: str) -> Metric:
    return Metric(f"backstory_{name}", "gauge", meaning, labels)


def _histogram(name: str, meaning: str, buckets: tuple[float, ...], *labels: str) -> Metric:
    return Metric(f"backstory_{name}", "histogram", meaning, labels, buckets)


# -- requests ----------------------------------------------------------------------------

REQUESTS: Final = _counter(
    "requests", "Answers, by route (its template), method and status", "route", "method", "status"
)
REQUEST_SECONDS: Final = _histogram(
    "request_seconds",
    "Time until an answer began; a long poll's includes its waiting; of very many answers that wait for nothing, one in 16 is timed",
    FAST,
    "route",
    "method",
)
IN_FLIGHT: Final = _gauge(
    "requests_in_flight", "Requests under way, streams and long polls included"
)
ERRORS: Final = _counter("errors", "Problem documents, by route and code", "route", "code")
ANSWER_BYTES: Final = _counter(
    "answer_bytes", "Bytes of answers' bodies as they went out, by their coding", "coding"
)
STALE_ANSWERS: Final = _counter(
    "stale_answers", "Answers from copies while the store was away", "route"
)
DEPRECATED: Final = _counter(
    "deprecated_calls", "Requests to what is deprecated, by route and method", "route", "method"
)
MCP_CALLS: Final = _counter(
    "mcp_calls",
    "MCP requests over HTTP, by method, tool and code of the error (`ok` without one)",
    "method",
    "tool",
    "code",
)
MCP_SECONDS: Final = _histogram(
    "mcp_seconds", "Time that an MCP request took", FAST, "method", "tool"
)
WATCHERS: Final = _gauge("watchers", "Long polls, streams and subscriptions that wait for changes")
STEP_SECONDS: Final = _histogram(
    "step_seconds", "Time that a step of processing took", STEPS, "step"
)
STEP_FAILURES: Final = _counter(
    "step_failures", "Steps that rejected what was sent, by code", "step", "code"
)

# -- store, cache, bus -------------------------------------------------------------------

STORE_SECONDS: Final = _histogram(
    "store_seconds",
    "Time that the store took to answer, waiting for its turn included; of point reads "
    "(`snapshot`), one in 16 is timed and counts for 16",
    STEPS,
    "operation",
)
STORE_FAILURES: Final = _counter(
    "store_failures", "Questions to the store that failed, by code", "operation", "code"
)
COMMIT_JOBS: Final = _histogram(
    "commit_jobs", "Commits that went into one transaction of the database together", SIZES
)
COMMIT_SECONDS: Final = _histogram(
    "commit_seconds", "Time of such a transaction, until it was durable", FAST
)
QUEUE_DEPTH: Final = _gauge(
    "queue_depth",
    "What waits: `writes`, `reads` and `standings` for the store, `erasures` to be wiped out, "
    "commits that the `index` of words has not taken in, hints to be sent on the `bus`, contexts "
    "that wait for `summaries`",
    "queue",
)
POOL: Final = _gauge("pool_connections", "Connections to PostgreSQL, `busy` and `idle`", "state")
CACHE_SECONDS: Final = _histogram(
    "cache_seconds", "Time that the cache took to answer", STEPS, "operation"
)
CACHE_ANSWERS: Final = _counter(
    "cache_answers",
    "Answers of the cache: `hit`, `miss`, `kept`, `refused` (another was faster), `done`, `away`, "
    "`damaged` (what was kept was not whole, and is kept anew)",
    "operation",
    "outcome",
)
LOOKUPS: Final = _counter(
    "lookups",
    "What a process was asked to remember: verified `tokens`, `rules` of kinds, `kinds` of "
    "contexts, `states` of contexts beside a file, coded `variants` of answers; `hit` or `miss`",
    "memory",
    "outcome",
)
BUS_MESSAGES: Final = _counter(
    "bus_messages", "Messages on the change bus, `sent` and `heard`", "way"
)
BUS_SECONDS: Final = _histogram("bus_seconds", "Time that sending a message took", STEPS)

# -- models and content --------------------------------------------------------------------

RENDER_SECONDS: Final = _histogram("render_seconds", "Time that a window took", FAST, "format")
RENDERED_TOKENS: Final = _counter("rendered_tokens", "Tokens of windows", "format")
SUMMARY_SECONDS: Final = _histogram("summarising_seconds", "Time that a summary took", LONG, "by")
SUMMARIES: Final = _counter(
    "summaries",
    "Summaries, by who made them, code and why it was not the one that was asked (`fallback`)",
    "by",
    "code",
    "fallback",
)
CHUNKS: Final = _counter("chunks", "Chunks of content that came in")
CHUNK_BYTES: Final = _counter("chunk_bytes", "Bytes of chunks that came in")

# -- what is depended on, and the background -------------------------------------------------

DEPENDENCY_CHANGES: Final = _counter(
    "dependency_changes",
    "How often something that is depended on went away (`away`) and came back (`there`)",
    "dependency",
    "state",
)
DEPENDENCY: Final = _gauge(
    "dependency_down",
    "How many workers do without a dependency, since its breaker is open",
    "dependency",
)
CHECK_FAILING: Final = _gauge(
    "check_failing", "How many workers' last look at it failed, of what `/healthz` shows", "check"
)
CHECK_SECONDS: Final = _gauge(
    "check_seconds", "Time that the last look took, added over the workers", "check"
)
CLOCK_SKEW: Final = _gauge(
    "clock_skew_seconds", "This machine's clock minus the database's, the furthest of the workers"
)
CLOCK_JUMPS: Final = _counter("clock_jumps", "How often the machine's clock went back")
REPLICA_LAG: Final = _gauge(
    "replica_lag_seconds", "How far the standby that is read is behind, the worst of the workers"
)
SWEEPS: Final = _counter("sweeps", "Runs of the background removal, by code", "code")
SWEPT: Final = _counter("swept", "Contexts that expired or were brought to a new schema by it")
SCRUB_DAMAGE: Final = _gauge(
    "scrub_damage", "Damaged things in the store that the last scrub has found, by kind", "what"
)
SCRUB_ENDED: Final = _gauge(
    "scrub_ended_seconds", "When the last scrub of the store ended, since the Unix epoch; 0: never"
)
AUDIT_ROUNDS: Final = _counter(
    "audit_rounds", "Rounds in which the audit trail was written, by code", "code"
)
LOOP_LAG: Final = _histogram(
    "event_loop_lag_seconds",
    "Time by which a look at the event loop came late, once a second in each worker",
    FAST,
)
LOG_LINES: Final = _counter("log_lines", "Lines of the log, by level", "level")
LOG_LOST: Final = _counter(
    "log_lines_lost",
    "Lines that were not written: `repeated` ones, and those the log could not take (`unwritable`)",
    "reason",
)

LABELS: Final = {
    "route": "templates of paths, `/mcp`, or `none`",
    "method": "methods of HTTP, or `other`; methods of MCP that there are",
    "status": "statuses of HTTP that the server answers with",
    "code": "codes of errors, `ok`, `unexpected`, `cancelled`",
    "coding": "`identity`, `zstd`, `br`, `gzip`, `other`",
    "tool": "tools that there are, those of installed extensions included, or empty",
    "step": "`parse`, `validate`, `transform`",
    "operation": "methods of the store's or the cache's port; of a store that is routed to with its "
    "name behind, as in `commit.medical`",
    "queue": "the queues that the metric names; so with a name behind",
    "state": "`busy` and `idle`, so with a name behind; `away` and `there`",
    "outcome": "the words that the metric names",
    "memory": "the memories that the metric names",
    "way": "`sent` and `heard`",
    "format": "formats of windows, those of installed extensions included",
    "by": "`extractive`, providers of models, `extension`, `none`",
    "fallback": "reasons for which a summariser may fail, or empty",
    "dependency": "`database`, `cache`, `replica` and other breakers",
    "check": "names of checks in `/healthz`",
    "level": "levels of log lines",
    "reason": "`repeated` and `unwritable`",
    "what": "the parts of a store that its metric names",
    "version": "the release",
    "file": "`database` and `wal`",
}
"""Every label, and where its values come from: never from a caller."""

METRICS: Final = (
    REQUESTS,
    REQUEST_SECONDS,
    IN_FLIGHT,
    ERRORS,
    ANSWER_BYTES,
    STALE_ANSWERS,
    DEPRECATED,
    MCP_CALLS,
    MCP_SECONDS,
    WATCHERS,
    STEP_SECONDS,
    STEP_FAILURES,
    STORE_SECONDS,
    STORE_FAILURES,
    COMMIT_JOBS,
    COMMIT_SECONDS,
    QUEUE_DEPTH,
    POOL,
    CACHE_SECONDS,
    CACHE_ANSWERS,
    LOOKUPS,
    BUS_MESSAGES,
    BUS_SECONDS,
    RENDER_SECONDS,
    RENDERED_TOKENS,
    SUMMARY_SECONDS,
    SUMMARIES,
    CHUNKS,
    CHUNK_BYTES,
    DEPENDENCY_CHANGES,
    DEPENDENCY,
    CHECK_FAILING,
    CHECK_SECONDS,
    CLOCK_SKEW,
    CLOCK_JUMPS,
    REPLICA_LAG,
    SWEEPS,
    SWEPT,
    SCRUB_DAMAGE,
    SCRUB_ENDED,
    AUDIT_ROUNDS,
    LOOP_LAG,
    LOG_LINES,
    LOG_LOST,
)
"""Those that are counted while the server works."""

WORST: Final = frozenset({CLOCK_SKEW, REPLICA_LAG, SCRUB_DAMAGE, SCRUB_ENDED})
"""Gauges of which the largest counts, where others add up over the workers."""

# -- looked up ----------------------------------------------------------------------------

INFO: Final = _gauge("info", "Always 1", "version")
WORKERS: Final = _gauge("workers", "Processes that serve requests")
WORKERS_WANTED: Final = _gauge("workers_wanted", "Processes that should serve requests")
WORKERS_REPLACED: Final = _counter(
    "workers_replaced",
    "Workers in whose place another came: `died`, `silent` (no sign of life), `start` (ended before "
    "it took requests), `memory`, `asked` (SIGHUP)",
    "reason",
)
WORKERS_WAITING: Final = _gauge(
    "workers_waiting", "Workers that are missing, since those in their places died again and again"
)
WORKER_MEMORY: Final = _gauge(
    "worker_memory_limit_bytes",
    "Memory above which a worker is replaced (`worker_memory_megabytes`); 0: no bound",
)
FREE_BYTES: Final = _gauge("store_free_bytes", "Room that is left on the disk of a SQLite store")
STORE_BYTES: Final = _gauge(
    "store_bytes", "Size of a SQLite store's file, or of its write-ahead log", "file"
)
CERTIFICATE: Final = _gauge(
    "certificate_seconds",
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
    INFO, WORKERS, WORKERS_WANTED, WORKERS_REPLACED, WORKERS_WAITING, WORKER_MEMORY, FREE_BYTES, STORE_BYTES, CERTIFICATE,
    CPU, RESIDENT, VIRTUAL, STARTED, OPEN_FDS, MAX_FDS,
)  # fmt: skip
"""Those that are looked up when they are asked for."""
