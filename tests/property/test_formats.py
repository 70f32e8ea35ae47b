"""The two laws of every message format, on generated messages (backstory.domain.messages)."""

from copy import deepcopy

import orjson
import pytest
from hypothesis import HealthCheck, given, settings

from backstory.domain import intake
from backstory.domain.parts import violations
from backstory.processing.formats import FORMATS
from provider_messages import ENTRIES, PAYLOADS, entries_near, plain_conversations
from provider_types import check

BOUNDED = settings(max_examples=70, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def same(one, other):
    """Equal as JSON: member order does not count, 1 is neither 1.0 nor true."""
    return orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(
        other, option=orjson.OPT_SORT_KEYS
    )


def carried(entries):
    """What of an entry goes to a model."""
    return [{"role": each["role"], "content": each["content"]} for each in entries]


def for_each_format(test):
    return pytest.mark.parametrize("name", sorted(FORMATS))(test)


def messages_test(strategies):
    """A property test for each format, with the messages of that format."""

    def wrap(test):
        def run(name):
            @BOUNDED
            @given(strategies(name))
            def prove(value):
                test(name, value)

            prove()

        run.__doc__ = test.__doc__
        return for_each_format(run)

    return wrap


@messages_test(PAYLOADS.get)
def test_a_providers_messages_come_back_as_they_were(name, payload):
    check(name, payload)
    before = deepcopy(payload)
    entries = FORMATS[name].parse(payload)
    rendered = FORMATS[name].render(entries)
    assert same(rendered.payload, before)
    assert rendered.losses == ()
    assert same(payload, before)


@messages_test(PAYLOADS.get)
def test_a_providers_messages_become_entries_that_may_be_appended(name, payload):
    entries = FORMATS[name].parse(payload)
    assert [v for each in entries for v in violations(each["content"])] == []
    if entries:
        intake.entries(entries)


@messages_test(entries_near)
def test_entries_that_fit_come_back_as_they_were_or_the_loss_is_named(name, entries):
    comes_back_or_loses(name, entries)


@messages_test(lambda _: ENTRIES)
def test_any_entries_come_back_as_they_were_or_the_loss_is_named(name, entries):
    comes_back_or_loses(name, entries)


def comes_back_or_loses(name, entries):
    """The second law."""
    before = deepcopy(entries)
    rendered = FORMATS[name].render(entries)
    assert same(entries, before)
    if not rendered.losses:
        assert same(carried(FORMATS[name].parse(rendered.payload)), before)
    # Whatever was lost, what is left is readable and stays as it is from then on.
    again = FORMATS[name].parse(rendered.payload)
    assert same(FORMATS[name].render(again).payload, rendered.payload)


@messages_test(lambda _: plain_conversations())
def test_a_plain_conversation_is_carried_whole_by_every_format(name, entries):
    rendered = FORMATS[name].render(entries)
    assert rendered.losses == ()
    check(name, rendered.payload)
    assert same(carried(FORMATS[name].parse(rendered.payload)), entries)


@messages_test(lambda name: ENTRIES | entries_near(name))
def test_no_entry_speaks_in_a_role_that_it_does_not_have(name, entries):
    """Parts kept word for word must not smuggle instructions into a conversation."""
    spoken = [each for each in entries if each["role"] not in {"system", "developer"}]
    again = FORMATS[name].parse(FORMATS[name].render(spoken).payload)
    assert {each["role"] for each in again} <= {"user", "assistant", "tool"}


@messages_test(lambda name: PAYLOADS["anthropic" if name != "anthropic" else "openai"])
def test_messages_of_one_provider_become_valid_messages_of_another(name, payload):
    origin = "anthropic" if name != "anthropic" else "openai"
    rendered = FORMATS[name].render(FORMATS[origin].parse(payload))
    again = FORMATS[name].parse(rendered.payload)
    assert same(FORMATS[name].render(again).payload, rendered.payload)
    check(name, rendered.payload)
