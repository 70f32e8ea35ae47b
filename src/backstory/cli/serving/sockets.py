"""The sockets of a server, as they are handed to the processes that serve them."""

from __future__ import annotations

import socket
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sockets:
    """`ops` is for operators alone, None where there is no such port."""

    main: socket.socket
    ops: socket.socket | None = None

    def close(self) -> None:
        self.main.close()
        if self.ops is not None:
            self.ops.close()
