"""Every dialog of real people, in every format, at many budgets: never over, never torn."""

import io
from itertools import cycle

import orjson
import pytest

from backstory.domain.principals import LOCAL_ADMIN, LOCAL_IMPORT
from backstory.processing.conversations import Bad
from backstory.processing.sources import SOURCES, read
from importing import data_file
from mcp_serving import call, create
from windows import FORMS, counted_apart, keeps_the_rules, rendered, summed_up

STRATEGIES = (
    {"entries": "recent"},
    {"entries": "summary_and_recent"},
    {"entries": "relevant", "query": "what time is the table for two"},
    {"entries": "recent"},
    {"entries": "relevant", "query": "yes thank you", "neighbours": 3},
)
BUDGETS = (256, 384, 512, 768, 1024, 2000, 4096, 8000, 32_000)


def dialogs(source, file):
    """The entries of each dialog."""
    path = data_file(file)
    for item in read(SOURCES[source], io.BytesIO(path.read_bytes()), path.name):
        assert not isinstance(item, Bad), item.reason
        yield [
            {"role": entry.role, "content": orjson.loads(entry.content)} for entry in item.entries
        ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "file", "who"),
    [
        ("taskmaster", "taskmaster4/dialogs.jsonl", LOCAL_ADMIN),
        ("sgd", "sgd/dialogues.jsonl", LOCAL_IMPORT),
    ],
    ids=["taskmaster", "sgd"],
)
async def test_no_window_is_over_its_budget(contexts, source, file, who):
    budgets, strategies = cycle(BUDGETS), cycle(STRATEGIES)
    for i, entries in enumerate(dialogs(source, file)):
        name = f"dialogs/{i}"
        await create(contexts, name)
        await call(contexts, "append_entries", who, context=name, entries=entries)
        await summed_up(contexts, 1, len(entries) // 2, name=name)
        for form in FORMS:
            budget = next(budgets)
            source = {"context": name} | next(strategies)
            window = await rendered(contexts, source, format=form, budget=budget)
            assert window.total <= budget, (i, form)
            keeps_the_rules(window)
            if form == "openai":
                assert counted_apart(window) <= window.total
            told = sum(row.kept + row.dropped for row in window.ledger)
            assert told > len(entries)
