"""The TCP sockets of processes, and who listens at a port. Looking only; what a socket means is for others to say.

A table of sockets is read once for all processes: to read it for each would take longer than everything else in an
account. Of our own network the kernel is asked (`socket_diag`); the file that it writes of any other holds every socket
of that, those in TIME_WAIT too.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import psutil

from streamspec.harness.engine import socket_diag
from streamspec.harness.engine.process import named

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping

State = Literal["listen", "close-wait", "other"]
_STATES: Final[dict[str, State]] = {
    psutil.CONN_LISTEN: "listen",
    psutil.CONN_CLOSE_WAIT: "close-wait",
    "0A": "listen",  # as proc_pid_net(5) writes them
    "08": "close-wait",
}
_NUMBERED: Final[dict[int, State]] = {10: "listen", 8: "close-wait"}  # the same, in tcp_states.h
_OURS: Final = "/proc/self/ns/net"
_LINK: Final = "socket:["


@dataclass(frozen=True, slots=True)
class TcpSocket:
    state: State
    port: int  # its own


def tcp_sockets(pids: Iterable[int]) -> tuple[dict[Hashable, TcpSocket], bool]:
    """The sockets of these processes, a shared one once; and whether the system hides some. Processes that are gone
    have none."""
    found: dict[Hashable, TcpSocket] = {}
    hidden = False
    tables: dict[str, Mapping[str, TcpSocket]] = {}
    for pid in pids:
        try:
            if psutil.LINUX:
                found.update(_linux(pid, tables))
            else:
                found.update(_anywhere(pid))
        except (PermissionError, psutil.AccessDenied):
            hidden = True
        except (FileNotFoundError, ProcessLookupError, psutil.NoSuchProcess):
            continue
    return found, hidden


def listens(pids: Iterable[int], port: int) -> bool | None:
    """Whether one of these processes listens at this port; None when the system does not let us see that."""
    sockets, hidden = tcp_sockets(pids)
    if any(socket.state == "listen" and socket.port == port for socket in sockets.values()):
        return True
    return None if hidden else False


def listeners(port: int) -> str:
    """Who listens at this port, for people; empty when the system does not say."""
    try:
        sockets = psutil.net_connections("tcp")
    except psutil.Error:
        return ""
    here = {s.pid for s in sockets if s.status == psutil.CONN_LISTEN and s.laddr and s.laddr.port == port and s.pid}
    return ", ".join(named(psutil.Process(pid)) for pid in sorted(here) if psutil.pid_exists(pid))


def _socket(state: str, port: int) -> TcpSocket:
    return TcpSocket(_STATES.get(state, "other"), port)


def _anywhere(pid: int) -> Iterator[tuple[Hashable, TcpSocket]]:
    """Without Linux's tables: two ends name a socket."""
    for socket in psutil.Process(pid).net_connections("tcp"):
        if socket.laddr:
            yield (socket.family, socket.laddr, socket.raddr), _socket(socket.status, socket.laddr.port)


def _linux(pid: int, tables: dict[str, Mapping[str, TcpSocket]]) -> Iterator[tuple[Hashable, TcpSocket]]:
    """Its descriptors name its sockets by inode; the table of its network says the rest."""
    inodes = set(_inodes(pid))
    network = str(Path(f"/proc/{pid}/ns/net").readlink())
    if network not in tables:
        tables[network] = _asked() if network == str(Path(_OURS).readlink()) else {}
        tables[network] = tables[network] or dict(_table(pid))
    for inode in inodes & tables[network].keys():
        yield (network, inode), tables[network][inode]


def _inodes(pid: int) -> Iterator[str]:
    descriptors = f"/proc/{pid}/fd"
    for name in os.listdir(descriptors):  # noqa: PTH208 -- there may be thousands, and paths are slow
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            link = os.readlink(f"{descriptors}/{name}")  # noqa: PTH115
            if link.startswith(_LINK):
                yield link[len(_LINK) : -1]


def _asked() -> dict[str, TcpSocket]:
    """Every socket of our own network; empty where the kernel does not answer (some sandboxes)."""
    try:
        return {
            str(inode): TcpSocket(_NUMBERED.get(state, "other"), port)
            for state, port, inode in socket_diag.sockets()
            if inode  # else nobody's
        }
    except OSError:
        return {}


def _table(pid: int) -> Iterator[tuple[str, TcpSocket]]:
    for family in ("tcp", "tcp6"):
        with contextlib.suppress(FileNotFoundError):  # a system without IPv6
            for line in Path(f"/proc/{pid}/net/{family}").read_text().splitlines()[1:]:
                fields = line.split(maxsplit=10)
                if fields[9] != "0":  # nobody's, as in TIME_WAIT
                    yield fields[9], _socket(fields[3], int(fields[1].rpartition(":")[2], 16))
