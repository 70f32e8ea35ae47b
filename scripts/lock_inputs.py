"""The hash of what a lock file was made from: its .in file and those it includes.

Comments and blank lines do not count, so a better comment needs no new lock.
"""

import hashlib
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent.parent / "requirements"


def lines(name: str) -> list[str]:
    """All requirement lines of an .in file, with included files in their place."""
    found: list[str] = []
    for raw in (REQUIREMENTS / name).read_text(encoding="utf-8").splitlines():
        line = raw.split("#", 1)[0].strip()
        if line.startswith("-r "):
            found += lines(line[3:].strip())
        elif line:
            found.append(line)
    return found


def digest(level: str) -> str:
    """`sha256:...` over the sorted requirement lines of one level."""
    text = "\n".join(sorted(lines(f"{level}.in")))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    print(digest(sys.argv[1]))
