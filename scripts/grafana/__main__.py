"""Writes the dashboards of `deploy/grafana`, or says which are not as the code has them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from grafana import contexts, models, overview, security, store_and_cache

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "dashboards"
ALL = [one.DASHBOARD for one in (overview, contexts, store_and_cache, security, models)]


def built() -> dict[Path, str]:
    """The text of each file."""
    return {FOLDER / f"{one.name}.json": f"{json.dumps(one.json(), indent=2)}\n" for one in ALL}


def main() -> None:
    check = sys.argv[1:] == ["--check"]
    files = built()
    stale = [path for path, text in files.items() if not path.exists() or path.read_text() != text]
    stale += [path for path in FOLDER.glob("*.json") if path not in files]
    if check and stale:
        names = ", ".join(path.name for path in stale)
        sys.exit(f"error: not as the code has them, run `make dashboards`: {names}")
    for path in () if check else stale:
        path.unlink(missing_ok=True)
        if path in files:
            path.write_text(files[path])
    print(f"{len(files)} dashboards" + ("" if check else f", {len(stale)} written"))


if __name__ == "__main__":
    main()
