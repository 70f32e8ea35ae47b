"""The server does what its OpenAPI document says, for whatever the document allows or forbids."""

import itertools
import os
import re

import orjson
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from backstory.transports.rest import media
from backstory.transports.rest.endpoints import ENDPOINTS
from backstory.transports.rest.openapi import document

DEEPER = int(os.environ.get("BACKSTORY_TEST_FUZZ_EXAMPLES", "0"))  # of `make attack`


@schemathesis.serializer(media.JSON_LINES, media.NDJSON, media.MARKDOWN, media.HTML, media.CSV)
def as_text(ctx, value):
    """The value's own text, or JSON of what is none."""
    del ctx
    return value.encode() if isinstance(value, str) else orjson.dumps(value)


def without_counts(part):
    """The document without `maxItems`: too many are 413, which is no violation to schemathesis."""
    if isinstance(part, dict):
        return {k: without_counts(v) for k, v in part.items() if k != "maxItems"}
    return [without_counts(item) for item in part] if isinstance(part, list) else part


keys = map(str, itertools.count())
schema = schemathesis.openapi.from_dict(without_counts(document(ENDPOINTS)))
# Conditions are looked at before the body is: what is wrong twice may be refused for either.
REFUSED = schema.config.checks.negative_data_rejection
REFUSED.expected_statuses = [*REFUSED.expected_statuses, "412"]


@pytest.fixture(scope="module")
def callers(one_node, two_nodes):
    """Who asks one node, and of two the second, by turns; what the examples name is there."""
    found = [
        target.attacker("fuzzer", ("admin",), tenant="fuzzed") for target in (one_node, two_nodes)
    ]
    for one in found:
        one.make("users.42/preferences", "conversation", {"a": 1})
        one.say("users.42/preferences", "hello", "hello", "hello")
    yield itertools.cycle(found)
    for one in found:
        one.target.still_serves()
        assert "Traceback" not in one.target.log()


@schema.parametrize()
@settings(
    max_examples=DEEPER or 16,
    deadline=None,
    derandomize=not DEEPER,
    suppress_health_check=list(HealthCheck),
)
def test_every_call_keeps_to_the_document(case, callers):
    """What is well-formed may still be refused for what is stored, so acceptance is not asked."""
    caller, sent = next(callers), case.headers or {}
    if re.fullmatch(r"[!#-~]{1,255}", str(sent.get("Idempotency-Key", ""))):
        sent["Idempotency-Key"] = next(keys)  # a retry is answered whatever else it says
    case.call_and_validate(
        base_url=str(caller.http.base_url),
        headers=caller.headers,
        excluded_checks=[positive_data_acceptance],
        timeout=30,
    )
