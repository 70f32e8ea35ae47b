"""A packaged kind is every tenant's, and each tenant's own to override."""

import orjson
import pytest

from backstory.contexts.listing import Filter
from backstory.domain.commits import ALWAYS, Put
from backstory.domain.keys import ContextKey
from backstory.domain.kinds import Packaged
from backstory.domain.principals import LOCAL_ADMIN, Principal
from backstory.errors import SchemaError
from backstory.processing.ruling import PipelineRules
from backstory.processing.schemas.packaged import kind_of
from contexts.conftest import do, opened

STAGE = {"type": "object", "properties": {"stage": {"enum": ["new", "won"]}}}
ANY = {"type": "object"}
KEY = ContextKey("sales", "acme")
OTHER = Principal("other", "bob", frozenset({"admin"}))


@pytest.fixture
async def contexts(tmp_path):
    packaged = Packaged(kind_of({"schema": STAGE}).encode(), "acme-deals", "1.0")
    rules = PipelineRules(packaged={"deal": packaged})
    async with opened(tmp_path / "store.db", rules=rules) as contexts:
        yield contexts


async def write(contexts, principal, stage):
    put = Put(KEY, "deal", orjson.dumps({"stage": stage}), (), None)
    await do(contexts, put, principal=principal)


async def test_a_registration_overrides_it_for_its_tenant_alone(contexts):
    for principal in (LOCAL_ADMIN, OTHER):
        with pytest.raises(SchemaError):
            await write(contexts, principal, "odd")
        await write(contexts, principal, "new")
    await contexts.kinds.register(OTHER, "deal", lambda: {"schema": ANY}, ALWAYS)
    await write(contexts, OTHER, "odd")
    with pytest.raises(SchemaError):
        await write(contexts, LOCAL_ADMIN, "odd")
    assert (await contexts.kinds.read(OTHER, "deal")).packaged is None
    assert (await contexts.kinds.read(LOCAL_ADMIN, "deal")).packaged.package == "acme-deals"


async def test_nothing_is_written_for_it(contexts):
    await write(contexts, LOCAL_ADMIN, "new")
    page = await contexts.lister.heads(LOCAL_ADMIN, Filter(), None, 10)
    assert [str(head.key) for head in page.items] == ["sales/acme"]
