"""Which transforms a kind has in a namespace: an operator's rules, the most precise first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from backstory import limits
from backstory.domain.choosing import Choice, Rule, rules_from
from backstory.errors import ConfigError
from backstory.processing.pipeline import DEFAULT
from backstory.processing.transforms.catalogue import Make, transforms_of
from backstory.processing.transforms.transform import Transform

Rules = Choice[tuple[Transform, ...]]
"""All rules of a server."""

_MEMBERS: Final = frozenset({"transforms"})


def rules(given: Sequence[Rule[tuple[Transform, ...]]] = ()) -> Rules:
    """The rules; where none speaks, `pipeline.DEFAULT` is done.

    Raises:
        ConfigError: as `Choice`, with `limits.PIPELINE_RULES`.
    """
    return Choice(given, DEFAULT, most=limits.PIPELINE_RULES)


def rules_of(written: Any, makers: Mapping[str, Make] | None = None) -> Rules:
    """The rules that an operator wrote: `{"rules": [{"namespace"?, "kind"?, "transforms"}]}`.

    Raises:
        ConfigError: something in it is not known; says in which rule.
    """
    if not isinstance(written, dict) or written.keys() != {"rules"}:
        raise ConfigError("must be a table with a list of rules")
    return rules(
        rules_from(
            written["rules"], _MEMBERS, lambda rule: transforms_of(rule.get("transforms"), makers)
        )
    )
