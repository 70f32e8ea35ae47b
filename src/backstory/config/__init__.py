"""Settings: frozen, typed, and able to say where each value came from and what it means.

Flags come before `BACKSTORY_*` variables, those before a TOML file, that before defaults.
A setting that is wrong stops the start with one line naming it (`ConfigError`); none is
silently ignored.

    settings.py   the table of settings: default, meaning, what is allowed
    readers.py    from what was written to a typed value
    urls.py       the URLs of stores
    cache_urls.py the URLs of caches
    bus_urls.py   the URLs of change buses
    redis_urls.py the URLs of a Redis
    routes.py     which namespaces other stores keep
    loading.py    flags, variables, file and defaults into one `Settings`
    secrets.py    values in files, as orchestrators mount them
    local.py      what may be served without authentication
    auth.py       what has to be said before tokens can be checked
"""

from __future__ import annotations

from backstory.config.auth import check_callers
from backstory.config.loading import load
from backstory.config.local import check_local_mode
from backstory.config.routes import Route
from backstory.config.settings import TABLE, Setting, Settings
from backstory.config.urls import ServerUrl, StoreUrl

__all__ = [
    "TABLE",
    "Route",
    "ServerUrl",
    "Setting",
    "Settings",
    "StoreUrl",
    "check_callers",
    "check_local_mode",
    "load",
]
