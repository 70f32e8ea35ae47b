"""The authorization server inside: accounts, clients, codes and tokens, for those without another.

    records.py    what is kept of each, in notes of the store
    shelf.py      notes as typed records, changed by compare and swap
    tickets.py    secrets that are shown once
    signing.py    the keys that sign, rotated in the store
    turns.py      work on threads, bounded
    passwords.py  argon2id, a few at a time
    tries.py      wrong passwords are counted before they are looked at
    accounts.py   who may sign in
    clients.py    which applications may ask, by registration
    documents.py  or by a document at the URL that is their id
    fetching.py   how such a document is had, without becoming anybody's errand boy
    redirects.py  where an answer may be sent
    grants.py     codes, refresh tokens and what was issued from them
    asked.py      a request and its answer; scopes.py: what of it is given
    browsing.py   browsers that are signed in
    metadata.py   what clients are told (RFC 8414)
    service.py    all of them together
    erasing.py    what goes with a subject that is erased
    oauth/        OAuth itself, by Authlib

Every fact is in the store, so any node answers and whatever may be used once is used once.
"""

from __future__ import annotations
