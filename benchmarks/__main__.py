"""`python -m benchmarks [NAME...]`: measure, print ratios, write them as JSON.

Exits with 1 where a ratio is over its bound.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from benchmarks import (
    announcing,
    backup,
    cached_reads,
    comparing,
    content,
    durable_append,
    encryption,
    growth,
    holding,
    hot_conversation,
    hot_postgres,
    observing,
    processing,
    rendering,
    report,
    serving,
    stored_bytes,
    tokens,
    watching,
)

_ALL = {
    "announcing": announcing.run,
    "backup": backup.run,
    "cached-reads": cached_reads.run,
    "content": content.run,
    "durable-append": durable_append.run,
    "encryption": encryption.run,
    "growth": growth.run,
    "holding": holding.run,
    "hot-conversation": hot_conversation.run,
    "hot-postgres": hot_postgres.run,
    "observing": observing.run,
    "peers": comparing.run,
    "processing": processing.run,
    "rendering": rendering.run,
    "serving": serving.run,
    "stored-bytes": stored_bytes.run,
    "watching": watching.run,
    "tokens": tokens.run,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "names", nargs="*", choices=[*_ALL, []], help="which to run; all by default"
    )
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/latest.json"))
    chosen = parser.parse_args()
    ratios: list[report.Ratio] = []
    for name in chosen.names or _ALL:
        print(f"{name} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="backstory-bench-") as folder:
            ratios += _ALL[name](Path(folder))
    report.show(ratios)
    report.write(ratios, chosen.output)
    return 0 if all(ratio.holds for ratio in ratios) else 1


if __name__ == "__main__":
    sys.exit(main())
