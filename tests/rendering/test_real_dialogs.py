"""Every dialog of real people, in every format, at any budget: never over, never torn.

Never over by what the provider counts, which `provider_counts` works out apart from our code.
"""

import asyncio
import io
import math

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import provider_counts
from backstory.domain.principals import LOCAL_ADMIN, LOCAL_IMPORT
from backstory.processing.conversations import Bad
from backstory.processing.sources import SOURCES, read
from importing import data_file
from mcp_serving import call, create, opened
from windows import FORMS, keeps_the_rules, rendered, summed_up

LEAST, MOST = 256, 32_000
MODELS = {
    "gpt-4o": "o200k_base",
    "gpt-4": "cl100k_base",
    "claude-opus-4-8": "o200k_base",
    "claude-sonnet-4-5": "o200k_base",
    "gemini-2.5-pro": "gemma3",
    "llama-3.3-70b": "llama3",
    "qwen3-32b": "qwen3",
    "deepseek-v3": "deepseek_v3",
    "ministral-8b-2410": "mistral_v3",
}
"""Models, and the vocabulary that the provider counts with, or one that counts less."""

FILES = {
    "taskmaster": ("taskmaster4/dialogs.jsonl", LOCAL_ADMIN),
    "sgd": ("sgd/dialogues.jsonl", LOCAL_IMPORT),
}
STRATEGIES = (
    {"entries": "recent"},
    {"entries": "summary_and_recent"},
    {"entries": "relevant", "query": "what time is the table for two"},
    {"entries": "relevant", "query": "yes thank you", "neighbours": 3},
)
pytestmark = pytest.mark.slow


def dialogs(source):
    """The entries of each dialog."""
    path = data_file(FILES[source][0])
    for item in read(SOURCES[source], io.BytesIO(path.read_bytes()), path.name):
        assert not isinstance(item, Bad), item.reason
        yield [
            {"role": entry.role, "content": orjson.loads(entry.content)} for entry in item.entries
        ]


class Shelf:
    """All dialogs in a store, each in a context of its own, and one that holds them all."""

    def __init__(self, runner, contexts):
        self.runner = runner
        self.contexts = contexts
        self.entries = {}

    async def fill(self):
        for source, (_, who) in FILES.items():
            every = []
            for i, entries in enumerate(dialogs(source)):
                await self._add(f"{source}/{i}", entries, who)
                await summed_up(self.contexts, 1, len(entries) // 2, name=f"{source}/{i}")
                every += entries
            await self._add(f"{source}.all/of-them", every, who)

    async def _add(self, name, entries, who):
        await create(self.contexts, name)
        for start in range(0, len(entries), 100):
            batch = entries[start : start + 100]
            await call(self.contexts, "append_entries", who, context=name, entries=batch)
        self.entries[name] = len(entries)

    def names(self, namespace):
        return [name for name in self.entries if name.startswith(f"{namespace}/")]

    def window(self, source, **more):
        return self.runner.run(rendered(self.contexts, source, **more))


@pytest.fixture(scope="module")
def shelf(tmp_path_factory, openai_vocabularies):
    folder = tmp_path_factory.mktemp("dialogs")
    with asyncio.Runner() as runner:
        store = opened(folder / "store.db")
        shelf = Shelf(runner, runner.run(store.__aenter__()))
        try:
            runner.run(shelf.fill())
            yield shelf
        finally:
            runner.run(store.__aexit__(None, None, None))


def budget_of(rng):
    """As many small ones as large ones."""
    return round(math.exp(rng.uniform(math.log(LEAST), math.log(MOST))))


def is_within(shelf, source, form, model, budget):
    where = f"{source} as {form} for {model} in {budget}"
    window = shelf.window(source, format=form, model=model, budget=budget)
    by_provider = provider_counts.counted(window, MODELS[model])
    assert by_provider <= window.total <= budget, where
    if model == "gpt-4o" and form == "openai" and window.exact:
        assert by_provider == window.total, where
    keeps_the_rules(window)
    assert (
        sum(row.kept + row.dropped for row in window.ledger) >= shelf.entries[source["context"]]
    ), where


@pytest.mark.parametrize("source", FILES)
@pytest.mark.parametrize("form", FORMS)
@given(rng=st.randoms(use_true_random=True))
@settings(max_examples=2, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_window_on_any_dialog_is_over_its_budget(shelf, source, form, rng):
    for name in shelf.names(source):
        chosen = {"context": name} | rng.choice(STRATEGIES)
        is_within(shelf, chosen, form, rng.choice(list(MODELS)), budget_of(rng))


@pytest.mark.parametrize("source", FILES)
@pytest.mark.parametrize("form", FORMS)
@given(
    budget=st.integers(LEAST, MOST),
    model=st.sampled_from(list(MODELS)),
    strategy=st.sampled_from(STRATEGIES),
)
@example(budget=LEAST, model="claude-opus-4-8", strategy=STRATEGIES[0])
@example(budget=MOST, model="gpt-4o", strategy=STRATEGIES[0])
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_window_on_a_long_conversation_is_over_its_budget(
    shelf, *, source, form, budget, model, strategy
):
    is_within(shelf, {"context": f"{source}.all/of-them"} | strategy, form, model, budget)
