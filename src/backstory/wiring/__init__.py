"""The only room that knows every adapter: from settings to a running application.

Everything opened here is closed here, in the opposite order, by `AsyncExitStack`s.

    stores.py     a store with its cache, and the change bus
    routed.py     all stores that the settings name, as one
    contexts.py   the context managers over them
    callers.py    who is let in
    authority.py  the authorization server inside
    heard.py      who hears of what is done
    secure.py     TLS
    auditing.py   the audit trail
    app.py        the whole server
    operating.py  tools for operators, on a store that may be in use
    backups.py    copies of a store in a file, and stores of them again
    whole.py      whole stores as lines, and back
    keys.py       those for the keys of an encrypted store
"""

from __future__ import annotations

from backstory.wiring.app import Running, message_formats, open_app, renderer_of
from backstory.wiring.auditing import open_auditing
from backstory.wiring.authority import open_accounts
from backstory.wiring.backups import back_up, back_up_keys, check_backup, restore_backup
from backstory.wiring.callers import Callers, open_callers, open_verifier
from backstory.wiring.contexts import open_contexts
from backstory.wiring.heard import open_hooks
from backstory.wiring.keys import encrypt_rows, is_encrypted, look_at_keys, rewrap_keys
from backstory.wiring.operating import (
    begin_epoch,
    inspect_bus,
    inspect_cache,
    inspect_clock,
    inspect_extensions,
    inspect_replica,
    inspect_server,
    inspect_store,
    migrate_store,
    scrub_report,
    scrub_store,
)
from backstory.wiring.reached import servers
from backstory.wiring.routed import each_store, find_misplaced
from backstory.wiring.secure import inspect_certificate, tls_options
from backstory.wiring.stores import bus_server
from backstory.wiring.whole import export_whole, import_whole

__all__ = [
    "Callers",
    "Running",
    "back_up",
    "back_up_keys",
    "begin_epoch",
    "bus_server",
    "check_backup",
    "each_store",
    "encrypt_rows",
    "export_whole",
    "find_misplaced",
    "import_whole",
    "inspect_bus",
    "inspect_cache",
    "inspect_certificate",
    "inspect_clock",
    "inspect_extensions",
    "inspect_replica",
    "inspect_server",
    "inspect_store",
    "is_encrypted",
    "look_at_keys",
    "message_formats",
    "migrate_store",
    "open_accounts",
    "open_app",
    "open_auditing",
    "open_callers",
    "open_contexts",
    "open_hooks",
    "open_verifier",
    "renderer_of",
    "restore_backup",
    "rewrap_keys",
    "scrub_report",
    "scrub_store",
    "servers",
    "tls_options",
]
