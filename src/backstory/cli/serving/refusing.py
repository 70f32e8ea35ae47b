"""Closing a socket that listens so that no connection is lost in its queue.

Whoever has been let in by the kernel but not yet by the server is cut off when the socket is
closed: its request may have been sent by then, and nobody dares to send a write again. So new
connections are kept from beginning first, and the socket is closed once those before them
are taken. A try that is not answered is made again by the other side's kernel within a
second, and refused then: what is refused has sent nothing, and goes to another node.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from typing import Final

_SO_ATTACH_FILTER: Final = 26  # asm-generic/socket.h
_FLAGS_AT: Final = 13  # of the TCP header (RFC 9293 section 3.1)
_SYN, _ACK = 0x02, 0x10

_PROGRAM: Final = (
    (0x30, 0, 0, _FLAGS_AT),  # load the byte of the flags
    (0x54, 0, 0, _SYN | _ACK),  # look at these two
    (0x15, 0, 1, _SYN),  # the first packet of a connection has only this one:
    (0x06, 0, 0, 0),  # drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # pass all others
)
"""A filter in the kernel's own form (socket(7), SO_ATTACH_FILTER): code, two jumps, operand."""


def let_nobody_in(listener: socket.socket) -> bool:
    """Keep new connections from beginning; whether the system can do that.

    All processes that share the socket stop being found. Connections that have begun go on.
    """
    if sys.platform != "linux":
        return False
    steps = b"".join(struct.pack("HBBI", *step) for step in _PROGRAM)
    kept = ctypes.create_string_buffer(steps)
    program = struct.pack("HP", len(_PROGRAM), ctypes.addressof(kept))
    try:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
    except OSError:  # a system that only looks like Linux
        return False
    return True
