"""Server, Prometheus and Alertmanager, a pager and a collector of traces, and a load."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from observing import profile
from observing.listening import listening
from observing.pager import Pager
from observing.programs import (
    Program,
    alertmanager_command,
    load_command,
    port_of,
    prometheus_command,
    running,
    server_command,
)
from observing.traces import Traces

NODE, PROMETHEUS, ALERTMANAGER = "127.0.0.1:8765", "127.0.0.1:9090", "127.0.0.1:9093"


@dataclass
class Wanted:
    """What is to be started. A port that is 0 is a free one."""

    folder: Path
    ports: tuple[int, int, int] = (0, 0, 0)  # server, Prometheus, Alertmanager
    store: str = ""
    flags: list[str] = field(default_factory=list)
    speed: float = 60
    users: int = 6
    edits: dict[str, str] = field(default_factory=dict)  # of Prometheus' file, before addresses


@dataclass
class Stack:
    """What runs, by its address."""

    folder: Path
    node: str
    prometheus: str
    alertmanager: str
    pager: Pager
    programs: list[Program]

    def addresses(self) -> dict[str, str]:
        """Where each that files and pages name is in truth."""
        real = (self.node, self.prometheus, self.alertmanager)
        return dict(zip((NODE, PROMETHEUS, ALERTMANAGER), real, strict=True))


@contextmanager
def started(wanted: Wanted, told: Callable[[str], None] = str.strip) -> Iterator[Stack]:
    """Everything, once it answers; what an earlier run has left in the folder is removed."""
    folder = wanted.folder.resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    ports = [port_of(port) for port in wanted.ports]
    node, prometheus, alertmanager = (f"127.0.0.1:{port}" for port in ports)
    stack = Stack(folder, node, prometheus, alertmanager, Pager(told), [])
    with ExitStack() as opened:
        telemetry = _listened(opened, stack)
        _serve(opened, stack, wanted, ports[0], telemetry)
        _watch(opened, stack, wanted, ports)
        yield stack


def _listened(opened: ExitStack, stack: Stack) -> dict[str, str]:
    """The variables by which the server finds the collector of traces."""
    port = opened.enter_context(listening(Traces(stack.folder / "traces.jsonl").answer))
    return {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://127.0.0.1:{port}/v1/traces",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }


def _serve(
    opened: ExitStack, stack: Stack, wanted: Wanted, port: int, telemetry: dict[str, str]
) -> None:
    store = wanted.store or f"sqlite:///{stack.folder / 'backstory.db'}"
    command = server_command(port, store, ["--access-log", *wanted.flags])
    server = opened.enter_context(running("server", command, stack.folder, telemetry))
    stack.programs.append(server)
    server.answers(f"http://{stack.node}/readyz")


def _watch(opened: ExitStack, stack: Stack, wanted: Wanted, ports: list[int]) -> None:
    """Those that watch the server, and the load that gives them something to see."""
    folder = stack.folder
    providers = opened.enter_context(listening(stack.pager.answer))
    addresses = stack.addresses()
    file = profile.write_prometheus(folder, wanted.speed, wanted.edits | addresses)
    prometheus = prometheus_command(folder, file, ports[1])
    file = profile.write_alertmanager(folder, wanted.speed, f"http://127.0.0.1:{providers}")
    alertmanager = alertmanager_command(folder, file, ports[2])
    for name, command, address in (
        ("alertmanager", alertmanager, stack.alertmanager),
        ("prometheus", prometheus, stack.prometheus),
    ):
        program = opened.enter_context(running(name, command, folder))
        stack.programs.append(program)
        program.answers(f"http://{address}/-/ready")
    seen = f"http://{stack.prometheus}/api/v1/query?query=up%7Bjob=%22backstory%22%7D==1"
    stack.programs[-1].answers(seen, with_word='"value"')
    if wanted.users:
        load = load_command(f"http://{stack.node}", wanted.users)
        stack.programs.append(opened.enter_context(running("load", load, folder)))
