"""What a target's process uses: memory, descriptors, threads, sockets, processor time, summed over its whole tree.

A figure that the system does not show for every living process is left out, never guessed: half a sum would be a lie.
Never here: which processes these are (`process`), or what a figure means (a rule's work).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import psutil

from streamspec.harness.engine.process import lives
from streamspec.harness.engine.sockets import tcp_sockets

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


def _cpu_ms(process: psutil.Process) -> int:
    """Its own time and that of its children that have ended: the sum does not shrink when a worker leaves."""
    spent = process.cpu_times()
    return round((spent.user + spent.system + spent.children_user + spent.children_system) * 1e3)


_OF_ONE: Final[Mapping[str, Callable[[psutil.Process], int]]] = MappingProxyType(
    {
        "rss_bytes": lambda process: process.memory_info().rss,
        "fds": lambda process: process.num_fds(),
        "threads": lambda process: process.num_threads(),
        "cpu_ms": _cpu_ms,
    }
)


def figures_of(pids: Iterable[int]) -> dict[str, int]:
    """The figures of these processes together; empty when none of them is left.

    A socket that several processes share (a listener, inherited by its workers) counts once; a connection that waits
    out its TIME_WAIT is nobody's."""
    seen = {pid: found for pid in pids if (found := _look(pid)) is not None}
    if not seen:
        return {}
    sums = {"processes": len(seen)}
    for name in _OF_ONE:
        if all(name in one for one in seen.values()):
            sums[name] = sum(one[name] for one in seen.values())
    sockets, hidden = tcp_sockets(seen)
    if not hidden:
        sums["sockets"] = len(sockets)
        sums["close_wait"] = sum(socket.state == "close-wait" for socket in sockets.values())
    return sums


def _look(pid: int) -> dict[str, int] | None:
    """None for a process that is gone, or went while we looked."""
    try:
        process = psutil.Process(pid)
        if not lives(process):
            return None
        with process.oneshot():
            return {name: value for name, read in _OF_ONE.items() if (value := _readable(read, process)) is not None}
    except psutil.NoSuchProcess:
        return None


def _readable(read: Callable[[psutil.Process], int], process: psutil.Process) -> int | None:
    try:
        return read(process)
    except psutil.AccessDenied:
        return None
