"""What every store is told of itself when it is opened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from backstory.encryption.cipher import Cipher
from backstory.errors import KeyUnusableError, StoreUnavailableError

_SECRET_BYTES: Final = 32
_ABOUT: Final = b"store"


@dataclass(frozen=True, slots=True)
class Meta:
    """The store's present life, its secret, and the newest erasure that it has been through."""

    epoch: str
    first_epoch: bool
    secret: bytes
    erasure: int = 0


@dataclass(frozen=True, slots=True)
class Epochs:
    """The life that a store has ended, and the one that it has begun."""

    before: str
    after: str


def same_life(opened: str, now: str | None) -> None:
    """Whether what a process knows is of the store as it is.

    Raises:
        StoreUnavailableError: it is not, since the store has begun another epoch.
    """
    if opened != now:
        raise StoreUnavailableError(
            "the store has begun another epoch since this process was started; restart it",
            retry_after=1,
        )


def must_begin(cipher: Cipher | None, *, keyed: bool) -> bool:
    """Whether the store is to be encrypted from now on, and was not before.

    Raises:
        KeyUnusableError: it was before, and there is no key.
    """
    if keyed and cipher is None:
        raise KeyUnusableError(
            "this store is encrypted; name the master key that it was encrypted with as "
            "master_key, and the `keys` that belong to it"
        )
    return cipher is not None and not keyed


def seal_secret(cipher: Cipher | None, kept: bytes) -> bytes:
    """The store's secret as it is kept: as it is, or so that only the roots open it."""
    if cipher is None or len(kept) != _SECRET_BYTES:
        return kept
    return cipher.ring.box("secret").seal(kept, _ABOUT)


def secret_of(cipher: Cipher | None, kept: bytes) -> bytes:
    """The store's secret.

    Raises:
        KeyUnusableError: the roots are those of another store.
    """
    if cipher is None or len(kept) == _SECRET_BYTES:
        return kept
    secret = cipher.ring.box("secret").open(kept, _ABOUT)
    if secret is None:
        raise KeyUnusableError(
            "the keys are those of another store; name the right ones with the setting `keys`"
        )
    return secret
