"""The machine: what its kernel is set to, where that matters for a server with these settings.

Everything is read below `root`, as Linux shows it; elsewhere nothing is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from backstory.cli.doctor.findings import Finding
from backstory.cli.doctor.mounts import mounts
from backstory.cli.serving.files import WANTED
from backstory.cli.serving.listening import BACKLOG
from backstory.config import Settings
from backstory.config.local import is_loopback

_PAGE: Final = "docs/how-to/tune-hosts.md"
_SYSCTL: Final = Path("proc/sys")
_HUGE: Final = Path("sys/kernel/mm/transparent_hugepage/enabled")
_CLOCK: Final = Path("sys/devices/system/clocksource/clocksource0/current_clocksource")
_SLOW_CLOCKS: Final = frozenset({"hpet", "acpi_pm", "jiffies", "refined-jiffies"})
_FEWEST_PORTS: Final = 16_384
_LONGEST_IDLE: Final = 300  # seconds
_MOST_RETRIES: Final = 10
_MOST_SWAPPINESS: Final = 20


@dataclass(frozen=True, slots=True)
class _Host:
    """The files of the kernel, and what runs here."""

    root: Path
    runs: frozenset[str]
    """Servers on this machine: `postgresql`, `redis`."""
    ports: tuple[int, ...]

    def text(self, path: Path | str) -> str:
        """What a file says; empty where there is none."""
        with suppress(OSError, UnicodeDecodeError):
            return (self.root / path).read_text(encoding="utf-8").strip()
        return ""

    def number(self, name: str) -> int | None:
        """The first number of a setting such as `vm/swappiness`."""
        words = self.text(_SYSCTL / name).split()
        return int(words[0]) if words and words[0].isdigit() else None


def look(settings: Settings, root: Path = Path("/")) -> Iterator[Finding]:
    """One finding for each thing that should be another; one where all is well."""
    if not (root / _SYSCTL).is_dir():
        return
    host = _Host(root, frozenset(_local(settings)), _ports(settings))
    checks = _SERVING if _serves(settings) else _ALWAYS
    found = [each for check in checks for each in check(host)]
    found += mounts(settings, host.text("proc/self/mounts"))
    yield from found or [Finding("host", "ok", f"the kernel is set for this server; see {_PAGE}")]


def _serves(settings: Settings) -> bool:
    """Whether others than this machine's users come here."""
    return settings.asks_tokens or not is_loopback(settings.host)


def _local(settings: Settings) -> Iterator[str]:
    """What runs on this machine, as far as the settings tell."""
    from backstory.wiring import servers

    kinds = {"cache": "redis", "bus": "redis", "store": "postgresql"}
    for name, places in servers(settings).items():
        kind = kinds.get(name.partition(".")[0])
        if kind == "redis" and not getattr(settings, name).startswith("redis"):
            kind = None
        if kind is not None and any(is_loopback(host) for host, _ in places):
            yield kind


def _ports(settings: Settings) -> tuple[int, ...]:
    return tuple(port for port in (settings.port, settings.ops_port) if port)


def _off(name: str, detail: str, step: str) -> Finding:
    return Finding(f"host.{name}", "warning", detail, f"{step}; {_PAGE} has the rest")


def _queues(host: _Host) -> Iterator[Finding]:
    for name in ("net/core/somaxconn", "net/ipv4/tcp_max_syn_backlog"):
        most = host.number(name)
        if most is not None and most < BACKLOG:
            yield _off(
                "connections",
                f"{_dotted(name)} is {most}: of many that connect at once, only so many wait; the "
                f"server asks for {BACKLOG}",
                f"set {_dotted(name)} = 4096",
            )


def _retries(host: _Host) -> Iterator[Finding]:
    retries = host.number("net/ipv4/tcp_retries2")
    if retries is not None and retries > _MOST_RETRIES:
        yield _off(
            "retries",
            f"net.ipv4.tcp_retries2 is {retries}: what is sent to somebody who vanished is kept for "
            "a quarter of an hour",
            "set net.ipv4.tcp_retries2 = 8, some 100 seconds",
        )


