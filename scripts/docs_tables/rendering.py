"""What windows are made of."""

from docs_tables.markdown import code, rows


def reasons() -> str:
    from backstory.rendering.ledger import REASONS

    return rows(("reason", "meaning"), *((code(name), text) for name, text in REASONS.items()))


def strategies() -> str:
    from backstory.rendering.strategies import TABLE

    return rows(
        ("`entries`", "which are shown"),
        *((code(each.name), each.meaning) for each in TABLE.values()),
    )


def counters() -> str:
    from backstory.rendering.counters import COUNTERS

    return rows(
        ("counter", "vocabulary", "exact"),
        *(
            (code(c.name), code(c.vocabulary), "yes" if c.exact else "no")
            for c in COUNTERS.values()
        ),
    )


def models() -> str:
    from backstory.rendering.models import BUILT_IN

    return rows(
        ("model", "counter", "format"),
        *((code(m.pattern), code(m.counter), code(m.format)) for m in BUILT_IN),
    )
