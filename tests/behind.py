"""The store of an application, for tests that look at it, or hurt it, behind everybody's back."""


def store_behind(running):
    """The store itself, without what tells how long it takes."""
    store = running.contexts.store
    return getattr(store, "_store", store)
