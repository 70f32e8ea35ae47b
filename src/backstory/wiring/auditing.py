"""The audit trail of a process that serves."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from backstory import limits
from backstory.config import Settings
from backstory.contexts.ruling import Ruled
from backstory.contexts.service import Contexts
from backstory.domain.commits import Outcome
from backstory.errors import BackstoryError
from backstory.observability.telling import Told
from backstory.ports.audits import Apart
from backstory.ports.events import Acted
from backstory.ports.hooks import Number

if TYPE_CHECKING:
    from backstory.security.auditing.sealing import Auditor
    from backstory.transports.edge.acting import Acting

logger = logging.getLogger(__name__)

OFF: Final = "off"
ALL: Final = "all"


@asynccontextmanager
async def open_auditing(settings: Settings, contexts: Contexts, told: Told) -> AsyncIterator[None]:
    """The trail is written while this is entered; what is told last is sealed at the end."""
    if settings.audit == OFF or contexts.audits is None:
        yield
        return
    from backstory.security.auditing.retaining import Retention
    from backstory.security.auditing.sealing import Auditor

    trails = [Apart(contexts.audits, contexts.store.secret), *contexts.apart]
    auditors = [Auditor(each.audits, each.secret, contexts.clock) for each in trails]
    leave = _audited(contexts, told, auditors)
    told.stands(partial(_rounds, auditors))
    tasks = [asyncio.create_task(each.run(), name="audit trail") for each in auditors]
    if settings.audit_days:
        for each in trails:
            retention = Retention(each.audits, each.secret, contexts.clock, settings.audit_days)
            tasks.append(asyncio.create_task(retention.run(), name="audit retention"))
    try:
        yield
    finally:
        leave()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*map(_seal_the_rest, auditors))


def _rounds(auditors: Sequence[Auditor]) -> Iterator[Number]:
    for code, times in sum((each.rounds for each in auditors), Counter()).items():
        yield "audit_rounds", (code,), times


def _audited(contexts: Contexts, told: Told, auditors: Sequence[Auditor]) -> Callable[[], None]:
    """Each auditor hears of what its store keeps, until the returned function is called."""
    from backstory.security.auditing.spreading import Spread

    def wrote(tenant: str, _ruled: Ruled, outcome: Outcome) -> None:
        namespace = outcome.results[0].key.namespace
        auditors[contexts.store_of(namespace)].wrote(tenant)

    hearer = Spread(auditors, contexts.store_of) if auditors[1:] else auditors[0]
    contexts.historian.auditing = contexts.eraser.auditing = hearer
    told.listen(hearer)
    return contexts.writer.listen(wrote)


async def _seal_the_rest(auditor: Auditor) -> None:
    try:
        async with asyncio.timeout(limits.AUDIT_LAST_SECONDS):
            await auditor.flush()
    except (BackstoryError, TimeoutError) as error:
        logger.warning("the last events of the audit trail could not be written: %s", error)


def acting(settings: Settings, told: Told) -> Acting | None:
    """What goes around requests for the trail; None where nobody keeps one."""
    if not told.hears(Acted):
        return None
    from backstory.transports.edge.acting import Acting
    from backstory.transports.edge.pacing import client_of

    trusted = [ipaddress.ip_network(each) for each in settings.trusted_proxies]
    address = partial(client_of, trusted=trusted)
    return Acting(told.tell, address, reads=settings.audit == ALL)
