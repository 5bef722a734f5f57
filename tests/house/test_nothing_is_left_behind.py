"""A session of tests that leaves a process behind fails, and says which and whose: shown by sessions within it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

import psutil
import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytest_plugins = ["pytester"]

LONGEST_S: Final = 60.0
SLEEP: Final = [sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"]
# Dies at once, and with it what ties its child to the session: only the child's environment is left to tell.
ORPHAN: Final = f"import subprocess; n = subprocess.DEVNULL; print(subprocess.Popen({SLEEP!r}, stdout=n, stderr=n).pid)"
FIXTURE: Final = "import left_behind\nfrom left_behind import no_process_is_left_behind\n\n"
BEGIN: Final = f"import subprocess, sys\n\nSLEEP = {SLEEP!r}\nORPHAN = {ORPHAN!r}\nLEFT = []\n\n"


@pytest.fixture
def session(pytester: pytest.Pytester, root: Path) -> pytest.Pytester:
    pytester.makeconftest(f"{FIXTURE}left_behind.GRACE_S = 0.1\n")  # a sleep does not end by itself
    pytester.makeini(f"[pytest]\npythonpath = {root / 'tests'}\n")
    return pytester


def ran(session: pytest.Pytester, body: str, *words: str) -> pytest.RunResult:
    session.makepyfile(test_it=f"{BEGIN}{body}")
    return session.runpytest_subprocess("-p", "no:cacheprovider", "-p", "no:streamspec", *words, timeout=LONGEST_S)


def pids(said: pytest.RunResult) -> list[int]:
    return [int(line.split()[1]) for line in said.outlines if line.startswith("pid ")]


def works(pid: int) -> bool:
    """Whether the sleep is still there: what has ended and waits to be asked about is not."""
    try:
        process = psutil.Process(pid)
        return process.cmdline() == SLEEP and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


LEAVES: Final = """
def test_leaves():
    LEFT.append(subprocess.Popen(SLEEP))
    print("\\npid", LEFT[-1].pid)

def test_is_the_last():
    pass
"""


def test_a_sleep_that_a_test_leaves_fails_the_session_and_is_named_with_its_test(session: pytest.Pytester) -> None:
    said = ran(session, LEAVES, "-s")
    said.assert_outcomes(passed=2, errors=1)
    assert said.ret == pytest.ExitCode.TESTS_FAILED
    (pid,) = pids(said)
    said.stdout.fnmatch_lines([f"*{pid} {sys.executable} *time.sleep(600)* (started in test_it.py::test_leaves)"])
    assert not works(pid)  # nor is it left to whoever comes next


def test_it_is_named_too_when_a_failure_stops_the_session(session: pytest.Pytester) -> None:
    said = ran(session, LEAVES.replace("\ndef test_is", "    assert False\n\ndef test_is"), "-s", "-x")
    said.stdout.fnmatch_lines([f"*{pids(said)[0]} {sys.executable} *(started in test_it.py::test_leaves)"])
    assert said.ret == pytest.ExitCode.TESTS_FAILED


def test_one_whose_starter_has_died_is_found_as_well(session: pytest.Pytester) -> None:
    body = """
def test_leaves():
    done = subprocess.run([sys.executable, "-I", "-S", "-c", ORPHAN], capture_output=True, text=True, check=True)
    print("\\npid", done.stdout)
"""
    said = ran(session, body, "-s")
    said.assert_outcomes(passed=1, errors=1)
    (pid,) = pids(said)
    said.stdout.fnmatch_lines([f"*{pid} *time.sleep(600)* (started in test_it.py::test_leaves)"])
    assert not works(pid)


def test_each_worker_of_xdist_looks_at_its_own(session: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    said = ran(session, LEAVES, "-n", "2")
    said.assert_outcomes(passed=2, errors=1)
    said.stdout.fnmatch_lines([f"*{sys.executable} *time.sleep(600)* (started in test_it.py::test_leaves)"])


def test_who_waits_for_the_children_leaves_nothing(session: pytest.Pytester) -> None:
    body = """
import multiprocessing.resource_tracker

def test_waits():
    with subprocess.Popen(SLEEP) as child:
        child.kill()

def test_has_a_helper_of_python():
    multiprocessing.resource_tracker.ensure_running()

def test_does_not_ask_about_one_that_ended():
    LEFT.append(subprocess.Popen([sys.executable, "-I", "-S", "-c", ""], stdout=subprocess.PIPE))
    LEFT[-1].stdout.read()

def test_told_one_to_end_and_did_not_wait():
    LEFT.append(subprocess.Popen(SLEEP))
    LEFT[-1].terminate()
"""
    session.makeconftest(FIXTURE)
    said = ran(session, body)
    said.assert_outcomes(passed=4)
    assert said.ret == pytest.ExitCode.OK


def test_what_was_there_before_the_session_is_no_concern_of_it(session: pytest.Pytester) -> None:
    session.makeconftest(
        f"""
import subprocess
{FIXTURE}
def pytest_configure(config):
    config.earlier = subprocess.Popen({SLEEP!r})

def pytest_unconfigure(config):
    config.earlier.kill()
    config.earlier.wait()
"""
    )
    ran(session, "def test_it():\n    pass\n").assert_outcomes(passed=1)
