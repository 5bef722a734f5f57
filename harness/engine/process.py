"""Who belongs to a target's process: the process itself, what it started, and whoever of them went out of its tree.

Looking only: nothing here starts, signals or measures a process. One that we started carries a mark in its environment,
by which a process is known that left its parent, its group and its session (a daemon); of somebody else's process
(`--pid`) only the tree is known.
"""

from __future__ import annotations

import contextlib
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import psutil

from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.inert import printable

if TYPE_CHECKING:
    from collections.abc import Iterable


class ProcessTree(Protocol):
    """A target's process, however we came by it. Safe to ask from any thread."""

    def pids(self) -> tuple[int, ...]:
        """Every living process of it, now."""

    def exit_note(self) -> str:
        """What to say when it is gone; empty while it lives."""


class Family:
    """A process and its kin. Once found, always kin: later a process may overwrite its environment, or lose its parent.

    Whoever was looked at once and is no kin is not looked at again, so that asking often is cheap; `anew` looks at
    everybody."""

    def __init__(self, root: psutil.Process, mark: str = "") -> None:
        self._mark = mark
        self._kin = {root.pid: root}
        self._strangers: set[int] = set()
        self._asking = threading.Lock()

    def living(self, *, anew: bool = False) -> tuple[psutil.Process, ...]:
        with self._asking:
            there = set(psutil.pids())
            self._strangers = set() if anew else self._strangers & there
            self._bury()
            self._find(there - self._kin.keys() - self._strangers)
            self._bury()
            return tuple(self._kin.values())

    def _bury(self) -> None:
        """Forget the dead: their numbers may become somebody else's."""
        self._kin = {pid: process for pid, process in self._kin.items() if lives(process)}

    def _find(self, unknown: Iterable[int]) -> None:
        sessions = {session_of(pid) for pid in self._kin} - {None} if self._mark else set()
        found: dict[int, tuple[psutil.Process, int]] = {}
        for pid in unknown:
            try:
                process = psutil.Process(pid)
                parent = process.ppid()
            except psutil.NoSuchProcess:
                continue
            except psutil.AccessDenied:
                self._strangers.add(pid)
                continue
            if session_of(pid) in sessions or self._marked(process):
                self._kin[pid] = process
            else:
                found[pid] = (process, parent)
        # A child may have been listed before its parent was known.
        while grown := [pid for pid, (_, parent) in found.items() if parent in self._kin]:
            self._kin.update((pid, found.pop(pid)[0]) for pid in grown)
        self._strangers |= found.keys()

    def _marked(self, process: psutil.Process) -> bool:
        if not self._mark:
            return False
        try:
            return self._mark in process.environ()
        except (psutil.Error, OSError):  # gone, or another user's
            return False


@dataclass(frozen=True, slots=True)
class Attached:
    """Somebody else's process, by its number: to be looked at, never to be ended."""

    root: psutil.Process
    family: Family

    def pids(self) -> tuple[int, ...]:
        return tuple(process.pid for process in self.family.living())

    def exit_note(self) -> str:
        return "" if lives(self.root) else f"process {self.root.pid} is gone"


def attached(pid: int) -> Attached:
    """Raises `UsageError` when there is no such process."""
    try:
        root = psutil.Process(pid)
    except (psutil.Error, ValueError, OverflowError):
        root = None
    if root is None or not lives(root):
        raise UsageError(f"there is no process {pid}")
    return Attached(root, Family(root))


def lives(process: psutil.Process) -> bool:
    """Whether it still runs: not gone, not only waiting to be reaped, and its number not somebody else's by now."""
    try:
        return process.is_running() and process.status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # it is there
        return True


def session_of(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        return os.getsid(pid)
    return None


def group_of(pid: int) -> int | None:
    with contextlib.suppress(OSError):
        return os.getpgid(pid)
    return None


def named(process: psutil.Process) -> str:
    """A process for people."""
    try:
        return f"{printable(process.name())} (pid {process.pid})"
    except psutil.Error:
        return f"pid {process.pid}"
