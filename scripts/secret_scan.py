"""Secrets that stand in files of the repository, by their form: keys, tokens, passwords in URLs.

Text that only looks like a secret (the examples of a page, the keys of a test) is accepted by
`scripts/secrets --accept`, after a look: it writes `.secrets.baseline`, which holds a hash of
each and never the text. Tests and benchmarks are full of passwords that open nothing, so that
only what has the form of a real key counts there.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from detect_secrets import SecretsCollection
from detect_secrets.core.scan import get_plugins
from detect_secrets.settings import transient_settings

ROOT = Path(__file__).resolve().parent.parent
BASELINE = ROOT / ".secrets.baseline"
FORMS = (
    "ArtifactoryDetector",
    "AWSKeyDetector",
    "AzureStorageKeyDetector",
    "DiscordBotTokenDetector",
    "GitHubTokenDetector",
    "GitLabTokenDetector",
    "JwtTokenDetector",
    "MailchimpDetector",
    "NpmDetector",
    "OpenAIDetector",
    "PrivateKeyDetector",
    "PypiTokenDetector",
    "SendGridDetector",
    "SlackDetector",
    "SquareOAuthDetector",
    "StripeDetector",
    "TelegramBotTokenDetector",
    "TwilioKeyDetector",
)
WORDS = ("BasicAuthDetector",)
QUIET = ("tests/", "benchmarks/")
SKIPPED = (".txt", ".svg", ".png", "package-lock.json", ".secrets.baseline")
Found = set[tuple[str, str, str]]


def files() -> list[str]:
    """What is kept in the repository, and what would be."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    return [name for name in listed if name and not name.endswith(SKIPPED)]


def look(names: Iterable[str]) -> Found:
    """Each secret as file, kind and hash. Only files in which a form stands are read line by line."""
    found: Found = set()
    for plugins, quiet in ((FORMS + WORDS, False), (FORMS, True)):
        with transient_settings({"plugins_used": [{"name": name} for name in plugins]}):
            forms = [form for each in get_plugins() for form in each.denylist]
            secrets = SecretsCollection(root=str(ROOT))
            for name in names:
                if name.startswith(QUIET) == quiet and _may_hold(ROOT / name, forms):
                    secrets.scan_file(name)
            found |= {(name, each.type, each.secret_hash) for name, each in secrets}
    return found


def _may_hold(path: Path, forms: list[re.Pattern[str]]) -> bool:
    if not path.is_file():
        return False
    text = path.read_text(encoding="utf-8", errors="replace")
    return any(form.search(text) for form in forms)


def main(arguments: list[str]) -> int:
    names = files()
    found = look(names)
    if "--accept" in arguments:
        BASELINE.write_text(json.dumps(sorted(found), indent=1) + "\n", encoding="utf-8")
        print(f"{len(found)} texts that look like secrets are accepted.")
        return 0
    accepted = {tuple(each) for each in json.loads(BASELINE.read_text(encoding="utf-8"))}
    for name, kind, _ in sorted(found - accepted):
        print(f"error: {name}: {kind}")
    if found - accepted:
        print(
            "Take it out and make it void, or accept what opens nothing: scripts/secrets --accept"
        )
        return 1
    print(f"No secret in {len(names)} files.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
