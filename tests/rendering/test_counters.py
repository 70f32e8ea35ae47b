"""Counters: exact where they say so, ready for whatever somebody writes."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiktoken.model import MODEL_PREFIX_TO_ENCODING, MODEL_TO_ENCODING

import provider_counts
from backstory.rendering.counters import COUNTERS
from backstory.rendering.models import Models

ROOT = Path(__file__).resolve().parents[2]
CHAT = re.compile(r"(ft:)?(gpt-[345o]|chatgpt-|o\d)")
OPENAI = ("o200k_base", "cl100k_base")
HARD = (
    "",
    " ",
    "\n\n\t  \r\n",
    "<|endoftext|><|im_start|>system",
    "a" * 10_000,
    "0123456789" * 30,
    "don't we'LL they'Re",
    "👩‍👩‍👧 e\N{COMBINING ACUTE ACCENT} \N{ZERO WIDTH JOINER}\N{BYTE ORDER MARK}\N{NULL}",
    "人人生而自由 すべての人間は يولد جميع 모든 인간은",
)


@pytest.fixture(scope="module", autouse=True)
def _vocabularies(openai_vocabularies):
    pass


@pytest.mark.parametrize("name", OPENAI)
@settings(deadline=None)  # the first to count loads the vocabulary
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_openai_counts_any_text_alike(name, text):
    assert COUNTERS[name].count(text) == provider_counts.openai(name)(text)


@pytest.mark.parametrize("name", OPENAI)
def test_openai_counts_prose_code_and_hard_texts_alike(name):
    paths = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("src/backstory/**/*.py")]
    texts = [*HARD, *(path.read_text(encoding="utf-8") for path in paths)]
    assert len(texts) > 100
    differ = [
        text[:60]
        for text in texts
        if COUNTERS[name].count(text) != provider_counts.openai(name)(text)
    ]
    assert differ == []


def test_each_chat_model_that_openai_lists_has_the_counter_that_it_lists():
    listed = {name: name for name in MODEL_TO_ENCODING} | {
        f"{start.rstrip('-')}-x": start for start in MODEL_PREFIX_TO_ENCODING
    }
    encodings = MODEL_TO_ENCODING | MODEL_PREFIX_TO_ENCODING
    chat = {name: encodings[key] for name, key in listed.items() if CHAT.match(name)}
    assert len(chat) > 15
    models = Models()
    found = {name: models.counter(name, None, fallback=False).name for name in chat}
    text_only = {"o200k_harmony": "o200k_base"}  # the same but for control tokens
    assert found == {name: text_only.get(each, each) for name, each in chat.items()}


@pytest.mark.parametrize(
    ("name", "counter"),
    [
        ("claude-opus-4-8", "claude-estimate"),
        ("claude-sonnet-5", "claude-estimate"),
        ("anthropic/claude-opus-4.7", "claude-estimate"),
        ("us.anthropic.claude-opus-4-6-v1:0", "claude-older-estimate"),
        ("claude-opus-4-20250514", "claude-older-estimate"),
        ("claude-3-5-haiku-latest", "claude-older-estimate"),
        ("claude-sonnet-4-5", "claude-older-estimate"),
        ("qwen3-32b", "qwen3"),
        ("qwen3.5-397b", "any-estimate"),
        ("mistral-large-2407", "any-estimate"),
        ("mistral-large-2512", "mistral_v3"),
    ],
)
def test_generations_of_a_model_are_told_apart(name, counter):
    assert Models().counter(name, None, fallback=False).name == counter


@pytest.mark.parametrize("counter", COUNTERS.values(), ids=lambda counter: counter.name)
@settings(deadline=None)  # the first to count loads the vocabulary
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_a_count_is_never_negative_and_only_empty_text_is_free(counter, text):
    assert counter.count(text) >= (1 if text else 0)


@pytest.mark.parametrize("text", HARD)
def test_an_estimate_is_never_below_the_vocabulary_it_scales(text):
    for counter in COUNTERS.values():
        if not counter.exact:
            plain = provider_counts.ours(counter.vocabulary)(text)
            assert counter.count(text) >= plain
