"""What was sent to a provider is imported, and comes back for it as it was sent."""

import io
import json

import pytest
from hypothesis import HealthCheck, given, settings

from backstory.domain.entries import Entry
from backstory.domain.principals import LOCAL_IMPORT
from backstory.processing import messages
from backstory.processing.conversations import Conversation
from backstory.processing.formats import FORMATS
from backstory.processing.sources import SOURCES, read
from provider_messages import PAYLOADS, plain_conversations

BOUNDED = settings(max_examples=70, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def kept(source, payload):
    """The entries of one imported conversation, as a store keeps them."""
    (made,) = read(SOURCES[source], io.BytesIO(json.dumps(payload).encode()), "chat.json")
    assert isinstance(made, Conversation), made
    return [
        Entry(seq, e.id, e.role, e.type, e.content, e.metadata, LOCAL_IMPORT.author, 1, 0)
        for seq, e in enumerate(made.entries, start=1)
    ]


def spaced(value):
    """The same messages with the spaces that models leave in arguments left out."""
    if isinstance(value, list):
        return [spaced(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: compact(each) if name == "arguments" else spaced(each) for name, each in value.items()
    }


def compact(text):
    try:
        parsed = json.loads(text)
    except (TypeError, ValueError):
        return text
    return parsed if isinstance(parsed, dict) else text


def of_old(payload):
    return "function_call" in str(payload) or "'role': 'function'" in str(payload)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_request_that_is_imported_comes_back_as_it_was_sent(name):
    @BOUNDED
    @given(PAYLOADS[name])
    def prove(payload):
        written = messages.write(kept(name, payload), FORMATS[name])
        assert written.losses == ()
        if name != "openai" or not of_old(payload):
            assert json_of(spaced(written.input)) == json_of(spaced(payload))

    prove()


def json_of(value):
    return json.dumps(value, sort_keys=True)


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_plain_conversation_of_one_provider_is_carried_whole_to_every_other(name):
    @BOUNDED
    @given(plain_conversations())
    def prove(entries):
        there = kept(name, FORMATS[name].render(entries).payload)
        for form in FORMATS.values():
            written = messages.write(there, form)
            assert written.losses == ()
            assert written.input == form.render(entries).payload

    prove()
