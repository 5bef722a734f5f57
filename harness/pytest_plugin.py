"""The door for pytest. Light when it is loaded: nothing heavy is imported before a test needs it.

Hooks and options only. What a `streamspec.toml` or a stored case becomes is `pytest_items`, what the fixture gives is
`testing`; both are imported when the first of them is met. Never here: traffic, or a verdict.
"""

from __future__ import annotations

import contextlib
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from pathlib import Path

    from streamspec.harness.testing import Streams, Workshop

FILES: Final = "streamspec_files"
_FIRST_LINE_BYTES: Final = 4_096
_HISTORY: Final = b'"history":'
OPEN: Final[pytest.StashKey[list[Callable[[], object]]]] = pytest.StashKey()  # what ends when the session does
STREAMS: Final[pytest.StashKey[Streams]] = pytest.StashKey()
WORKSHOP: Final[pytest.StashKey[Workshop]] = pytest.StashKey()


class StreamspecWarning(UserWarning):
    """A SHOULD that a target broke."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        FILES,
        "Patterns of streamspec.toml files (docs/ci.md) that are collected below the directories that pytest searches; "
        "without it only those that are named on the command line.",
        type="args",
        default=[],
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "streamspec: one rule of streamspec on one case of a target.")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A repository that merely has a streamspec.toml must not send traffic under plain `pytest`: a file counts when it
    is named on the command line, or by the ini option."""
    if file_path.suffix == ".toml":
        if _is_asked_for(file_path, parent):
            from streamspec.harness.pytest_items import TargetFile

            return TargetFile.from_parent(parent, path=file_path)
    elif file_path.suffix == ".ndjson" and parent.session.isinitpath(file_path) and _is_history(file_path):
        from streamspec.harness.pytest_items import StoredFile

        return StoredFile.from_parent(parent, path=file_path)
    return None


def _is_asked_for(path: Path, parent: pytest.Collector) -> bool:
    patterns = parent.config.getini(FILES)
    if any(path.match(pattern) or fnmatch(path.name, pattern) for pattern in patterns):
        return True
    if not path.name.startswith("streamspec."):
        return False
    # pytest forgets a file that is named beside a directory in which it lies
    here = parent.config.invocation_params.dir
    return parent.session.isinitpath(path) or any((here / arg.partition("::")[0]) == path for arg in parent.config.args)


def _is_history(path: Path) -> bool:
    with path.open("rb") as file:
        return _HISTORY in file.readline(_FIRST_LINE_BYTES)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Whatever is still open is ended, also after Ctrl-C. One that cannot be ended does not keep the others open."""
    with contextlib.ExitStack() as stack:
        for close in session.config.stash.get(OPEN, []):
            stack.callback(close)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What the streams of a failed test saw is stored, and the failure names the files."""
    report = yield
    if report.failed and report.when == "call" and (streams := item.stash.get(STREAMS, None)):
        report.sections.append(("streamspec", "\n".join(f"streamspec judge {path}" for path in streams.saved())))
    return report


@pytest.fixture
def stream(request: pytest.FixtureRequest) -> Iterator[Streams]:
    """Opens streams and lets a test say what is to come of them: `stream(url)`, then `expect`, `cancel`, `stall`,
    `resume`, `assert_rules` (docs/ci.md). Each is closed when the test is over."""
    from streamspec.harness.testing import Streams, Workshop

    stash = request.config.stash
    if WORKSHOP not in stash:
        stash[WORKSHOP] = Workshop(request.config.rootpath)
        stash.setdefault(OPEN, []).append(stash[WORKSHOP].close)
    streams = request.node.stash[STREAMS] = Streams(stash[WORKSHOP], request.node.nodeid, request.path.parent)
    try:
        yield streams
    finally:
        streams.close()
