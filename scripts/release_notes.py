"""The section of a release in CHANGELOG.md, as the notes that are published with it.

Everything that names the release has to agree: the tag, the package's own version, the changelog.
"""

import argparse
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "release-notes.md"
_VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)
_TAG = re.compile(r"v(\d+\.\d+\.\d+)")


def section(changelog: str, version: str) -> str:
    """What stands below the head of a release; empty where there is none."""
    head = rf"^## \[{re.escape(version)}\][^\n]*\n"
    found = re.search(rf"{head}(.*?)(?=^## |^\[[^\]]+\]: |\Z)", changelog, re.MULTILINE | re.DOTALL)
    return found[1].strip() if found else ""


def trouble(tag: str | None, version: str, notes: str) -> str | None:
    """Why this cannot be released."""
    if tag is not None:
        named = _TAG.fullmatch(tag)
        if named is None:
            return f"the tag {tag} is none of a release: v1.2.3"
        if named[1] != version:
            return f"the tag {tag} is not that of version {version} in src/backstory/__init__.py"
    if not notes:
        return f"CHANGELOG.md has no section [{version}], or nothing in it"
    return None


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="scripts/release_notes", description=__doc__)
    parser.add_argument("--tag", help="the tag of the release, which has to fit")
    parser.add_argument("--unreleased", action="store_true", help="what the next one will tell")
    asked = parser.parse_args(arguments)
    source = (ROOT / "src" / "backstory" / "__init__.py").read_text(encoding="utf-8")
    version = "Unreleased" if asked.unreleased else _VERSION.findall(source)[0]
    notes = section((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    if why := trouble(asked.tag, version, notes):
        print(f"error: {why}", file=sys.stderr)
        return 1
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(notes + "\n", encoding="utf-8")
    print(f"{OUT.relative_to(ROOT)}: {len(notes.splitlines())} lines on {version}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
