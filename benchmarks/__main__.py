"""`python -m benchmarks [NAME...]`: measure, print ratios, write them as JSON.

Exits with 1 where a ratio is over its bound.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import (
    announcing,
    backup,
    cached_reads,
    comparing,
    content,
    contexts,
    durable_append,
    encryption,
    entries,
    growth,
    healing,
    history,
    holding,
    hot_conversation,
    hot_postgres,
    observing,
    processing,
    rendering,
    report,
    sending,
    serving,
    starting,
    stored_bytes,
    telling,
    tokens,
    watchers,
    watching,
    workers,
)

_ALL = {
    "announcing": announcing.run,
    "cached-reads": cached_reads.run,
    "content": content.run,
    "durable-append": durable_append.run,
    "growth": growth.run,
    "healing": healing.run,
    "hot-conversation": hot_conversation.run,
    "hot-postgres": hot_postgres.run,
    "peers": comparing.run,
    "processing": processing.run,
    "rendering": rendering.run,
    "sending": sending.run,
    "serving": serving.run,
    "starting": starting.run,
    "stored-bytes": stored_bytes.run,
    "telling": telling.run,
    "watching": watching.run,
    "tokens": tokens.run,
    "workers": workers.run,
}
_LONG = {
    "backup": backup.run,
    "contexts": contexts.run,
    "encryption": encryption.run,
    "entries": entries.run,
    "holding": holding.run,
    "observing": observing.run,
    "watchers": watchers.run,
}
"""Take minutes each, some of them gigabytes of disk; only where they are named."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        choices=[*_ALL, *_LONG, []],
        metavar="NAME",
        help=f"which to run: {', '.join(_ALL)}; all by default. Only where named: {', '.join(_LONG)}",
    )
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/latest.json"))
    parser.add_argument("--keep", action="store_true", help="in benchmarks/history, too")
    chosen = parser.parse_args()
    results: dict[str, report.Results] = {}
    for name in chosen.names or _ALL:
        print(f"{name} ...", file=sys.stderr, flush=True)
        results[name] = report.Results()
        begun = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="backstory-bench-") as folder:
            results[name].take((_ALL | _LONG)[name](Path(folder)))
        results[name].seconds = time.monotonic() - begun
    report.show(results.values())
    found = history.run(results)
    history.write(found, chosen.output)
    if chosen.keep:
        print(f"kept as {history.keep(found).relative_to(history.ROOT)}", file=sys.stderr)
    return 0 if all(ratio.holds for one in results.values() for ratio in one.ratios) else 1


if __name__ == "__main__":
    sys.exit(main())
