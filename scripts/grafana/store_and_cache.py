"""The store, the caches and the bus: how long they take, how full they are, and who is away."""

from grafana.panels import Dashboard, Panel, Row

AWAY = Row(
    "Who is away",
    [
        Panel(
            "Dependencies",
            "Workers that do without one, since its breaker is open; and answers from copies.",
            {
                "sum by (dependency) (backstory_dependency_down{[on]}) "
                'or label_replace(vector(0), "dependency", "none has been away", "", "")': "{{dependency}}",
                "sum(rate(backstory_stale_answers_total{[on]}[for])) or vector(0)": "stale answers a second",
            },
        ),
        Panel(
            "Health",
            "Workers whose last look at a part failed.",
            {"sum by (check) (backstory_check_failing{[on]})": "{{check}}"},
        ),
        Panel(
            "Standby and clock",
            "How far the standby is behind, and how far clocks are from the database's.",
            {
                "max by (instance) (backstory_replica_lag_seconds{[on]})": "{{instance}} standby",
                "max by (instance) (abs(backstory_clock_skew_seconds{[on]}))": "{{instance}} clock",
            },
            "s",
        ),
    ],
)
STORE = Row(
    "Store",
    [
        Panel(
            "Questions",
            "To the store, by what was asked.",
            {
                "sum by (operation) (rate(backstory_store_seconds_count{[on]}[for]))": "{{operation}}"
            },
            "ops",
            stacked=True,
        ),
        Panel(
            "Time of questions",
            "99 of 100 take less, waiting for their turn included.",
            {
                "histogram_quantile(0.99, sum by (operation, le) (rate(backstory_store_seconds_bucket{[on]}[for])))": "{{operation}}"
            },
            "s",
        ),
        Panel(
            "Failures",
            "Of the store, by code: conditions that did not hold are among them.",
            {"sum by (code) (rate(backstory_store_failures_total{[on]}[for]))": "{{code}}"},
            "ops",
        ),
        Panel(
            "Commits in one transaction",
            "Under load many commits share a flush; that is what makes them cheap.",
            {
                "sum by (instance) (rate(backstory_commit_jobs_sum{[on]}[for])) / sum by (instance) (rate(backstory_commit_jobs_count{[on]}[for]))": "{{instance}}"
            },
        ),
        Panel(
            "Time of a transaction",
            "Until it was durable.",
            {
                f"histogram_quantile({share}, sum by (le) (rate(backstory_commit_seconds_bucket{{[on]}}[for])))": name
                for share, name in (("0.5", "half"), ("0.99", "99%"))
            },
            "s",
        ),
        Panel(
            "Queues",
            "What waits.",
            {"sum by (queue) (backstory_queue_depth{[on]})": "{{queue}}"},
        ),
        Panel(
            "Connections",
            "To PostgreSQL.",
            {
                "sum by (instance, state) (backstory_pool_connections{[on]})": "{{instance}} {{state}}"
            },
            stacked=True,
        ),
        Panel(
            "Files",
            "Of a SQLite store.",
            {"backstory_store_bytes{[on]}": "{{instance}} {{file}}"},
            "bytes",
        ),
        Panel(
            "Room",
            "On the disk of a SQLite store.",
            {"backstory_store_free_bytes{[on]}": "{{instance}}"},
            "bytes",
        ),
    ],
)
CACHE = Row(
    "Caches and bus",
    [
        Panel(
            "Hits",
            "Share of what the shared cache was asked for and had.",
            {
                'sum(rate(backstory_cache_answers_total{[on], outcome="hit"}[for])) / sum(rate(backstory_cache_answers_total{[on], outcome=~"hit|miss"}[for]))': "shared cache",
                'sum by (memory) (rate(backstory_lookups_total{[on], outcome="hit"}[for])) / sum by (memory) (rate(backstory_lookups_total{[on]}[for]))': "{{memory}}",
            },
            "percentunit",
        ),
        Panel(
            "Answers of the cache",
            "By what was asked and how it ended.",
            {
                "sum by (operation, outcome) (rate(backstory_cache_answers_total{[on]}[for]))": "{{operation}} {{outcome}}"
            },
            "ops",
            stacked=True,
        ),
        Panel(
            "Time of the cache",
            "99 of 100 take less.",
            {
                "histogram_quantile(0.99, sum by (operation, le) (rate(backstory_cache_seconds_bucket{[on]}[for])))": "{{operation}}"
            },
            "s",
        ),
        Panel(
            "Messages on the bus",
            "Sent by nodes, and heard.",
            {"sum by (way) (rate(backstory_bus_messages_total{[on]}[for]))": "{{way}}"},
            "ops",
        ),
        Panel(
            "Time of sending",
            "99 of 100 messages take less.",
            {
                "histogram_quantile(0.99, sum by (le) (rate(backstory_bus_seconds_bucket{[on]}[for])))": "99%"
            },
            "s",
        ),
    ],
)
DASHBOARD = Dashboard(
    "store-and-cache", "store and cache", (__doc__ or "").strip(), [AWAY, STORE, CACHE]
)
