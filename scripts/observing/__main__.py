"""Starts everything, says where it is and what happens, and stops it at Ctrl-C."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
import threading
from pathlib import Path

from observing.programs import ROOT, NotStartedError, missing
from observing.stack import Stack, Wanted, started

LOOK_SECONDS = 0.5  # between two looks whether a program has ended

SAID = """\
Everything runs, {speed:g} times as fast as in production: what waits a minute there waits a second here.

  Server         http://{node}           metrics: /metrics, log: {folder}/server.log
  Prometheus     http://{prometheus}/alerts
  Alertmanager   http://{alertmanager}
  Traces         {folder}/traces.jsonl

Break something, and read here what PagerDuty and Opsgenie would be sent. For twenty seconds nobody can write:

  flock {folder}/backstory.db.lock sleep 20

docs/tutorials/from-alert-to-log.md goes on from there. Ctrl-C stops everything.
"""


def asked(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="observe", description=__doc__)
    parser.add_argument("--port", type=int, default=8765, help="of the server; 0 is a free one")
    parser.add_argument("--prometheus-port", type=int, default=9090)
    parser.add_argument("--alertmanager-port", type=int, default=9093)
    parser.add_argument("--folder", type=Path, default=Path(".backstory/observe"))
    parser.add_argument("--store", default="", help="another store than a file in the folder")
    parser.add_argument("--flags", default="", help="more flags for `backstory serve`")
    parser.add_argument("--speed", type=float, default=60, help="1 is as in production")
    parser.add_argument("--users", type=int, default=6, help="assistants of the load; 0 is none")
    parser.add_argument("--json", action="store_true", help="say where everything is in one line")
    return parser.parse_args(words)


def main() -> None:
    wanted = asked(sys.argv[1:])
    if lacking := missing():
        sys.exit(f"error: not installed: {', '.join(lacking)} (apt-get install)")
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    ports = (wanted.port, wanted.prometheus_port, wanted.alertmanager_port)
    flags = shlex.split(wanted.flags)
    every = Wanted(wanted.folder, ports, wanted.store, flags, wanted.speed, wanted.users)
    try:
        with started(every, told=lambda line: print(line, flush=True)) as stack:
            said(stack, wanted)
            wait(stack, over)
            print("Stopping ...", flush=True)
    except NotStartedError as error:
        sys.exit(f"error: {error}")


def said(stack: Stack, wanted: argparse.Namespace) -> None:
    folder = stack.folder
    if folder.is_relative_to(ROOT):
        folder = folder.relative_to(ROOT)
    where = {
        "node": stack.node,
        "prometheus": stack.prometheus,
        "alertmanager": stack.alertmanager,
        "folder": str(folder),
    }
    print(
        json.dumps(where) if wanted.json else SAID.format(**where, speed=wanted.speed), flush=True
    )


def wait(stack: Stack, over: threading.Event) -> None:
    """Until it is stopped; says which programs have ended by themselves."""
    ended = set()
    while not over.wait(LOOK_SECONDS):
        for program in stack.programs:
            code = program.process.poll()
            if code is not None and program.name not in ended:
                ended.add(program.name)
                print(f"{program.name} has ended with {code}: {program.log}", flush=True)


main()
