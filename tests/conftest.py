"""How the suite draws: the same examples each time, so that a red suite speaks of the change and not of the day. And
what is collected of garbage: nothing that was there before a module's first test. And what a session may leave behind:
no process.

`tox -e fuzz` draws anew at every run; what it finds becomes an example of its own or a correction. Nothing else here.
"""

from __future__ import annotations

import gc
import os

import pytest
from hypothesis import settings
from left_behind import no_process_is_left_behind  # noqa: F401 -- pytest finds a fixture by its name here

settings.register_profile("ordinary", derandomize=True)
settings.register_profile("anew", print_blob=True)
settings.load_profile("anew" if os.environ.get("STREAMSPEC_FUZZ") else "ordinary")


def pytest_collection_finish() -> None:
    """Twenty thousand tests and the histories of all rules are no garbage: cases that look for leaks collect a
    hundred times, and walked all of them each time."""
    _keep_what_is_there()


@pytest.fixture(autouse=True, scope="module")
def _nothing_of_other_modules_is_walked() -> None:
    """What tests leave behind for good (models of clients, compiled patterns) grows to millions of objects: a judge who
    is at work while they are walked finds that its machine stood still."""
    _keep_what_is_there()


def _keep_what_is_there() -> None:
    gc.collect()
    gc.freeze()
