"""What every summariser has to do, as tests that its author can run.

Subclass `SummariserContract` and give it a fixture `summariser`, as with `StoreContract`.
"""

from __future__ import annotations

import re

import pytest

from backstory.errors import SUMMARISER_FAILURES
from backstory.ports.summariser import Made, Summariser, Turn

TURNS = (
    Turn("system", "Be brief."),
    Turn("summary", "user: Anna wants to fly to Rome.\nsomething that no role has said"),
    Turn("user", "On the 3rd of May, please. With one bag."),
    Turn("tool", '(result of search) {"flight":"AZ 413","price":120}'),
    Turn("assistant", "I have booked AZ 413 on May 3rd for 120 euros."),
)


class SummariserContract:
    """Text, soon, whatever it is given."""

    async def test_a_conversation_becomes_a_text(self, summariser: Summariser) -> None:
        made = await summariser.summarise(TURNS, 60)
        _check(made)

    @pytest.mark.parametrize(
        "text", ["?", "\u202e", "...." * 2000, "\n\n-\n", "\U0001f44d" * 50, "a" * 8000, '"}]\x00']
    )
    async def test_any_text_will_do(self, summariser: Summariser, text: str) -> None:
        _check(await summariser.summarise([Turn("user", text)], 32))

    async def test_many_turns_will_do(self, summariser: Summariser) -> None:
        turns = [Turn("user", f"This is sentence {n}, and {n * 7919 % 997}.") for n in range(2000)]
        _check(await summariser.summarise(turns, 100))

    async def test_it_may_be_closed_twice(self, summariser: Summariser) -> None:
        await summariser.aclose()
        await summariser.aclose()


def _check(made: Made) -> None:
    assert made.text.strip()
    assert re.fullmatch(r"extractive|[^:]+:.+", made.by)
    assert made.fallback is None or made.fallback in SUMMARISER_FAILURES
