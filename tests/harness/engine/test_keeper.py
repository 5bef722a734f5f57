"""The keeper by itself: what it says, and that nothing it started outlives it."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

from streamspec.harness.engine import keeper
from streamspec.harness.engine.process import lives

if TYPE_CHECKING:
    from collections.abc import Iterator

FACT_S = 20.0
# A daemon: out of its tree, its group, its session and its environment, and deaf.
DAEMON = """
import os, signal, sys, time
if os.fork():
    os._exit(7)
os.setsid()
if os.fork():
    os._exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN)
tell = "import os, time; print(os.getpid(), flush=True); time.sleep(1000)"
os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", tell], {})
"""


ADOPTS = pytest.mark.skipif(
    sys.platform != "linux", reason="orphans are not adopted here; their mark tells whose they are"
)


@contextmanager
def keeping(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-I", "-S", keeper.__file__, *words], stdin=pipe, stdout=pipe, stderr=pipe
    ) as kept:
        yield kept
    # Popen has closed its stdin, and waited for it.


def python(program: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-c", program)


def line(pipe: object) -> str:
    assert hasattr(pipe, "readline")
    said: bytes = pipe.readline()
    return said.decode().strip()


def until_dead(process: psutil.Process) -> None:
    late = time.monotonic() + FACT_S
    while lives(process):
        assert time.monotonic() < late
        time.sleep(0.002)


@pytest.mark.parametrize(
    ("program", "code"), [("", 0), ("raise SystemExit(3)", 3), ("import os; os.kill(os.getpid(), 15)", -15)]
)
def test_the_start_and_the_end_of_the_first_process_are_said(program: str, code: int) -> None:
    with keeping(*python(program)) as kept:
        word, number = line(kept.stdout).split()
        assert word == keeper.STARTED
        assert int(number) != kept.pid
        assert line(kept.stdout) == f"{keeper.EXITED} {code}"
        assert kept.poll() is None
    assert kept.returncode == 0


def test_a_command_that_the_system_refuses_is_said_with_the_reason() -> None:
    with keeping("/no/such/command") as kept:
        assert line(kept.stdout) == f"{keeper.REFUSED} {errno.ENOENT}"
    assert kept.returncode == 0


def test_both_outputs_of_the_command_are_our_stderr_and_its_signals_are_untouched() -> None:
    """Python ignores SIGPIPE; what it starts must not."""
    with keeping("/bin/sh", "-c", "echo out; echo err >&2; kill -PIPE $$; echo deaf") as kept:
        assert [line(kept.stderr), line(kept.stderr)] == ["out", "err"]
        assert line(kept.stdout).startswith(keeper.STARTED)
        assert line(kept.stdout) == f"{keeper.EXITED} {-signal.SIGPIPE}"


@ADOPTS
def test_a_daemon_is_adopted_and_ends_when_stdin_does() -> None:
    with keeping(*python(DAEMON)) as kept:
        daemon = psutil.Process(int(line(kept.stderr)))
        assert daemon.ppid() == kept.pid
        assert not any(name.startswith("STREAMSPEC") for name in daemon.environ())
        assert lives(daemon)
        assert kept.stdin
        kept.stdin.close()
        assert kept.wait(FACT_S) == 0
        assert not lives(daemon)


@ADOPTS
def test_nothing_outlives_whoever_started_the_keeper() -> None:
    """Killed outright, it can do nothing any more: its end of the pipe is closed by the system."""
    program = f"""
import subprocess, sys
words = [sys.executable, "-I", "-S", {keeper.__file__!r}, sys.executable, "-I", "-S", "-c", {DAEMON!r}]
subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
sys.stdin.read()
"""
    pipe = subprocess.PIPE
    with subprocess.Popen(python(program), stdin=pipe, stderr=pipe) as starter:
        daemon = psutil.Process(int(line(starter.stderr)))
        os.kill(starter.pid, signal.SIGKILL)
        until_dead(daemon)
