"""Callers who are turned away, tokens, certificates and the log."""

from grafana.panels import Dashboard, Panel, Row

REFUSED = "unauthenticated|forbidden|insufficient_scope|misdirected"
CALLERS = Row(
    "Callers",
    [
        Panel(
            "Turned away",
            "Without a token that is believed, without the right, or without the scope.",
            {
                f'sum by (code) (rate(backstory_errors_total{{[on], code=~"{REFUSED}"}}[for]))': "{{code}}"
            },
            "reqps",
        ),
        Panel(
            "Share of refused tokens",
            "An alert is raised at a fifth.",
            {
                'sum(rate(backstory_requests_total{[on], status="401"}[for])) / sum(rate(backstory_requests_total{[on]}[for]))': "401"
            },
            "percentunit",
        ),
        Panel(
            "Slowed down",
            "Callers that come more often than they may, or wait for more at once.",
            {
                'sum by (code) (rate(backstory_errors_total{[on], code=~"rate_limited|too_many_watches"}[for]))': "{{code}}"
            },
            "reqps",
        ),
        Panel(
            "Tokens that were remembered",
            "Share of tokens that had been verified within the last half minute.",
            {
                'sum(rate(backstory_lookups_total{[on], memory="tokens", outcome="hit"}[for])) / sum(rate(backstory_lookups_total{[on], memory="tokens"}[for]))': "hits"
            },
            "percentunit",
        ),
        Panel(
            "Malformed",
            "What could not be read at all: a broken client, or somebody who tries.",
            {
                'sum by (code) (rate(backstory_errors_total{[on], code=~"malformed|invalid.*|too_large|headers_too_large"}[for]))': "{{code}}"
            },
            "reqps",
        ),
    ],
)
SURROUNDINGS = Row(
    "Certificate and log",
    [
        Panel(
            "Certificate",
            "Days until it ends, where the server speaks TLS itself.",
            {"backstory_certificate_seconds{[on]} / 86400": "{{instance}}"},
            "d",
        ),
        Panel(
            "Lines of the log",
            "By level.",
            {"sum by (level) (rate(backstory_log_lines_total{[on]}[for]))": "{{level}}"},
            "ops",
            stacked=True,
        ),
        Panel(
            "Lines that were not written",
            "Repeated ones are left out on purpose; unwritable ones are lost.",
            {
                "sum(rate(backstory_log_lines_lost_total{[on]}[for])) or vector(0)": "lost or left out"
            },
            "ops",
        ),
    ],
)
DASHBOARD = Dashboard("security", "security", (__doc__ or "").strip(), [CALLERS, SURROUNDINGS])
