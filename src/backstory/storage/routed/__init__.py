"""Several stores as one: each namespace is kept by the store that it is routed to.

routing.py   which store keeps a namespace, and what of a question is for which store
places.py    logs, contents and errors of several stores told apart
writing.py   commits, each into one store
reading.py   single contexts, their entries and contents
changes.py   the change logs of all, read as one
finding.py   lists and search over all
life.py      notes, erasing, and what is done to each store
misplaced.py what lies where nobody sees it
store.py     all of it, as `ports.store.Store`
"""

from __future__ import annotations

from backstory.storage.routed.routing import Routing
from backstory.storage.routed.store import RoutedStore

__all__ = ["RoutedStore", "Routing"]
