"""What is told of an erasure."""

from __future__ import annotations

from msgspec import Struct


class Receipt(Struct):
    """What was erased of a subject, in numbers.

    `entries` counts those in contexts of others too, `forks` the contexts of others that had taken
    something over, `keys` the keys that were destroyed, `bindings` what bound roles to it, `accounts` its
    account or machine of the built-in authorization server, and `grants` the consents, codes, sign-ins
    and tokens that had come from that. `holds`: none of it is there any more.
    `receipt` proves all of this to whoever asks for it later.
    """

    namespace: str
    begun_at: str
    erased_at: str | None
    contexts: int
    entries: int
    forks: int
    keys: int
    bindings: int
    accounts: int
    grants: int
    holds: bool
    receipt: str
