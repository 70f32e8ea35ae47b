"""The authorization server over HTTP, where it is on.

app.py       which path is what
tokens.py    what clients ask: tokens, revocation, metadata and keys
consent.py   what people see: they sign in, and agree or not
pages.py     how that looks
browser.py   cookies and forms
    telling.py   what the audit trail hears of
"""

from __future__ import annotations
