"""Notes that a model holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backstory.clock import Clock


class Noting:
    """`ports.store.Notes`, in memory."""

    _clock: Clock

    def __init__(self) -> None:
        self._notes: dict[tuple[str, str], tuple[bytes, int]] = {}
        self._apart: dict[str, int] = {}

    async def put_note(self, tenant: str, name: str, value: bytes, expires_at: int) -> None:
        self._notes[tenant, name] = value, expires_at

    async def swap_note(
        self, tenant: str, name: str, before: bytes | None, value: bytes, expires_at: int
    ) -> bool:
        if await self.get_note(tenant, name) != before:
            return False
        await self.put_note(tenant, name, value, expires_at)
        return True

    async def get_note(self, tenant: str, name: str) -> bytes | None:
        value, expires_at = self._notes.get((tenant, name), (None, 0))
        return value if expires_at > self._clock.now() else None

    async def list_notes(
        self, tenant: str, prefix: str, after: str = "", limit: int = 1000
    ) -> Sequence[tuple[str, bytes]]:
        found = [
            (name, value)
            for (whose, name), (value, expires_at) in self._notes.items()
            if whose == tenant and expires_at > self._clock.now()
            if name.startswith(prefix) and name.encode() > after.encode()
        ]
        return sorted(found, key=lambda each: each[0].encode())[:limit]

    async def delete_note(self, tenant: str, name: str) -> None:
        self._notes.pop((tenant, name), None)

    async def keep_apart(self, name: str, expires_at: int) -> None:
        self._apart[name] = max(expires_at, self._apart.get(name, 0))

    async def kept_apart(self) -> Mapping[str, int]:
        now = self._clock.now()
        return {name: end for name, end in self._apart.items() if end > now}
