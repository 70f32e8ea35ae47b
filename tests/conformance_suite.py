"""The official MCP conformance suite, where it is installed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NODE = Path(sys.executable).parent / "node"
HOME = Path(os.environ.get("BACKSTORY_TEST_CONFORMANCE") or ROOT / ".venv" / "conformance")
SUITE = HOME / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
VERSIONS = ["2025-06-18", "2025-11-25", "2026-07-28"]


def suite(*arguments, timeout=100):
    if not SUITE.is_file():
        pytest.skip("the conformance suite is not installed; scripts/conformance --install does it")
    return subprocess.run(
        [NODE, SUITE, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
