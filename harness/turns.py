"""One process at a time with a target that others could reach too: a lock file, waited for with a bound.

Two workers of pytest, or two runs, that judge one server must not disturb each other's cases: what each of them saw
would be the other's doing. Never here: what is done in the turn.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from streamspec.harness.core.errors import NoVerdict
from streamspec.harness.engine.clock import now_ns

POLL_MS: Final = 50.0  # from one try to the next
WAIT_MS: Final = 600_000.0  # for the others to be done


class Turn:
    """The right to be alone with the server at this URL. Taken and given back as often as wanted; the end of a process
    gives it back too."""

    def __init__(self, url: str, wait_ms: float = WAIT_MS) -> None:
        parts = urlsplit(url)
        digest = hashlib.sha256(f"{parts.scheme}://{parts.netloc}".lower().encode()).hexdigest()[:16]
        self._path = Path(tempfile.gettempdir()) / f"streamspec-{os.getuid()}-{digest}.lock"
        self._netloc = parts.netloc
        self._wait_ms = wait_ms
        self._held = -1

    async def take(self) -> None:
        """Wait until nobody else has it. Raises `NoVerdict` when that takes longer than `wait_ms`."""
        began_ns = now_ns()
        while self._held < 0 and not self._try():
            if (now_ns() - began_ns) / 1e6 >= self._wait_ms:
                waited = f"{self._wait_ms / 1e3:g} s"
                raise NoVerdict(f"another process is at work with {self._netloc}, and was not done in {waited}")
            await asyncio.sleep(POLL_MS / 1e3)

    def _try(self) -> bool:
        """Whether it is ours now. A file that its last holder has removed meanwhile is nobody's turn."""
        import fcntl

        number = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(number).st_ino == self._path.stat().st_ino:
                self._held, number = number, -1
        except (BlockingIOError, FileNotFoundError):
            pass
        finally:
            if number >= 0:
                os.close(number)
        return self._held >= 0

    def give_back(self) -> None:
        """And leave no file behind."""
        held, self._held = self._held, -1
        if held >= 0:
            self._path.unlink(missing_ok=True)
            os.close(held)
