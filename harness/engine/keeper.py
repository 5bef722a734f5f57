"""The parent of a target that we start: a small process of its own, which nothing that the target starts outlives.

Where the system can make it so (Linux), whoever loses its parent becomes a child of the keeper: a daemon that left its
group and its session and overwrote its environment is still its descendant. It ends when its stdin does, and ends
everybody first: so nothing is left behind even when we are killed. It runs by itself, without site-packages: it must
import nothing but the standard library, and say nothing but the words below.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

# What it says, each a line on its stdout: a word and a number.
STARTED: Final = "started"  # the first process's number
REFUSED: Final = "refused"  # errno
EXITED: Final = "exited"  # the first process's exit code, -N for the signal N

PR_SET_CHILD_SUBREAPER: Final = 36  # prctl(2)
STDIN, STDERR = 0, 2
WAKE_BYTES: Final = 4_096
KILL_ROUNDS: Final = 400
KILL_ROUND_MS: Final = 5.0


def main(words: Sequence[str]) -> None:
    """Start the command with our stderr as its output, say how it goes, and end with stdin."""
    adopt_orphans()
    woken, waking = os.pipe()
    os.set_blocking(waking, False)
    signal.set_wakeup_fd(waking, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    try:
        first = subprocess.Popen(  # noqa: S603 -- the user's own command
            words,
            stdin=subprocess.DEVNULL,
            stdout=STDERR,
            start_new_session=True,  # Ctrl-C is ours to handle, and its group is ours to end
        )
    except (OSError, ValueError) as error:
        _say(REFUSED, getattr(error, "errno", None) or errno.EINVAL)
        return
    _say(STARTED, first.pid)
    while True:
        _reap(first.pid)
        readable, _, _ = select.select([STDIN, woken], [], [])
        if woken in readable:
            os.read(woken, WAKE_BYTES)
        if STDIN in readable and not os.read(STDIN, 1):
            break
    _end_all(first.pid)


def adopt_orphans() -> None:
    """Elsewhere than on Linux orphans go to the first process of the system, and their mark tells whose they are."""
    if sys.platform == "linux":
        with contextlib.suppress(ImportError, OSError, AttributeError):  # a Python without ctypes
            import ctypes

            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap(first: int) -> bool:
    """Bury every child that has ended; False when there is no child any more."""
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return True
            if pid == first:
                _say(EXITED, os.waitstatus_to_exitcode(status))
    except ChildProcessError:
        return False


def _end_all(first: int) -> None:
    """Kill children until there is none: who loses its parent by that becomes one. Bounded: some cannot be killed."""
    for _ in range(KILL_ROUNDS):
        if not _reap(first):
            return
        for pid in _children() or [first]:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(KILL_ROUND_MS / 1e3)


def _children() -> list[int]:
    """Empty where there is no /proc: whoever started us finds the others by their mark."""
    found = []
    with contextlib.suppress(OSError):
        for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208 -- pathlib costs more than all the rest
            with contextlib.suppress(OSError, ValueError, IndexError), open(f"/proc/{name}/stat", "rb") as stat:  # noqa: PTH123
                # proc_pid_stat(5): the name, in brackets, may hold anything; state and parent follow.
                if int(stat.read().rpartition(b")")[2].split()[1]) == os.getpid():
                    found.append(int(name))
    return found


def _say(word: str, number: int) -> None:
    with contextlib.suppress(OSError):  # whoever started us is gone
        os.write(sys.stdout.fileno(), f"{word} {number}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1:])
