"""The TCP sockets of our own network namespace, asked of the kernel with sock_diag(7): what is not in TIME_WAIT alone.

A table under /proc holds those too, ten thousand of them behind a run like ours, and costs ten times as much to read.
Looking only; whoever cannot be answered here reads the table. Never here: whose a socket is, or what its state means.
"""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

WAIT_S: Final = 2.0  # the kernel answers while it is asked; nobody waits for it without bound
READ_BYTES: Final = 65_536
_FAMILIES: Final = (socket.AF_INET, socket.AF_INET6)
_SOCK_DIAG: Final = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY: Final = 20  # SOCK_DIAG_BY_FAMILY
_DUMP: Final = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_ERROR, _DONE = 2, 3  # NLMSG_ERROR, NLMSG_DONE
_CUT_SHORT: Final = 0x10  # NLM_F_DUMP_INTR: it changed while it was read
_HEADER: Final = struct.Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port
_REQUEST: Final = struct.Struct("=BBBxI48x")  # inet_diag_req_v2: family, protocol, extensions, states, any socket
_SOCKET: Final = struct.Struct("=xBxx2s62xI")  # inet_diag_msg: state, its own port (big-endian), inode
_TIME_WAIT: Final = 6
_EVERY_OTHER: Final = 0xFFF & ~(1 << _TIME_WAIT)


def sockets() -> Iterator[tuple[int, int, int]]:
    """The state (as tcp_states.h numbers them), port and inode of each. Raises `OSError` where the system does not
    answer, or not with what can be read."""
    for family in _FAMILIES:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG) as asking:
            asking.settimeout(WAIT_S)
            wanted = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, _EVERY_OTHER)
            asking.sendto(_HEADER.pack(_HEADER.size + len(wanted), _BY_FAMILY, _DUMP, 1, 0) + wanted, (0, 0))
            more = True
            while more:
                found, more = read(asking.recv(READ_BYTES))
                yield from found


def read(data: bytes) -> tuple[list[tuple[int, int, int]], bool]:
    """What one datagram of the answer holds, and whether more follow. Raises `OSError` for an error in it, and for what
    is no answer."""
    found: list[tuple[int, int, int]] = []
    at = 0
    while at + _HEADER.size <= len(data):
        size, kind, flags, _, _ = _HEADER.unpack_from(data, at)
        body = data[at + _HEADER.size : at + size]
        if size < _HEADER.size or at + size > len(data) or flags & _CUT_SHORT:
            break
        if kind == _DONE:
            return found, False
        if kind != _BY_FAMILY or len(body) < _SOCKET.size:
            raise OSError(f"sock_diag answered with a message of type {kind}")
        state, port, inode = _SOCKET.unpack_from(body)
        found.append((state, int.from_bytes(port), inode))
        at += -(-size // 4) * 4  # each begins at a multiple of four
    if at < len(data) or not data:
        raise OSError("sock_diag answered with what cannot be read")
    return found, True
