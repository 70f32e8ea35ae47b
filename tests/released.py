"""The code of the release before, out of the repository's history."""

import io
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RELEASE, COMMIT = "0.1.0", "376000d"
MISSING = f"{RELEASE} is not in this clone's history: `git fetch --unshallow` brings it"


def unpacked(folder):
    """The variables with which its code runs; None where the clone does not have it."""
    done = subprocess.run(
        ["git", "archive", COMMIT, "src"], cwd=ROOT, capture_output=True, check=False
    )
    if done.returncode != 0:
        return None
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return {"PYTHONPATH": str(folder / "src")}
