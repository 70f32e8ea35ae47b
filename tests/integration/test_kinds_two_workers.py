"""Two workers on one file: a kind that one registers is obeyed by the other at once."""

import pytest

from serving import serving

pytestmark = pytest.mark.operations
ROUNDS = 20


@pytest.fixture(scope="module")
def workers(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("kinds"), "--workers", "2") as server:
        yield server


async def test_a_registration_is_obeyed_everywhere_with_the_next_write(workers):
    """Each call has a connection of its own, so that either worker may get it."""
    for round_ in range(1, ROUNDS + 1):
        schema = {"properties": {"n": {"const": round_}}}
        async with workers.async_client() as http:
            answer = await http.put(
                "/v1/kinds/deal", json={"schema": schema, "compatibility": "none"}
            )
            assert answer.status_code in {200, 201}, answer.text
        for n, status in ((round_ - 1, 422), (round_, 200)):
            for _ in range(4):
                async with workers.async_client() as http:
                    body = {"kind": "deal", "state": {"n": n}}
                    answer = await http.put("/v1/contexts/sales/acme", json=body)
                    assert answer.status_code in {status, 201 if status == 200 else status}
                    if status == 200:
                        assert answer.json()["schema_version"] == round_
