"""What a session of tests leaves behind: processes that it started, still at work when its last test is over.

Their ports, files and processor time are missing to whoever measures next, and no test of its own shows them: so the
whole session fails. Never here: processes that others started, or what a single test may expect of one.
"""

from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING, Final

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GRACE_S: Final = 5.0  # for those that were told to end: a wait that comes early where nothing is left
LONGEST_COMMAND: Final = 300  # characters of a command line that are shown
TEST: Final = "PYTEST_CURRENT_TEST"  # pytest's own: a child inherits the name of the test that started it
# Python's own helper lives as long as its starter, which ends it by closing a pipe.
_TRACKER: Final = "multiprocessing.resource_tracker"


@pytest.fixture(autouse=True, scope="session")
def no_process_is_left_behind() -> Iterator[None]:
    """Around every other fixture of the session: who is autouse, and of the outermost folder, ends last. A worker of
    xdist looks at its own; the controller, who runs no test, at none."""
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    # One whose starter has died is nobody's child any more. The name is this process's own: a session within a session
    # adds another, and takes none away.
    name, value = f"STREAMSPEC_TESTS_OF_{os.getpid()}", uuid.uuid4().hex
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name, None)
    left = _at_work(one for one in _started(name, value) if one.pid not in before)
    if left:
        told = "\n".join(map(_told, left))
        for one in left:
            _end(one)
        pytest.fail(f"left behind, and ended now:\n{told}", pytrace=False)


def _started(name: str, value: str) -> Iterator[psutil.Process]:
    """Everybody below this process, and everybody who has its mark."""
    own = psutil.Process()
    below = own.children(recursive=True)
    yield from below
    known = {own.pid, *(one.pid for one in below)}
    for one in psutil.process_iter():
        if one.pid not in known and _environment(one).get(name) == value:
            yield one


def _at_work(found: Iterable[psutil.Process]) -> list[psutil.Process]:
    """Those that do not end by themselves. One that has ended and that nobody has asked about yet holds nothing."""
    _, left = psutil.wait_procs([one for one in found if _works(one) and not _tracks(one)], timeout=GRACE_S)
    return [one for one in left if _works(one)]


def _works(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _tracks(process: psutil.Process) -> bool:
    try:
        return process.ppid() == os.getpid() and _TRACKER in _command(process)
    except psutil.NoSuchProcess:
        return False


def _told(process: psutil.Process) -> str:
    test = _environment(process).get(TEST, "").rpartition(" (")[0]  # behind it the phase
    return f"  {process.pid} {_command(process)[:LONGEST_COMMAND]} (started in {test or 'a test that is not known'})"


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline()) or process.name()
    except psutil.Error:
        return "a process that says nothing of itself"


def _environment(process: psutil.Process) -> dict[str, str]:
    try:
        return dict(process.environ())
    except (psutil.Error, OSError):
        return {}


def _end(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return
