"""A listening socket for asyncio that bears a lack of descriptors: what waits is accepted when there are some again.

Never here: an address, or what becomes of a connection.
"""

from __future__ import annotations

import errno
import socket
from typing import Any, Final

OUT: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))  # for which asyncio pauses a second


class Listener(socket.socket):
    """asyncio tries to accept as often in a row as connections may wait, and goes on when that fails: for each failure
    it logs a traceback and plans another try, thousands of them, while nobody is served. Here the second try in a row
    finds nobody that waits, which ends the turn."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._is_out = False

    def accept(self) -> tuple[socket.socket, Any]:
        was_out, self._is_out = self._is_out, False
        if was_out:
            raise BlockingIOError
        try:
            return super().accept()
        except OSError as failure:
            self._is_out = failure.errno in OUT
            raise
