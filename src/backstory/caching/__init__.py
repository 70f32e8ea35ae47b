"""Caches: bodies that were read, kept near for whoever reads them again (`ports/cache.py`).

    memory.py     in this process, bounded in bytes
    redis.py      in a Redis that nodes share
    memcached.py  in a Memcached that nodes share
    layered.py    memory before one of those
    remote.py     what is common to caches behind a network: time, connections, errors
    redis_pool.py, memcached_client.py    how the servers are spoken to
    entries.py    how a body lies in a server's memory, with what tells that it is whole
    opening.py    from the setting to a cache
    store.py      a store that is read through a cache
    shelf.py, bodies.py, tails.py    what it keeps there, under which names
    erasing.py    what is erased leaves the cache, however long that takes
    old_copies.py, beliefs.py    what may be given while the store is away
    passing.py    what a store around another one begins from

A breaker or a meter goes around any of them as one more `ports.cache.Cache`.
"""
