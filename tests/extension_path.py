"""Makes a package visible to a server as if it were installed, for as long as a test lasts."""

import os
from pathlib import Path


def installed(folder, point, *places):
    """The environment of a server that sees an extension of `backstory.mcp`.

    `point` is its entry point, such as `shop = shop:make`; `places` hold its code.
    """
    metadata = Path(folder) / "test_extension-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: test-extension\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(f"[backstory.mcp]\n{point}\n")
    path = os.pathsep.join(map(str, (folder, *places)))
    return {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
