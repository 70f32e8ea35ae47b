"""What PagerDuty and Opsgenie take, by the documentation of their APIs, checked of what arrived.

PagerDuty: developer-docs, "Events API v2 Overview" and "Send an Alert Event". Opsgenie: "Alert API"
and "Alerts and alert fields". What else they might send is in neither: nothing else is let through.
"""

import json
from urllib.parse import parse_qs, urlsplit

import jsonschema

from observing.pager import HEARTBEAT, OPSGENIE, PAGERDUTY
from observing.profile import PROVIDER_KEYS

GENIE = f"GenieKey {PROVIDER_KEYS['opsgenie']}"
TEXT = {"type": "string"}
WORDS = {"type": "string", "minLength": 1}

# Events API v2, "Send an alert event": https://developer.pagerduty.com/docs/send-alert-event
PAYLOAD = {
    "type": "object",
    "required": ["summary", "source", "severity"],
    "properties": {
        "summary": {**WORDS, "maxLength": 1024},
        "source": WORDS,
        "severity": {"enum": ["critical", "error", "warning", "info"]},
        "timestamp": TEXT,
        "component": TEXT,
        "group": TEXT,
        "class": TEXT,
        "custom_details": {"type": "object"},
    },
    "additionalProperties": False,
}
LINK = {
    "type": "object",
    "required": ["href"],
    "properties": {"href": {**WORDS, "pattern": "^https?://"}, "text": TEXT},
}
IMAGE = {
    "type": "object",
    "required": ["src"],
    "properties": {"src": {**WORDS, "pattern": "^https://"}, "href": TEXT, "alt": TEXT},
}
EVENT_BYTES = 512_000
EVENT = {
    "type": "object",
    "required": ["routing_key", "event_action", "dedup_key"],
    "properties": {
        "routing_key": {**TEXT, "minLength": 32, "maxLength": 32},
        "event_action": {"enum": ["trigger", "acknowledge", "resolve"]},
        "dedup_key": {**WORDS, "maxLength": 255},
        "payload": PAYLOAD,
        "client": TEXT,
        "client_url": TEXT,
        "links": {"type": "array", "items": LINK},
        "images": {"type": "array", "items": IMAGE},
    },
    "additionalProperties": False,
    "if": {"properties": {"event_action": {"const": "trigger"}}},
    "then": {"required": ["payload"]},
}

# Alert API, "Create alert" and "Close alert": https://docs.opsgenie.com/docs/alert-api
DETAILS = 8_000  # characters, in all
CREATE = {
    "type": "object",
    "required": ["message"],
    "properties": {
        "message": {**WORDS, "maxLength": 130},
        "alias": {**WORDS, "maxLength": 512},
        "description": {**TEXT, "maxLength": 15_000},
        "responders": {"type": "array"},
        "visibleTo": {"type": "array"},
        "actions": {"type": "array", "maxItems": 10, "items": {**TEXT, "maxLength": 50}},
        "tags": {"type": "array", "maxItems": 20, "items": {**WORDS, "maxLength": 50}},
        "details": {"type": "object", "additionalProperties": TEXT},
        "entity": {**TEXT, "maxLength": 512},
        "source": {**TEXT, "maxLength": 100},
        "priority": {"enum": ["P1", "P2", "P3", "P4", "P5"]},
        "user": {**TEXT, "maxLength": 100},
        "note": {**TEXT, "maxLength": 25_000},
    },
    "additionalProperties": False,
}
CLOSE = {
    "type": "object",
    "properties": {"user": TEXT, "source": {**TEXT, "maxLength": 100}, "note": TEXT},
    "additionalProperties": False,
}


def events(pager):
    """What PagerDuty was told, each as its API takes it."""
    found = []
    for one in pager.at(PAGERDUTY):
        assert one.headers["content-type"] == "application/json"
        assert len(one.body) <= EVENT_BYTES
        event = json.loads(one.body)
        jsonschema.validate(event, EVENT)
        assert event["routing_key"] == PROVIDER_KEYS["pagerduty"]
        found.append(event)
    return found


def alerts(pager):
    """What Opsgenie was told: alerts that were made, and the aliases of those that were closed."""
    made, closed = [], []
    for one in pager.at(OPSGENIE):
        assert one.headers["authorization"] == GENIE
        assert one.headers["content-type"] == "application/json"
        where = urlsplit(one.path)
        if where.path == OPSGENIE:
            alert = json.loads(one.body)
            jsonschema.validate(alert, CREATE)
            assert len("".join(map("".join, alert["details"].items()))) <= DETAILS
            made.append(alert)
        else:
            assert parse_qs(where.query) == {"identifierType": ["alias"]}
            jsonschema.validate(json.loads(one.body), CLOSE)
            alias, verb = where.path.removeprefix(f"{OPSGENIE}/").split("/")
            assert verb == "close"
            closed.append(alias)
    return made, closed


def beats(pager):
    """How often the heartbeat arrived, with the key that it needs."""
    found = pager.at(HEARTBEAT)
    for one in found:
        assert one.path == f"{HEARTBEAT}/backstory/ping"
        assert one.headers["authorization"] == GENIE
    return len(found)
