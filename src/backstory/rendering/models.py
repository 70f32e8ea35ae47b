"""Which counter a model's tokens are counted with, and which format its provider takes.

The table is extended by configuration, so that a new model needs no release: a pattern that
is configured is asked before the built-in ones.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Final

from backstory.domain.keys import shorten
from backstory.errors import ConfigError, UnknownModelError
from backstory.rendering.counters import COUNTERS, FALLBACK, Counter, counter_named

FORMS: Final = ("openai", "openai-responses", "anthropic", "gemini", "text", "markdown")
"""The forms a window can have without extensions."""


@dataclass(frozen=True, slots=True)
class Model:
    """Models whose names match a pattern (`*` any text), in lower case."""

    pattern: str
    counter: str
    format: str


def _models(counter: str, form: str, *patterns: str) -> tuple[Model, ...]:
    return tuple(Model(pattern, counter, form) for pattern in patterns)


BUILT_IN: Final[tuple[Model, ...]] = (
    *_models("o200k_base", "openai", "gpt-4o*", "gpt-4.1*", "gpt-4.5*", "gpt-5*", "gpt-oss*"),
    *_models("o200k_base", "openai", "chatgpt-4o*", "o1*", "o3*", "o4-*", "codex-*"),
    *_models("cl100k_base", "openai", "gpt-4", "gpt-4-*", "gpt-3.5*", "gpt-35-turbo*"),
    *_models("o200k_base", "openai", "ft:gpt-4o*", "ft:gpt-4.1*"),
    *_models("cl100k_base", "openai", "ft:gpt-4-*", "ft:gpt-3.5*"),
    *_models("claude-older-estimate", "anthropic", "claude-[1-3]*", "claude-instant*"),
    *_models("claude-older-estimate", "anthropic", "claude-sonnet-4*", "claude-haiku-4*"),
    *_models("claude-older-estimate", "anthropic", "claude-opus-4", "claude-opus-4@*"),
    *_models("claude-older-estimate", "anthropic", "claude-opus-4[-.][0-6]*"),
    *_models("claude-estimate", "anthropic", "claude*"),
    *_models("gemini-estimate", "gemini", "gemini*", "gemma*"),
    *_models("llama3", "openai", "llama-3*", "llama3*", "meta-llama-3*"),
    *_models("any-estimate", "openai", "qwen3.[5-9]*", "qwen[4-9]*"),
    *_models("qwen3", "openai", "qwen*"),
    *_models("deepseek_v3", "openai", "deepseek*"),
    *_models("any-estimate", "openai", "mistral-7b*", "open-mistral-7b*", "mistral-tiny*"),
    *_models("any-estimate", "openai", "mixtral*", "open-mixtral*", "codestral-2[24]*"),
    *_models("any-estimate", "openai", "mistral-small-24*", "mistral-medium-23*"),
    *_models("any-estimate", "openai", "mistral-large-24*", "pixtral-large-24*"),
    *_models("mistral_v3", "openai", "mistral*", "ministral*", "codestral*", "pixtral*"),
)
"""Asked in this order; the part of a name up to its last `/` or `anthropic.` is left out."""


class Models:
    """The table, with what was configured in front."""

    def __init__(self, configured: Iterable[Model] = ()) -> None:
        self._models = (*configured, *BUILT_IN)

    @classmethod
    def read(cls, configured: Any, forms: Collection[str] = ()) -> Models:
        """The table with `{"pattern": {"counter": ..., "format": ...}}` in front.

        `forms` are those that extensions add to `FORMS`.

        Raises:
            ConfigError: an entry names a counter or a format that there is not.
        """
        if not isinstance(configured, dict):
            raise ConfigError("models must be an object of patterns")
        known = dict.fromkeys((*FORMS, *forms))
        return cls([_configured(pattern, raw, known) for pattern, raw in configured.items()])

    def find(self, name: str) -> Model | None:
        """The first row that matches the name, or its last part."""
        lowered = name.lower()
        last = lowered.rsplit("/", 1)[-1].rsplit("anthropic.", 1)[-1]
        for model in self._models:
            if fnmatchcase(lowered, model.pattern) or fnmatchcase(last, model.pattern):
                return model
        return None

    def counter(self, name: str, given: str | None, *, fallback: bool) -> Counter:
        """What counts for a model: the counter that was asked for, else the table's.

        Raises:
            UnknownModelError: nobody knows, and no fallback was allowed.
        """
        if given is not None:
            return counter_named(given)
        model = self.find(name)
        if model is not None:
            return COUNTERS[model.counter]
        if fallback:
            return FALLBACK
        raise UnknownModelError(
            f"no counter is known for the model {shorten(name)}; name one as `counter` "
            f"({', '.join(COUNTERS)}), or allow an estimate with `fallback`",
            counters=list(COUNTERS),
        )


def _configured(pattern: str, raw: Any, forms: Collection[str]) -> Model:
    counter = raw.get("counter") if isinstance(raw, dict) else None
    form = raw.get("format", "openai") if isinstance(raw, dict) else None
    if counter is None or form is None or counter not in COUNTERS or form not in forms:
        raise ConfigError(
            f"models: {pattern} needs a counter ({', '.join(COUNTERS)}) "
            f"and a format ({', '.join(forms)})"
        )
    return Model(pattern.lower(), counter, form)
