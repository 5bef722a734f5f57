"""`free_port`: where a server of ours shall listen. Never here: a server."""

from __future__ import annotations

import itertools
import os
import socket
from typing import Final

HOST: Final = "127.0.0.1"
LOWEST: Final = 11_000  # a browser and Node's fetch speak to nobody at 10,080
PORTS: Final = 9_000
STRIDE: Final = 97  # from where one process begins to where the next one does

_asked: Final = itertools.count()


def free_port() -> int:
    """A TCP port at which nobody listens now.

    Between this and the moment when its server listens nobody else may get it. So it is none of those that a system
    gives away by itself (RFC 6335 §6 has them above; those of Linux begin at 32,768), no process is given one twice,
    and two processes begin at different ones. Raises `OSError` when all of them are taken."""
    for _ in range(PORTS):
        port = LOWEST + (os.getpid() * STRIDE + next(_asked)) % PORTS
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise OSError(f"every port from {LOWEST} to {LOWEST + PORTS - 1} is taken")
