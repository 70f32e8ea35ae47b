"""How it is, at a glance: what is promised, who comes, and what is nearly used up."""

from grafana.panels import Dashboard, Panel, Row, stat

PROMISES = Row(
    "What is promised",
    [
        stat(
            "Without failure, 5 min",
            "Share of requests that did not fail on our side. The objective is 99.9%.",
            '1 - min(job:backstory_failures:ratio_rate5m{job=~"$job"})',
            "percentunit",
        ),
        stat(
            "Begun within 0.25 s, 5 min",
            "Share of answers, without long polls. The objective is 99%.",
            '1 - max(job:backstory_slow:ratio_rate5m{job=~"$job"})',
            "percentunit",
        ),
        stat("Nodes", "Nodes that answer Prometheus.", 'sum(up{job=~"$job"})'),
        stat(
            "Workers missing",
            "Processes that should serve and do not.",
            "sum(backstory_workers_wanted{[on]}) - sum(backstory_workers{[on]})",
        ),
        stat(
            "Alerts",
            "Alerts that fire, without the watchdog.",
            'count(ALERTS{alertname=~"Backstory.+", alertname!="BackstoryWatchdog", '
            'alertstate="firing"}) or vector(0)',
        ),
        stat(
            "Youngest start",
            "How long the node runs that was started last.",
            "time() - max(process_start_time_seconds{[on]})",
            "s",
        ),
    ],
)
TRAFFIC = Row(
    "Who comes",
    [
        Panel(
            "Requests",
            "By route. Probes and scrapes are not counted.",
            {"sum by (route) (rate(backstory_requests_total{[on]}[for]))": "{{route}}"},
            "reqps",
            stacked=True,
        ),
        Panel(
            "Answers",
            "By status: 4xx is what callers did wrong, 5xx what we did.",
            {"sum by (status) (rate(backstory_requests_total{[on]}[for]))": "{{status}}"},
            "reqps",
            stacked=True,
        ),
        Panel(
            "Errors",
            "By code; the reference of errors explains each.",
            {
                "sum by (code) (rate(backstory_errors_total{[on]}[for]))": "{{code}}",
                'sum by (code) (rate(backstory_mcp_calls_total{[on], code!="ok"}[for]))': "{{code}} (MCP)",
            },
            "reqps",
        ),
        Panel(
            "Time until answers begin",
            "Half of all answers begin sooner than the lower line, 99 of 100 than the upper one.",
            {
                f'histogram_quantile({share}, sum by (le) (rate(backstory_request_seconds_bucket{{[on], route!="/v1/changes"}}[for])))': name
                for share, name in (("0.5", "half"), ("0.99", "99%"))
            },
            "s",
        ),
        Panel(
            "Slowest routes",
            "99 of 100 answers begin sooner.",
            {
                'topk(5, histogram_quantile(0.99, sum by (route, le) (rate(backstory_request_seconds_bucket{[on], route!="/v1/changes"}[for]))))': "{{route}}"
            },
            "s",
        ),
        Panel(
            "MCP calls",
            "By tool, else by method.",
            {
                'sum by (tool) (rate(backstory_mcp_calls_total{[on], tool!=""}[for]))': "{{tool}}",
                'sum by (method) (rate(backstory_mcp_calls_total{[on], tool=""}[for]))': "{{method}}",
            },
            "reqps",
            stacked=True,
        ),
    ],
)
SATURATION = Row(
    "What is used up",
    [
        Panel(
            "Processor",
            "Cores in use.",
            {"rate(process_cpu_seconds_total{[on]}[for])": "{{instance}}"},
        ),
        Panel(
            "Memory",
            "Of all workers of a node together.",
            {"process_resident_memory_bytes{[on]}": "{{instance}}"},
            "bytes",
        ),
        Panel(
            "Event loop",
            "How late nine of ten looks come, at most; every answer is late by as much.",
            {
                "histogram_quantile(0.9, sum by (instance, le) (rate(backstory_event_loop_lag_seconds_bucket{[on]}[for])))": "{{instance}}"
            },
            "s",
        ),
        Panel(
            "Under way",
            "Requests that are served now, and those among them that wait for changes.",
            {
                "sum by (instance) (backstory_requests_in_flight{[on]})": "{{instance}}",
                "sum by (instance) (backstory_watchers{[on]})": "{{instance}} waiting",
            },
        ),
        Panel(
            "Open files",
            "Share of those that may be open.",
            {"process_open_fds{[on]} / (process_max_fds{[on]} > 0)": "{{instance}}"},
            "percentunit",
        ),
        Panel(
            "Workers",
            "That serve, and that came in another's place.",
            {
                "backstory_workers{[on]}": "{{instance}}",
                "sum by (instance) (increase(backstory_workers_replaced_total{[on]}[for])) "
                "or 0 * backstory_workers{[on]}": "{{instance}} replaced",
            },
        ),
    ],
)
DASHBOARD = Dashboard(
    "overview", "overview", (__doc__ or "").strip(), [PROMISES, TRAFFIC, SATURATION]
)
