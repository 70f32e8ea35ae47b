"""What a store has of its vault: the keys where it encrypts, and the list of erasures anyway.

Who else keeps something of subjects in its notes is asked when one is erased.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backstory.encryption.box import Box
from backstory.encryption.cipher import Cipher
from backstory.encryption.ring import Ring
from backstory.errors import KeyUnusableError
from backstory.ports.store import MakeHolder
from backstory.ports.vault import Master, Vault


class Safe:
    """Opens the vault when it is needed first. Without master keys nothing is encrypted."""

    def __init__(
        self,
        connect: Callable[[], Vault],
        masters: Sequence[Master] = (),
        holders: Sequence[MakeHolder] = (),
    ) -> None:
        self._connect, self._masters, self.holders = connect, masters, holders
        self._vault: Vault | None = None
        self.cipher: Cipher | None = None
        self._notes: Box | None = None

    def open(self) -> None:
        """Unwrap what is needed to encrypt. May wait, as `ports.vault.Vault` says.

        Raises:
            KeyUnusableError: the master keys are not those of the vault.
            StoreError: the vault cannot be used.
        """
        if self._masters and self.cipher is None:
            ring = Ring(self.vault, self._masters)
            ring.open()
            self.cipher, self._notes = Cipher(ring), ring.box("notes")

    @property
    def vault(self) -> Vault:
        if self._vault is None:
            self._vault = self._connect()
        return self._vault

    def close(self) -> None:
        vault, self._vault = self._vault, None
        if vault is not None:
            vault.close()

    # -- notes -------------------------------------------------------------------------

    def seal(self, tenant: str, name: str, value: bytes) -> bytes:
        """A note as it is stored."""
        if self._notes is None:
            return value
        return _MARK + self._notes.seal(value, _about(tenant, name))

    def unseal(self, tenant: str, name: str, stored: bytes | None) -> bytes | None:
        """The note; those of the time before encryption are as they are.

        Raises:
            KeyUnusableError: it was sealed by another store.
        """
        if stored is None or self._notes is None or not stored.startswith(_MARK):
            return stored
        value = self._notes.open(stored[len(_MARK) :], _about(tenant, name))
        if value is None:
            raise KeyUnusableError("a note was changed, or sealed with other keys")
        return value

    def unsealed(
        self, tenant: str, notes: Sequence[tuple[str, bytes]]
    ) -> Sequence[tuple[str, bytes]]:
        """Several notes with their names, as `unseal` has them."""
        if self._notes is None:
            return notes
        return [(name, self.unseal(tenant, name, stored) or b"") for name, stored in notes]


_MARK = b"\x10BSn"
"""No note of ours begins so."""


def _about(tenant: str, name: str) -> bytes:
    return f"{tenant}\n{name}".encode()
