"""Windows for models, and summaries: how many, how large, how long, and by whom."""

from grafana.panels import Dashboard, Panel, Row

WINDOWS = Row(
    "Windows",
    [
        Panel(
            "Windows",
            "By the provider's format.",
            {"sum by (format) (rate(backstory_render_seconds_count{[on]}[for]))": "{{format}}"},
            "ops",
            stacked=True,
        ),
        Panel(
            "Time of a window",
            "99 of 100 take less.",
            {
                "histogram_quantile(0.99, sum by (format, le) (rate(backstory_render_seconds_bucket{[on]}[for])))": "{{format}}"
            },
            "s",
        ),
        Panel(
            "Tokens",
            "A second, by format.",
            {"sum by (format) (rate(backstory_rendered_tokens_total{[on]}[for]))": "{{format}}"},
            stacked=True,
        ),
        Panel(
            "Tokens of one window",
            "On average.",
            {
                "sum by (format) (rate(backstory_rendered_tokens_total{[on]}[for])) / sum by (format) (rate(backstory_render_seconds_count{[on]}[for]))": "{{format}}"
            },
        ),
        Panel(
            "Not rendered",
            "Windows that could not be made, by code.",
            {
                'sum by (code) (rate(backstory_errors_total{[on], route=~"/v1/render.*"}[for]))': "{{code}}"
            },
            "reqps",
        ),
        Panel(
            "By models themselves",
            "Calls of tools over MCP.",
            {
                'sum by (tool) (rate(backstory_mcp_calls_total{[on], method="tools/call"}[for]))': "{{tool}}"
            },
            "reqps",
            stacked=True,
        ),
    ],
)
SUMMARIES = Row(
    "Summaries",
    [
        Panel(
            "Summaries",
            "By who made them, how it ended, and why it was not the one that was asked.",
            {
                "sum by (by, code, fallback) (rate(backstory_summaries_total{[on]}[for]))": "{{by}} {{code}} {{fallback}}"
            },
            "ops",
        ),
        Panel(
            "Time of a summary",
            "Nine of ten take less.",
            {
                "histogram_quantile(0.9, sum by (by, le) (rate(backstory_summarising_seconds_bucket{[on]}[for])))": "{{by}}"
            },
            "s",
        ),
        Panel(
            "Waiting",
            "Contexts that wait to be summarised in the background.",
            {'sum(backstory_queue_depth{[on], queue="summaries"}) or vector(0)': "contexts"},
        ),
    ],
)
DASHBOARD = Dashboard("models", "models", (__doc__ or "").strip(), [WINDOWS, SUMMARIES])
