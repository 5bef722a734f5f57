"""TCP sockets as the system shows them: whose they are, and in which state."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

from streamspec.harness.engine import sockets
from streamspec.harness.engine.sockets import listeners, listens, tcp_sockets

if TYPE_CHECKING:
    from collections.abc import Iterator

# A listener that a child shares, and an idle process that has none. Both end with their stdin.
SHARES = """
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
if child := os.fork():
    print(listener.getsockname()[1], child, flush=True)
sys.stdin.read()
"""
IDLES = "import sys; print(0, 0, flush=True); sys.stdin.read()"
WAYS = pytest.mark.parametrize("linux", [psutil.LINUX, False] if psutil.LINUX else [False])


@contextmanager
def running(program: str) -> Iterator[tuple[int, int, int]]:
    """The number of its process, the port and the child that it said."""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", program], stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdout
        port, other = child.stdout.readline().split()
        yield child.pid, int(port), int(other)


@WAYS
def test_a_socket_that_two_processes_share_is_one(monkeypatch: pytest.MonkeyPatch, *, linux: bool) -> None:
    monkeypatch.setattr(psutil, "LINUX", linux)
    with running(SHARES) as (parent, port, child):
        found, hidden = tcp_sockets([parent, child])
        assert tcp_sockets([parent]) == tcp_sockets([child]) == (found, hidden)
    assert not hidden
    assert [(one.state, one.port) for one in found.values()] == [("listen", port)]


@WAYS
def test_a_listener_is_found_among_the_processes_that_are_asked_about(
    monkeypatch: pytest.MonkeyPatch, *, linux: bool
) -> None:
    monkeypatch.setattr(psutil, "LINUX", linux)
    with running(SHARES) as (parent, port, child), running(IDLES) as (other, _, _):
        assert listens([other, parent], port) is True
        assert listens([other], port) is False
        assert listens([parent], port + 1) is False
        assert listens([], port) is False
        assert listeners(port).endswith((f"(pid {parent})", f"(pid {child})"))
        assert listeners(port + 1) == ""


@WAYS
def test_a_connection_that_its_peer_left_waits_to_be_closed(monkeypatch: pytest.MonkeyPatch, *, linux: bool) -> None:
    monkeypatch.setattr(psutil, "LINUX", linux)

    def states(port: int) -> list[str]:
        return sorted(one.state for one in tcp_sockets([os.getpid()])[0].values() if one.port == port)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as peer:
            kept, _ = listener.accept()
            assert states(port) == ["listen", "other"]
            assert listens([os.getpid()], peer.getsockname()[1]) is False
        with kept:
            assert kept.recv(1) == b""
            assert states(port) == ["close-wait", "listen"]
        assert states(port) == ["listen"]


def test_an_address_of_the_sixth_version_is_one_too() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as listener:
        assert listens([os.getpid()], listener.getsockname()[1]) is True


def test_what_the_system_hides_is_not_taken_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = sockets._inodes

    def inodes(pid: int) -> Iterator[str]:
        if pid == hiding:
            raise PermissionError(pid)
        return real(pid)

    def connections(self: psutil.Process, kind: str) -> object:
        raise psutil.AccessDenied(self.pid, kind)

    with running(SHARES) as (parent, port, _), running(IDLES) as (hiding, _, _):
        monkeypatch.setattr(sockets, "_inodes", inodes)
        assert tcp_sockets([hiding]) == ({}, True)
        assert listens([hiding], port) is None
        assert listens([hiding, parent], port) is True
        monkeypatch.setattr(psutil, "LINUX", False)
        monkeypatch.setattr(psutil.Process, "net_connections", connections)
        assert tcp_sockets([hiding]) == ({}, True)


@WAYS
def test_a_process_that_is_gone_has_no_sockets(monkeypatch: pytest.MonkeyPatch, *, linux: bool) -> None:
    monkeypatch.setattr(psutil, "LINUX", linux)
    with running(IDLES) as (gone, _, _):
        pass
    assert tcp_sockets([gone]) == ({}, False)
