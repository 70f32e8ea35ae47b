"""`python -m benchmarks.load_model`: what a load takes of nodes and PostgreSQL, and what ends first.

The costs were measured (`benchmarks.capacity`, `hot-postgres`); the load and the database's size
are assumptions that options change. It prints the tables of docs/explanation/scaling.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from math import ceil
from typing import Any, Final

from backstory.limits import BUS_PAUSE_SECONDS, STORE_CONNECTIONS
from benchmarks import hit_rates
from benchmarks.hit_rates import Traffic

SCALES: Final = (1, 10, 100, 10_000)
MEGABYTES: Final = (2, 8, 32, 64, 128)
NODES: Final = (1, 4, 8)
NODES_MEGABYTES: Final = 32
DAY: Final = 86_400


@dataclass(frozen=True, slots=True)
class Costs:
    """What was measured: processor seconds, bytes, and appends a second."""

    append_node: float = 610e-6
    append_database: float = 140e-6
    miss_node: float = 990e-6
    miss_database: float = 345e-6
    hit_node: float = 245e-6
    hit_database: float = 15e-6
    append_log: int = 2_243
    append_disk: int = 1_151
    tenant_appends: float = 1_524.0
    process_bytes: int = 219 * 2**20


@dataclass(frozen=True, slots=True)
class Load:
    """What is asked for at 1x, a second, and what is there to serve it."""

    reads: float = 100.0
    appends: float = 25.0
    hot: float = 0.1  # share of the appends that the busiest tenant makes
    hits: float = 0.7  # share of the reads that a process's own cache serves
    busy: float = 0.6  # of a core that is to be used at most
    cores: int = 16  # of the PostgreSQL server
    connections: int = 100  # that it takes
    terabytes: float = 4.0  # of its disk
    days: int = 365  # that what was written stays
    cache_megabytes: int = 64  # of each process

    def times(self, scale: float) -> Load:
        return replace(self, reads=self.reads * scale, appends=self.appends * scale)


@dataclass(frozen=True, slots=True)
class Need:
    """What a load takes. Shares are of what one PostgreSQL, or one tenant, can have."""

    processes: int
    memory: int
    connections: int
    database_cores: float
    log: float
    disk: float
    messages: float
    shares: dict[str, float]

    @property
    def first(self) -> str:
        """What is used up first, and how far it is."""
        name = max(self.shares, key=lambda each: self.shares[each])
        return f"{name} ({self.shares[name]:.0%})"

    @property
    def over(self) -> list[str]:
        """Everything there is too little of, the scarcest first."""
        names = [name for name, share in self.shares.items() if share > 1]
        return sorted(names, key=lambda each: -self.shares[each])


def need(load: Load, costs: Costs) -> Need:
    """What `load` takes. Two processes are there anyway, so that one may fail."""
    hits, misses = load.reads * load.hits, load.reads * (1 - load.hits)
    node = (
        load.appends * costs.append_node + hits * costs.hit_node + misses * costs.miss_node
    ) / load.busy
    database = (
        load.appends * costs.append_database
        + hits * costs.hit_database
        + misses * costs.miss_database
    ) / load.busy
    processes = max(2, ceil(node))
    connections = processes * (STORE_CONNECTIONS + 1)
    disk = load.appends * costs.append_disk * DAY
    return Need(
        processes,
        processes * (costs.process_bytes + load.cache_megabytes * 2**20),
        connections,
        database,
        load.appends * costs.append_log,
        disk,
        min(load.appends, processes / BUS_PAUSE_SECONDS) * processes,
        {
            "connections": connections / load.connections,
            "database cores": database / load.cores,
            "disk": disk * load.days / (load.terabytes * 10**12),
            "busiest tenant": load.appends * load.hot / costs.tenant_appends,
        },
    )


def sizing(load: Load, costs: Costs) -> Iterator[str]:
    """The table of sizes, a line at a time."""
    needs = [need(load.times(scale), costs) for scale in SCALES]
    rows: dict[str, list[str]] = {
        "": [f"{scale:,}x" for scale in SCALES],
        "reads a second": [f"{load.reads * scale:,.0f}" for scale in SCALES],
        "appends a second": [f"{load.appends * scale:,.0f}" for scale in SCALES],
        "processes": [f"{one.processes:,}" for one in needs],
        "their memory, GiB": [f"{one.memory / 2**30:,.1f}" for one in needs],
        "connections": [f"{one.connections:,}" for one in needs],
        "database cores": [f"{one.database_cores:,.2f}" for one in needs],
        "write-ahead log, MB/s": [f"{one.log / 1e6:,.2f}" for one in needs],
        "disk growth, GB a day": [f"{one.disk / 1e9:,.1f}" for one in needs],
        "bus messages heard a second": [f"{one.messages:,.0f}" for one in needs],
    }
    for name in needs[0].shares:
        rows[f"share: {name}"] = [f"{one.shares[name]:,.0%}" for one in needs]
    rows["scarcest"] = [one.first.split(" (")[0] for one in needs]
    for name, cells in rows.items():
        yield f"{name:28}" + "".join(f"{cell:>16}" for cell in cells)
    for scale, one in zip(SCALES, needs, strict=True):
        yield f"{scale:,}x: too little of: {', '.join(one.over) or 'nothing'}"


def by_bytes(megabytes: Sequence[int] = MEGABYTES) -> Iterator[str]:
    """How often bodies are found, by how much a process may keep."""
    traffic = Traffic()
    whole = hit_rates.all_bytes(traffic)
    for each in megabytes:
        rates = [
            hit_rates.hit_rate(each * 2**20, replace(traffic, writes=writes))
            for writes in (0.0, traffic.writes)
        ]
        share = f"{each * 2**20 / whole:.0%}"
        yield f"{each:>4} MiB {share:>6} of all" + "".join(f"{rate:>8.1%}" for rate in rates)


def by_nodes(nodes: Sequence[int] = NODES) -> Iterator[str]:
    """The same at `NODES_MEGABYTES`, by how many nodes share the requests."""
    for each in nodes:
        rate = hit_rates.hit_rate(NODES_MEGABYTES * 2**20, Traffic(nodes=each))
        yield f"{each:>4} nodes" + f"{rate:>8.1%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for part in (Load, Costs):
        for field in fields(part):
            kind: Any = type(field.default)
            name = f"--{field.name.replace('_', '-')}"
            parser.add_argument(name, type=kind, default=field.default)
    parser.add_argument("--hit-rates", action="store_true", help="simulate the caches, too")
    chosen = vars(parser.parse_args())
    simulate = chosen.pop("hit_rates")
    load = Load(**{field.name: chosen[field.name] for field in fields(Load)})
    costs = Costs(**{field.name: chosen[field.name] for field in fields(Costs)})
    print("\n".join(sizing(load, costs)))
    if simulate:
        print("\n".join(["", *by_bytes(), "", *by_nodes()]))


if __name__ == "__main__":
    main()
