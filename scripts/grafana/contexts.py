"""What is done with contexts: reads, writes, searches, watchers, content, and what is refused."""

from grafana.panels import Dashboard, Panel, Row

WORK = Row(
    "Reads and writes",
    [
        Panel(
            "Reads",
            "Of contexts, entries, content and their past.",
            {
                'sum by (route) (rate(backstory_requests_total{[on], route=~"/v1/contexts.*", method="GET"}[for]))': "{{route}}"
            },
            "reqps",
            stacked=True,
        ),
        Panel(
            "Writes",
            "Every call that changes a context, commits across several among them.",
            {
                'sum by (route, method) (rate(backstory_requests_total{[on], route=~"/v1/(contexts|commits).*", method!="GET"}[for]))': "{{method}} {{route}}"
            },
            "reqps",
            stacked=True,
        ),
        Panel(
            "Not modified",
            "Share of reads that were answered 304: the caller had it already.",
            {
                'sum(rate(backstory_requests_total{[on], status="304"}[for])) / sum(rate(backstory_requests_total{[on], route=~"/v1/contexts.*", method="GET"}[for]))': "304"
            },
            "percentunit",
        ),
        Panel(
            "Conflicts",
            "Conditions that did not hold. Appends never conflict.",
            {
                'sum by (code) (rate(backstory_errors_total{[on], code=~".*conflict|precondition_failed|already_exists"}[for]))': "{{code}}"
            },
            "reqps",
        ),
        Panel(
            "Searches",
            "How many, and how long 99 of 100 take at most.",
            {
                'sum(rate(backstory_requests_total{[on], route="/v1/search"}[for]))': "a second",
                'histogram_quantile(0.99, sum by (le) (rate(backstory_request_seconds_bucket{[on], route="/v1/search"}[for])))': "seconds (99%)",
            },
        ),
        Panel(
            "Watchers",
            "Long polls, streams and subscriptions that wait.",
            {"sum by (instance) (backstory_watchers{[on]})": "{{instance}}"},
        ),
    ],
)
PROCESSING = Row(
    "What is written goes through steps",
    [
        Panel(
            "Time of steps",
            "99 of 100 take less.",
            {
                "histogram_quantile(0.99, sum by (step, le) (rate(backstory_step_seconds_bucket{[on]}[for])))": "{{step}}"
            },
            "s",
        ),
        Panel(
            "Rejected by steps",
            "What was sent and could not be taken.",
            {
                "sum by (step, code) (rate(backstory_step_failures_total{[on]}[for]))": "{{step}} {{code}}"
            },
            "ops",
        ),
        Panel(
            "Taken away in the background",
            "Runs by how they ended.",
            {
                "sum by (code) (increase(backstory_sweeps_total{[on]}[5m]))": "{{code}}",
                "sum(increase(backstory_swept_total{[on]}[5m])) or vector(0)": "contexts",
            },
        ),
    ],
)
BYTES = Row(
    "Bytes",
    [
        Panel(
            "Sent",
            "Bodies of answers, by their coding.",
            {"sum by (coding) (rate(backstory_answer_bytes_total{[on]}[for]))": "{{coding}}"},
            "Bps",
            stacked=True,
        ),
        Panel(
            "Content that came in",
            "Bytes of chunks; those that are there already are not sent again.",
            {"sum(rate(backstory_chunk_bytes_total{[on]}[for]))": "bytes"},
            "Bps",
        ),
        Panel(
            "Chunks that came in",
            "How many.",
            {"sum(rate(backstory_chunks_total{[on]}[for]))": "chunks"},
            "ops",
        ),
    ],
)
DASHBOARD = Dashboard("contexts", "contexts", (__doc__ or "").strip(), [WORK, PROCESSING, BYTES])
