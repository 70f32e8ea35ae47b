"""The keys that this process has unwrapped.

A master key wraps roots, roots wrap data keys. Roots are unwrapped when a store is opened, so
that a service for keys is not asked for every row; data keys when they are needed first, and
forgotten after `limits.KEY_SECONDS`.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from backstory import limits
from backstory.encryption.box import Box, derived
from backstory.errors import GoneError, KeyUnusableError
from backstory.ports.vault import Master, Vault, WrappedKey

_SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Key:
    """A data key. `scope` as in `ports.vault.WrappedKey`."""

    number: int
    scope: int
    secret: bytes
    head: bytes
    """Its number, as rows begin with it."""


Place = tuple[bytes, int, int, int]
"""A data key as rows name it, the purpose, the tenant and the place."""


class Ring:
    """Of one store. May be used by several threads; those calls that ask the vault may wait."""

    def __init__(self, vault: Vault, masters: Sequence[Master]) -> None:
        self.vault, self._masters = vault, {master.name: master for master in masters}
        self._writes_as = masters[0]
        self.master = masters[0].name
        self._roots: dict[int, bytes] = {}
        self._newest = 0
        self._keys: dict[int, Key] = {}
        self._current: dict[tuple[str, str], Key] = {}
        self.made: dict[Place, AESGCM] = {}
        self._changes, self._until = 0, 0.0
        self._lock = threading.Lock()

    # -- roots -------------------------------------------------------------------------

    def open(self) -> None:
        """Unwrap the roots; the first is made where there is none.

        Raises:
            KeyUnusableError: none of the master keys wrapped one of them.
        """
        if not self.vault.roots():
            wrapped = self._writes_as.wrap(secrets.token_bytes(_SECRET_BYTES))
            self.vault.add_root(self._writes_as.name, wrapped, first=True)
        self._learn_roots()

    def _learn_roots(self) -> None:
        for root in self.vault.roots():
            if root.number not in self._roots:
                master = self._masters.get(root.master)
                if master is None:
                    raise KeyUnusableError(
                        f"the keys of this store are wrapped by the master key {root.master}, and "
                        f"master_key names {', '.join(self._masters)}; add the other one to it"
                    )
                self._roots[root.number] = master.unwrap(root.wrapped)
            self._newest = max(self._newest, root.number)

    def _root(self, number: int) -> bytes:
        if number not in self._roots:
            self._learn_roots()
        return self._roots[number]

    @property
    def first_root(self) -> bytes:
        """What is derived for things that belong to no subject, for as long as the store lives."""
        return self._roots[min(self._roots)]

    def box(self, purpose: str) -> Box:
        return Box(self.first_root, purpose)

    def index_key(self, tenant: int) -> bytes:
        """For hashes of a tenant's words."""
        return derived(self.first_root, f"backstory 2026 words {tenant}")

    # -- data keys ---------------------------------------------------------------------

    def changed(self, changes: int) -> None:
        """Keys were retired or destroyed as often as that; what is known is older than that."""
        if changes != self._changes:
            self._changes = changes
            self.forget()

    def _forget_in_time(self) -> None:
        if time.monotonic() > self._until:
            self.forget()

    def forget(self) -> None:
        """Know nothing any more but the roots."""
        with self._lock:
            self._keys.clear()
            self._current.clear()
            self.made.clear()
            self._until = time.monotonic() + limits.KEY_SECONDS

    def current(self, tenant: str, subject: str) -> Key:
        """The key that writes for a subject, made where there is none."""
        self._forget_in_time()
        known = self._current.get((tenant, subject))
        if known is not None:
            return known
        made = self.vault.current(tenant, subject, lambda: self._make(tenant, subject))
        key = self._unwrap(made)
        with self._lock:
            if len(self._current) >= limits.KEYS_KNOWN:
                self._current.clear()
            self._current[tenant, subject] = key
        return key

    def key(self, number: int) -> Key:
        """The key of that number.

        Raises:
            GoneError: it is destroyed.
            KeyUnusableError: the vault does not know it.
        """
        self._forget_in_time()
        known = self._keys.get(number)
        if known is not None:
            return known
        wrapped = self.vault.key(number)
        if wrapped is None:
            raise KeyUnusableError(
                f"the key {number} is not among the keys of this store; name the right `keys`"
            )
        return self._unwrap(wrapped)

    def subkey(self, asked: Place) -> AESGCM:
        """What seals the rows of one place, derived from a data key, and kept in `made`.

        So no key is used more often than a place has rows: under 2^32 times.
        """
        head, purpose, tenant, place = asked
        about = f"backstory 2026 rows {int(purpose)} {tenant} {place}"
        made = AESGCM(derived(self.key(int.from_bytes(head)).secret, about))
        with self._lock:
            if len(self.made) >= limits.SUBKEYS_KNOWN:
                self.made.clear()
            self.made[asked] = made
        return made

    def _make(self, tenant: str, subject: str) -> tuple[int, bytes]:
        return self._newest, self._wrap(tenant, subject, secrets.token_bytes(_SECRET_BYTES))

    def _wrap(self, tenant: str, subject: str, secret: bytes) -> bytes:
        return self._wrapping(self._newest).seal(secret, _about(tenant, subject))

    def _unwrap(self, wrapped: WrappedKey) -> Key:
        if wrapped.wrapped is None:
            raise GoneError("this was erased, and its key is destroyed")
        box = self._wrapping(wrapped.root)
        secret = box.open(wrapped.wrapped, _about(wrapped.tenant, wrapped.subject))
        if secret is None:
            raise KeyUnusableError(f"the key {wrapped.number} is damaged; restore the `keys`")
        key = Key(wrapped.number, wrapped.scope, secret, wrapped.number.to_bytes(4))
        with self._lock:
            if len(self._keys) >= limits.KEYS_KNOWN:
                self._keys.clear()
            self._keys[key.number] = key
        return key

    def _wrapping(self, root: int) -> Box:
        return Box(self._root(root), "data keys")

    # -- rotation ----------------------------------------------------------------------

    def rewrap(self, after: int, limit: int) -> int | None:
        """Wrap some keys with the newest root; the last one's number, None at the end.

        Begin with `renew_root`.
        """
        found = self.vault.keys(after, limit)
        for wrapped in found:
            if wrapped.root != self._newest:
                key = self._unwrap(wrapped)
                again = self._wrap(wrapped.tenant, wrapped.subject, key.secret)
                self.vault.rewrap_key(wrapped.number, self._newest, again)
        return found[-1].number if len(found) == limit else None

    def renew_root(self) -> None:
        """Make a root for keys to come, and have the present master key wrap all of them."""
        self._learn_roots()
        for root in self.vault.roots():
            if root.master != self._writes_as.name:
                wrapped = self._writes_as.wrap(self._roots[root.number])
                self.vault.rewrap_root(root.number, self._writes_as.name, wrapped)
        wrapped = self._writes_as.wrap(secrets.token_bytes(_SECRET_BYTES))
        self.vault.add_root(self._writes_as.name, wrapped, first=False)
        self._learn_roots()


def _about(tenant: str, subject: str) -> bytes:
    return f"{tenant}\n{subject}".encode()
