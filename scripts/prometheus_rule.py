"""Writes the rules of `deploy/prometheus` as a PrometheusRule, or says that it is not as they are.

Text by text, comments included, so that nothing besides Python is needed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import indent

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
RULES = DEPLOY / "prometheus" / "rules"
TARGET = DEPLOY / "kubernetes" / "components" / "monitoring" / "rules.yaml"
HEAD = """\
# Written by `make manifests` from deploy/prometheus/rules; do not edit.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: backstory
  labels:
    app.kubernetes.io/name: backstory
spec:
  groups:
"""


def built() -> str:
    """The text of the file."""
    text = HEAD
    for path in sorted(RULES.glob("*.yml")):
        comment, found, groups = path.read_text(encoding="utf-8").partition("groups:\n")
        if not found or not all(line.startswith("#") for line in comment.splitlines()):
            raise SystemExit(f"error: {path.name} has more than a comment before its groups")
        text += indent(comment, "    ") + indent(groups, "  ")
    return text


def main() -> None:
    text = built()
    same = TARGET.exists() and TARGET.read_text(encoding="utf-8") == text
    if sys.argv[1:] == ["--check"]:
        if not same:
            raise SystemExit(f"error: {TARGET.name} is not as the rules are, run `make manifests`")
    elif not same:
        TARGET.write_text(text, encoding="utf-8")
    print(f"{TARGET.name} is as the rules are")


if __name__ == "__main__":
    main()
