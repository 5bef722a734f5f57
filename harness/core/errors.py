"""Errors by blame. A target's misbehaviour is an event, never one of these.

`UsageError` is the caller's (exit 2), `NoVerdict` is nobody's to tell (exit 3), `SeveralWorkers` costs a case its
verdict, `InternalError` is ours (exit 4).
"""

from __future__ import annotations


class HarnessError(Exception):
    """Never raised itself: the parent by which a door catches them all."""


class UsageError(HarnessError):
    """The command line, a configuration file or a stored run is wrong. The message names what and where."""


class NoVerdict(HarnessError):
    """The target cannot be judged: unreachable, or nothing that streams. The message says what was seen."""


class SeveralWorkers(HarnessError):
    """The witness of a scripted target does not know a stream that the target has served: one case has no verdict."""


class InternalError(HarnessError):
    """The harness broke its own promise."""
