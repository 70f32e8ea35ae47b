"""The server does what its OpenAPI document says, for whatever the document allows or forbids."""

import os

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


schema = schemathesis.openapi.from_dict(without_counts(document(ENDPOINTS)))
# Conditions are looked at before the body is: what is wrong twice may be refused for either.
REFUSED = schema.config.checks.negative_data_rejection
REFUSED.expected_statuses = [*REFUSED.expected_statuses, "412"]


@pytest.fixture(scope="module")
def filled(server):
    """A server that has what the document's examples name."""
    with server.client() as http:
        path = "/v1/contexts/users.42/preferences"
        http.put(path, json={"kind": "conversation", "state": {"a": 1}})
        entry = {"role": "user", "content": "hello"}
        http.post(f"{path}/entries", json={"entries": [entry] * 3})
    return server.url


@schema.parametrize()
@settings(
    max_examples=DEEPER or 20,
    deadline=None,
    derandomize=not DEEPER,
    suppress_health_check=list(HealthCheck),
)
def test_every_call_keeps_to_the_document(case, filled):
    """What is well-formed may still be refused for what is stored, so acceptance is not asked."""
    case.call_and_validate(base_url=filled, excluded_checks=[positive_data_acceptance], timeout=30)
