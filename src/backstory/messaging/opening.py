"""From the URL of a change bus to its link. Drivers are loaded only where they are named."""

from __future__ import annotations

from backstory.messaging.lines import Link


def link_to(url: str) -> Link:
    """The link to a server that passes messages on; the URL is one that the settings allow."""
    if url.startswith(("redis://", "rediss://")):
        from backstory.messaging.redis import RedisLink

        return RedisLink(url)
    from backstory.messaging.postgres import PostgresLink

    return PostgresLink(url)
