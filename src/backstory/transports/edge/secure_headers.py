"""What every answer tells browsers, whatever it is: pages say more precisely what they need."""

from __future__ import annotations

from typing import Final

SECURE: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
