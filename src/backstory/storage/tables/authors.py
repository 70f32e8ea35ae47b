"""Taking an erased subject's name from what it wrote with others.

Rows name authors by number, and keep it: the number is given another name, which tells nothing of
the old one. Each process forgets in `limits.NAMES_SECONDS` what a number stood for, and writers
learn it with the keys; copies of before are told apart by what `count_names` counts.
"""

from __future__ import annotations

from collections.abc import Mapping

from backstory import limits
from backstory.domain.principals import Author, Trust, name_of
from backstory.domain.sealing import Seal
from backstory.domain.subjects import Erasure, wrote
from backstory.storage.tables.database import Database
from backstory.storage.tables.transaction import Transaction


def stand_in(seal: Seal, erasure: Erasure) -> str:
    """What an author is called after an erasure. Nobody can work out whose it is."""
    parts = (erasure.tenant, str(erasure.number))
    return f"erased-{seal.hash('erased', *(part.encode() for part in parts)).hex()}"


def take_names(tx: Transaction, erasure: Erasure, name: str) -> bool:
    """Call the subject's authors by that name, unless that is done; whether there are any."""
    tenant = tx.db.intern_tenant(erasure.tenant)
    if tx.db.all(tx.db.sql.authors_named, tenant, name):
        return True
    found = _of_subject(tx.db, tenant, erasure.subject)
    if not found:
        return False
    tx.writing = True
    for number in found:
        tx.db.run(tx.db.sql.rename_author, tenant, number, name)
    tx.db.run(tx.db.sql.count_keys)
    tx.writing = False
    tx.db.names.clear()
    return True


def outdate_copies(tx: Transaction, tenant: str) -> None:
    """Copies that may have an old name are not given any more."""
    tx.writing = True
    tx.db.run(tx.db.sql.count_names, tx.db.intern_tenant(tenant))
    tx.writing = False


def any_named(db: Database, tenant: str, subject: str) -> bool:
    """Whether anything is known to be written by the subject."""
    number = db.tenant(tenant)
    return number is not None and bool(_of_subject(db, number, subject))


def came_back(db: Database, erasure: Erasure, name: str) -> bool:
    """Whether an author of before the erasure has the subject's name (again), or still."""
    number = db.tenant(erasure.tenant)
    if number is None:
        return False
    newest = max((row[0] for row in db.all(db.sql.authors_named, number, name)), default=0)
    found = _of_subject(db, number, erasure.subject)
    return any(one <= newest or not own for one, own in found.items())


def _of_subject(db: Database, tenant: int, subject: str) -> Mapping[int, bool]:
    """Numbers of authors, each with whether it is the tenant's own."""
    name = name_of(subject.partition(".")[2])
    if name is not None:
        found = db.all(db.sql.authors_named, tenant, name)
    else:  # the segment is a hash, which only long names have
        found = db.all(db.sql.authors_longer, tenant, limits.SUBJECT_SEGMENT_BYTES // 3)
    return {
        number: bool(own)
        for number, trust, text, own in found
        if wrote(subject, Author(text, Trust(trust)))
    }
