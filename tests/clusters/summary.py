"""What all faults together came to: a row for each, printed at the end."""

from collections import Counter

from backstory.testing.histories import Fault

ROWS = []
COLUMNS = ("acknowledged", "unknown", "refused", "retried", "read", "heard")
BACK = (Fault.BACK, Fault.STALE, Fault.WRONG)
MISTOLD = (Fault.MISSED, Fault.REPEATED, Fault.SHUFFLED)


def add(name, load, history, findings):
    """Keep what one load came to."""
    faults = Counter(finding.fault for finding in findings)
    counts = {column: load.counts[column] for column in COLUMNS}
    counts["stale"] = sum(read.stale for read in history.reads)
    counts["lost"] = faults.pop(Fault.LOST, 0)
    counts["twice"] = faults.pop(Fault.TWICE, 0)
    counts["back"] = sum(faults.pop(fault, 0) for fault in BACK)
    counts["mistold"] = sum(faults.pop(fault, 0) for fault in MISTOLD)
    counts["else"] = sum(faults.values())
    ROWS.append((name, counts))


def lines():
    """The table; a last row holds the sums."""
    if not ROWS:
        return
    total = Counter()
    for _, counts in ROWS:
        total.update(counts)
    names = list(ROWS[0][1])
    table = [("fault", *names)]
    table += [(name, *(str(c[n]) for n in names)) for name, c in [*ROWS, ("all of them", total)]]
    widths = [max(len(row[n]) for row in table) for n in range(len(table[0]))]
    for name, *numbers in table:
        cells = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
        yield "  ".join([name.ljust(widths[0]), *cells])


def report(terminalreporter):
    """Print the table at the end of a run."""
    rows = list(lines())
    if rows:
        terminalreporter.section("what was recorded")
        for row in rows:
            terminalreporter.write_line(row)
