"""How the suite draws: the same examples each time, so that a red suite speaks of the change and not of the day. And
what is collected of garbage: nothing that was there before the first test.

`tox -e fuzz` draws anew at every run; what it finds becomes an example of its own or a correction. Nothing else here.
"""

from __future__ import annotations

import gc
import os

from hypothesis import settings

settings.register_profile("ordinary", derandomize=True)
settings.register_profile("anew", print_blob=True)
settings.load_profile("anew" if os.environ.get("STREAMSPEC_FUZZ") else "ordinary")


def pytest_collection_finish() -> None:
    """Fourteen thousand tests and the histories of all rules are no garbage: cases that look for leaks collect a
    hundred times, and walked all of them each time."""
    gc.collect()
    gc.freeze()
