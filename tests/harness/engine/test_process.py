"""Who belongs to a process: its tree, whoever carries its mark, and nobody else."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil
import pytest

from streamspec.harness.core.errors import UsageError
from streamspec.harness.engine.process import Family, attached, lives, named

if TYPE_CHECKING:
    from collections.abc import Iterator

# Each says one line when it has come to rest, and ends with its stdin.
ALONE = "print('here', flush=True); sys.stdin.read()"
# A child of its own session.
PARENT = """
child = os.fork()
if child == 0:
    os.setsid()
else:
    print(child, flush=True)
sys.stdin.read()
"""
# An orphan in the session of its first process, its environment replaced: neither parent nor mark shows whose it is.
NAMELESS = """
if os.fork() == 0:
    if os.fork() == 0:
        say = "import os, sys; print(os.getpid(), flush=True); sys.stdin.read()"
        os.execve(sys.executable, [sys.executable, "-I", "-S", "-c", say], {})
    os._exit(0)
os.wait()
sys.stdin.read()
"""
MARK = "STREAMSPEC_SPAWNED_TEST"


@contextmanager
def running(program: str, mark: str = "") -> Iterator[tuple[psutil.Process, str]]:
    """The process of this program, and the line it said."""
    env = {**os.environ, mark: "1"} if mark else None
    words = [sys.executable, "-I", "-S", "-c", "import os, sys\n" + program]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=env, start_new_session=True) as child:
        assert child.stdout
        yield psutil.Process(child.pid), child.stdout.readline().strip()


def pids(family: Family) -> set[int]:
    return {process.pid for process in family.living()}


def test_children_belong_to_a_process_and_its_parents_do_not() -> None:
    with running(PARENT) as (parent, said):
        assert set(attached(parent.pid).pids()) == {parent.pid, int(said)}
        assert attached(int(said)).pids() == (int(said),)


def test_a_child_that_lost_its_parent_is_still_known() -> None:
    with running(PARENT) as (parent, said):
        both = attached(parent.pid)
        assert len(both.pids()) == 2
        parent.kill()
        parent.wait()
        assert both.pids() == (int(said),)
        assert both.exit_note() == f"process {parent.pid} is gone"


def test_a_process_that_lives_has_no_exit_note() -> None:
    assert attached(os.getpid()).exit_note() == ""


@pytest.mark.parametrize("pid", [0x7FFF_FFF0, -1, 2**70])
def test_a_number_that_is_no_process_is_the_callers_fault(pid: int) -> None:
    with pytest.raises(UsageError, match=f"there is no process {pid}"):
        attached(pid)


def test_a_process_that_only_waits_to_be_reaped_is_no_process() -> None:
    with running(ALONE) as (dead, _):
        dead.kill()
        os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
        assert dead.status() == psutil.STATUS_ZOMBIE
        assert not lives(dead)
        with pytest.raises(UsageError):
            attached(dead.pid)


def test_whoever_carries_the_mark_is_kin_and_nobody_else() -> None:
    with running(ALONE, MARK) as (first, _), running(ALONE, MARK) as (second, _), running(ALONE) as (other, _):
        assert pids(Family(first, MARK)) == {first.pid, second.pid}
        assert pids(Family(other)) == {other.pid}


def test_whoever_is_in_a_session_of_kin_is_kin() -> None:
    with running(NAMELESS, MARK) as (first, said):
        nameless = psutil.Process(int(said))
        assert nameless.ppid() != first.pid
        assert MARK not in nameless.environ()
        assert pids(Family(first, MARK)) == {first.pid, nameless.pid}


def test_who_comes_later_is_found_too() -> None:
    with running(ALONE, MARK) as (first, _):
        family = Family(first, MARK)
        assert pids(family) == {first.pid}
        with running(ALONE, MARK) as (second, _):
            assert pids(family) == {first.pid, second.pid}
        assert pids(family) == {first.pid}


def test_who_was_a_stranger_is_looked_at_again_when_everybody_is() -> None:
    with running(ALONE, MARK) as (first, _), running(ALONE) as (other, _):
        family = Family(first, MARK)
        assert pids(family) == {first.pid}
        family._mark = next(iter(other.environ()))
        assert other.pid not in pids(family)
        assert other.pid in {process.pid for process in family.living(anew=True)}


def test_a_process_is_named_even_when_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(self: psutil.Process) -> str:
        raise psutil.NoSuchProcess(self.pid)

    with running(ALONE) as (one, _):
        assert named(one) == f"{one.name()} (pid {one.pid})"
        monkeypatch.setattr(psutil.Process, "name", gone)
        assert named(one) == f"pid {one.pid}"
