"""What processes use: whole sums, each shared socket once, and nothing guessed."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil

from streamspec.harness.engine import sockets
from streamspec.harness.engine.figures import figures_of
from streamspec.harness.engine.process import attached

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

EVERY = {"rss_bytes", "fds", "threads", "sockets", "close_wait", "processes", "cpu_ms"}
# Goes on by a line, and ends with its stdin.
STEPS = """
import os, socket, sys, threading, time
def step(word):
    print(word, flush=True)
    return sys.stdin.readline()
"""
GROWS = """
step("small")
held = os.urandom(1) * 50_000_000
files = [open(os.devnull) for _ in range(10)]
threading.Thread(target=sys.stdin.read, daemon=True).start()
print("large", flush=True)
time.sleep(1000)
"""
FORKS = """
listener = socket.create_server(("127.0.0.1", 0))
if os.fork():
    step("two")
else:
    time.sleep(1000)
"""
CONNECTS = """
step("nothing")
listener = socket.create_server(("127.0.0.1", 0))
peer = socket.create_connection(listener.getsockname())
kept, _ = listener.accept()
step("connected")
peer.close()
kept.recv(1)
step("left")
kept.close()
step("closed")
"""
WORKS = """
step("before")
if os.fork() == 0:
    while time.process_time() < 0.2:
        pass
    os._exit(0)
os.wait()
step("after")
"""


class Stepping:
    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child

    def step(self) -> str:
        """Let it go on, to its next word."""
        assert self._child.stdin
        assert self._child.stdout
        self._child.stdin.write("\n")
        self._child.stdin.flush()
        return self._child.stdout.readline().strip()

    @property
    def pids(self) -> tuple[int, ...]:
        return attached(self._child.pid).pids()


@contextmanager
def running(program: str) -> Iterator[Stepping]:
    words = [sys.executable, "-I", "-S", "-c", STEPS + program]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as child:
        try:
            assert child.stdout
            child.stdout.readline()
            yield Stepping(child)
        finally:
            for pid in attached(child.pid).pids():
                psutil.Process(pid).kill()


def test_every_figure_of_this_process_is_there() -> None:
    figures = figures_of([os.getpid()])
    assert figures.keys() == EVERY
    assert figures["processes"] == 1
    assert figures["rss_bytes"] > 1_000_000


def test_memory_descriptors_and_threads_grow_with_what_is_taken() -> None:
    with running(GROWS) as target:
        before = figures_of(target.pids)
        assert target.step() == "large"
        after = figures_of(target.pids)
    assert 49_000_000 <= after["rss_bytes"] - before["rss_bytes"] <= 60_000_000
    assert after["fds"] - before["fds"] == 10
    assert (before["threads"], after["threads"]) == (1, 2)


def test_a_socket_that_two_processes_share_counts_once() -> None:
    with running(FORKS) as target:
        figures = figures_of(target.pids)
        alone = figures_of(target.pids[:1])
    assert (figures["processes"], figures["sockets"]) == (2, 1)
    assert figures["rss_bytes"] > alone["rss_bytes"]
    assert figures["fds"] > alone["fds"]


def test_a_connection_that_its_peer_left_is_a_close_wait() -> None:
    def seen(target: Stepping) -> tuple[int, int]:
        figures = figures_of(target.pids)
        return figures["sockets"], figures["close_wait"]

    with running(CONNECTS) as target:
        assert seen(target) == (0, 0)
        assert target.step() == "connected"
        assert seen(target) == (3, 0)
        assert target.step() == "left"
        assert seen(target) == (2, 1)
        assert target.step() == "closed"
        assert seen(target) == (1, 0)


def test_the_time_of_a_worker_is_kept_when_it_has_left() -> None:
    with running(WORKS) as target:
        before = figures_of(target.pids)["cpu_ms"]
        assert target.step() == "after"
        figures = figures_of(target.pids)
    assert figures["processes"] == 1
    assert figures["cpu_ms"] - before >= 190


def test_processes_that_are_gone_are_passed_over() -> None:
    with subprocess.Popen([sys.executable, "-I", "-S", "-c", ""]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
        assert figures_of([ended.pid]) == {}  # a zombie
        assert figures_of([ended.pid, os.getpid()])["processes"] == 1
    assert figures_of([ended.pid]) == {}
    assert figures_of([]) == {}


def test_a_process_that_goes_while_it_is_looked_at_is_passed_over_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    real = psutil.Process.num_threads
    gone: list[int] = []

    def goes(self: psutil.Process) -> int:
        if self.pid in gone:
            raise psutil.NoSuchProcess(self.pid)
        return real(self)

    monkeypatch.setattr(psutil.Process, "num_threads", goes)
    with running(FORKS) as target:
        first, second = target.pids
        gone.append(second)
        figures = figures_of([first, second])
        alone = figures_of([first])
    assert figures["processes"] == 1
    assert figures["fds"] == alone["fds"]


def test_what_one_process_hides_is_left_out_and_not_half_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    real_fds, real_inodes = psutil.Process.num_fds, sockets._inodes
    hiding: list[int] = []

    def num_fds(self: psutil.Process) -> int:
        if self.pid in hiding:
            raise psutil.AccessDenied(self.pid)
        return real_fds(self)

    def inodes(pid: int) -> Iterator[str]:
        if pid in hiding:
            raise PermissionError(pid)
        return real_inodes(pid)

    monkeypatch.setattr(psutil.Process, "num_fds", num_fds)
    monkeypatch.setattr(sockets, "_inodes", inodes)
    with running(FORKS) as target:
        first, second = target.pids
        hiding.append(second)
        assert figures_of([first, second]).keys() == EVERY - {"fds", "sockets", "close_wait"}
        assert figures_of([first]).keys() == EVERY
