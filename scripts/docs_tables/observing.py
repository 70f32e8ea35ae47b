"""What operators are shown."""

from backstory.observability import catalogue
from docs_tables.markdown import code, rows, sentence


def metrics() -> str:
    """Every metric that `/metrics` shows."""
    return rows(
        ("metric", "type", "labels", "meaning"),
        *(
            (code(each.name), each.kind, ", ".join(map(code, each.labels)), each.meaning)
            for each in (*catalogue.METRICS, *catalogue.LOOKED_AT)
        ),
    )


def labels() -> str:
    """Every label of a metric, and what it may be."""
    return rows(
        ("label", "values"), *((code(name), text) for name, text in catalogue.LABELS.items())
    )


def events() -> str:
    """Every event that the hooks tell of, with its members."""
    from backstory.ports import events

    found = [
        each
        for each in vars(events).values()
        if isinstance(each, type) and issubclass(each, events.Event) and each is not events.Event
    ]
    return rows(
        ("event", "members", "what happened"),
        *(
            (
                code(each.__name__),
                ", ".join(map(code, each.__struct_fields__)),
                sentence(each.__doc__),
            )
            for each in found
        ),
    )
