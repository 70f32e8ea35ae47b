"""Saying what a tenant may keep: for operators, of one tenant at a time."""

from __future__ import annotations

import orjson

from backstory.contexts.quotas import KIND, Quotas
from backstory.contexts.ruling import Ruled
from backstory.contexts.writing import Intent, Writer
from backstory.domain.commits import Delete, Outcome, Put
from backstory.domain.permissions import Verb
from backstory.domain.principals import Principal
from backstory.domain.quotas import KEY, Quota
from backstory.domain.ruling import Unruled
from backstory.errors import DeniedError

_VERSION = 1  # of what the state of a quota looks like


class Allotting:
    """Writes the quotas that `Quotas` reads."""

    def __init__(self, writer: Writer, quotas: Quotas) -> None:
        self._writer = writer
        self._quotas = quotas

    async def allot(self, principal: Principal, quota: Quota | None) -> Outcome:
        """Say what the principal's tenant may keep; None: what the settings say.

        Raises:
            DeniedError: it is no operator.
            MissingError: nothing was said of the tenant that could be taken back.
        """
        if not principal.operator:
            raise DeniedError("quotas are for operators; `operators` of the settings names them")
        operation: Put | Delete = Delete(KEY)
        if quota is not None:
            state = orjson.dumps(quota.view())
            operation = Put(KEY, KIND, state, (), None, rule=Unruled(KIND, _VERSION))

        async def prepare(attempt: int, at: int) -> Ruled:
            del attempt, at
            return Ruled((operation,))

        outcome = await self._writer.write_prepared(principal, [Intent(Verb.ADMIN, KEY)], prepare)
        self._quotas.forget(principal.tenant)
        return outcome