def _keepalive(host: _Host) -> Iterator[Finding]:
    idle = host.number("net/ipv4/tcp_keepalive_time")
    if "postgresql" in host.runs and idle is not None and idle > _LONGEST_IDLE:
        yield _off(
            "keepalive",
            f"net.ipv4.tcp_keepalive_time is {idle} s: PostgreSQL holds what a node that vanished "
            "had under way for as long",
            "set net.ipv4.tcp_keepalive_time = 60, or tcp_keepalives_idle in postgresql.conf",
        )


def _range(host: _Host) -> Iterator[Finding]:
    words = host.text(_SYSCTL / "net/ipv4/ip_local_port_range").split()
    if len(words) != 2 or not all(word.isdigit() for word in words):
        return
    first, last = map(int, words)
    if last - first + 1 < _FEWEST_PORTS:
        yield _off(
            "ports",
            f"net.ipv4.ip_local_port_range has {last - first + 1} ports, one for each connection to "
            "another server; a load balancer on this host runs out of them",
            "set net.ipv4.ip_local_port_range = 16384 60999",
        )
    reserved = host.text(_SYSCTL / "net/ipv4/ip_local_reserved_ports").split(",")
    for port in host.ports:
        if first <= port <= last and str(port) not in reserved:
            yield _off(
                "ports",
                f"port {port} is one of those that the kernel gives to connections to others, so "
                "that it may be taken when the server starts",
                f"add {port} to net.ipv4.ip_local_reserved_ports",
            )


def _files(host: _Host) -> Iterator[Finding]:
    for line in host.text("proc/self/limits").splitlines():
        if line.startswith("Max open files"):
            hard = line.split()[4]
            if hard.isdigit() and int(hard) < WANTED:
                yield _off(
                    "files",
                    f"a process may open {hard} files, of which each connection is one; the server "
                    f"wants {WANTED}",
                    "raise LimitNOFILE= in the unit, or nofile in /etc/security/limits.conf",
                )


def _memory(host: _Host) -> Iterator[Finding]:
    commit = host.number("vm/overcommit_memory")
    if "redis" in host.runs and commit is not None and commit != 1:
        yield _off(
            "overcommit",
            f"vm.overcommit_memory is {commit}: Redis on this machine cannot fork to save when half "
            "of the memory is its own",
            "set vm.overcommit_memory = 1",
        )
    if host.runs and "[always]" in host.text(_HUGE):
        yield _off(
            "hugepages",
            f"transparent huge pages are always used, so that {' and '.join(sorted(host.runs))} on this "
            "machine stand still while memory is copied or joined",
            f"write madvise into /{_HUGE}",
        )
    swappiness, swaps = host.number("vm/swappiness"), host.text("proc/swaps").splitlines()[1:]
    if swaps and swappiness and swappiness > _MOST_SWAPPINESS:
        yield _off(
            "swap",
            f"vm.swappiness is {swappiness} and there is swap: what is cached goes to the disk, "
            "from where it is slower than the store",
            "set vm.swappiness = 10",
        )


def _clock(host: _Host) -> Iterator[Finding]:
    source = host.text(_CLOCK)
    if source in _SLOW_CLOCKS:
        yield _off(
            "clocksource",
            f"the clock is read from {source}, which takes a microsecond and more each time; every "
            "request asks often",
            f"write tsc (or kvm-clock) into /{_CLOCK}, or see why the kernel does not trust it",
        )


def _dotted(name: str) -> str:
    return name.replace("/", ".")


_Checks = tuple[Callable[[_Host], Iterator[Finding]], ...]
_ALWAYS: Final[_Checks] = (_clock,)
_SERVING: Final[_Checks] = (*_ALWAYS, _queues, _retries, _keepalive, _range, _files, _memory)
