"""`check` compares today's contracts with those of the last release; `write` keeps today's."""

from __future__ import annotations

import argparse
import sys

from backstory import __version__
from promised import kept
from promised.today import contracts


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/contracts", description=__doc__)
    parser.add_argument("what", choices=["check", "write"], nargs="?", default="check")
    return {"check": check, "write": write}[parser.parse_args().what]()


def check() -> int:
    """1 where who used the last release would be broken."""
    release = kept.releases()[-1]
    found = list(kept.breaks(kept.read(release), contracts(), release))
    left = kept.judged(found, kept.accepted(release))
    for line in left:
        print(f"breaks {release}: {line}")
    if not left:
        print(f"Who used {release} can use {__version__}.")
    return 1 if left else 0


def write() -> int:
    """Once for each release; what was promised is not written anew."""
    if __version__ in kept.releases():
        print(f"error: the contracts of {__version__} are kept already", file=sys.stderr)
        return 1
    print(f"wrote {kept.write(__version__, contracts())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
