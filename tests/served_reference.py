"""The reference and its broken variants, served by a process of its own while a block runs. Never here: a test."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def served_process(*options: str, stderr: int | IO[bytes] | None = None) -> Iterator[tuple[str, int]]:
    """Its URL, with no slash at the end, and the id of the process. It ends with its stdin."""
    command = [sys.executable, "-m", "streamspec.reference_impl", "--until-stdin-closes", *options]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=stderr, text=True) as child:
        assert child.stdout
        word, _, url = child.stdout.readline().strip().partition(" ")
        assert word == "listening"
        yield url, child.pid
        child.communicate(timeout=10)


@contextmanager
def served_reference(*options: str, stderr: int | None = None) -> Iterator[str]:
    """Its URL, where that is all there is to know of it."""
    with served_process(*options, stderr=stderr) as (url, _):
        yield url
