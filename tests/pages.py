"""Runs what a page of the documentation shows, in order, against a real server.

```console    lines behind `$ ` are typed into one shell; what stands below a command must
              be what it prints, `...` standing for anything
```python     a first line `# name.py` makes a file of that name, for a later command
```json       must be JSON
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
SHOWN_ADDRESS = "127.0.0.1:8765"
SHOWN_DATABASE = "127.0.0.1:5432"
SHOWN_STANDBY = "127.0.0.1:5433"
SHOWN_REDIS = "127.0.0.1:6379"
SHOWN_MEMCACHED = "127.0.0.1:11211"
SHOWN_PORTS = ("8800", "8801", "8802")  # on which a page itself starts something
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_BESIDE = re.compile(r"^<!-- beside the server: (\S+) -->$", re.MULTILINE)
_END = "--- the command has ended with"

# What a page tells a reader to do and the runner has done, or cannot do, with the reason.
NOT_RUN = {
    "sudo -u postgres": "the database is there already",
    "make run": "the server is running already",
    "make observe": "everything is running already",
    "make test": "these are the tests",
    "git clone": "this is the clone",
    "pip install openai": "the tests bring the clients along",
    "export OPENAI_API_KEY": "the keys of the stand-in stand in the environment already",
    "claude mcp add": "a client of somebody else; the MCP pages call the same address",
    ".venv/bin/python -m pip install": "was done before the server was started",
}


@dataclass(frozen=True)
class Block:
    """One fenced block, and the line it begins at."""

    language: str
    text: str
    line: int


def pages():
    return [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def blocks(page):
    text = page.read_text(encoding="utf-8")
    return [
        Block(found[1], found[2], text.count("\n", 0, found.start()) + 1)
        for found in _BLOCK.finditer(text)
    ]


def beside(page):
    """The folder of the package that is installed beside the server, if the page needs one."""
    found = _BESIDE.search(page.read_text(encoding="utf-8"))
    return None if found is None else ROOT / found[1]


def commands(text):
    """Each command of a console block with what it is shown to print."""
    found = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append([line[2:], []])
        elif found and line.startswith("  ") and not found[-1][1]:  # it goes on, indented
            found[-1][0] += "\n" + line
        else:
            found[-1][1].append(line)
    return [(command, "\n".join(shown).strip()) for command, shown in found]


def is_like(shown, printed):
    """Whether what was printed is what is shown: `...` is anything, a line may be broken."""
    parts = [r"\s*".join(map(re.escape, part.split("\n"))) for part in shown.split("...")]
    return re.fullmatch(rf"\s*{'.*?'.join(parts)}\s*", printed, re.DOTALL) is not None


class Reader:
    """Somebody who does what a page says, in the root of a checkout with a server running.

    `addresses` has where each that a page shows is in truth. One who is `lenient` takes a command that
    ends with another code than 0 for an answer. `printed` is all that was answered.
    """

    def __init__(self, folder, addresses, environment=None, *, lenient=False):
        self._folder, self._lenient = folder, lenient
        self._addresses = addresses
        self.printed = ""
        for name in ("docs", "deploy", "examples", "README.md"):
            (folder / name).symlink_to(ROOT / name)
        (folder / ".venv").symlink_to(sys.prefix)
        self._shell = subprocess.Popen(
            ["bash"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={
                # Behind all others: programs that came as packages, such as kubectl.
                "PATH": os.pathsep.join((os.environ["PATH"], str(Path(sys.executable).parent))),
                "HOME": str(folder),
                "LC_ALL": "C.UTF-8",
                **(environment or {}),
            },
            text=True,
            start_new_session=True,
        )

    def close(self):
        self._shell.stdin.close()
        self._shell.stdout.close()
        os.killpg(self._shell.pid, signal.SIGKILL)  # with whatever it left in the background
        self._shell.wait()

    def do(self, block):
        match block.language:
            case "console":
                for command, shown in commands(block.text):
                    self._type(command, shown)
            case "python":
                first, _, _ = block.text.partition("\n")
                name = re.fullmatch(r"# (\w+\.py)", first)
                assert name, "a python block begins with the name of its file: # name.py"
                (self._folder / name[1]).write_text(self._here(block.text), encoding="utf-8")
            case "json":
                json.loads(block.text)

    def _type(self, command, shown):
        if any(command.startswith(start) for start in NOT_RUN):
            return
        self._shell.stdin.write(f"{self._here(command)}\nprintf '\\n{_END} %s\\n' $?\n")
        self._shell.stdin.flush()
        printed = ""
        for line in self._shell.stdout:
            if line.startswith(_END):
                code = int(line.removeprefix(_END))
                break
            printed += line
        else:
            raise AssertionError(f"$ {command}\nended the shell:\n{printed}")
        for shown_address, address in self._addresses.items():
            printed = printed.replace(address, shown_address)
        self.printed += printed
        assert code == 0 or self._lenient, f"$ {command}\nended with {code}:\n{printed}"
        if shown:
            assert is_like(shown, printed), f"$ {command}\nis shown as\n{shown}\nbut is\n{printed}"

    def _here(self, text):
        for shown_address, address in self._addresses.items():
            text = text.replace(shown_address, address)
        return text


def read(page, reader):
    """Do all that a page says, and leave; what is not as it says is told with its line."""
    try:
        for block in blocks(page):
            try:
                reader.do(block)
            except AssertionError as error:
                raise AssertionError(f"{page.relative_to(ROOT)}:{block.line}\n{error}") from None
    finally:
        reader.close()
