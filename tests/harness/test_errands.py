"""A process that judges beside us: what comes of it, and what is left of it however it ends."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Final

import psutil
import pytest

from streamspec.harness.core.errors import InternalError, UsageError
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.run import lines
from streamspec.harness.errand import Errand
from streamspec.harness.errands import sent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from streamspec.harness.core.run import Run

GONE_S = 20.0


def errand(*bindings: str, rules: tuple[str, ...] = ("LC-08",), place: str = "") -> Errand:
    return Errand(bindings, rules, "2026-11-30T15:00:00+00:00", place, rules=rules)


def nobody(*_: object) -> None:
    return


_BEFORE: Final[set[int]] = set()  # servers that other tests of this session keep


@pytest.fixture(autouse=True)
def _others() -> Iterator[None]:
    _BEFORE.update(process.pid for process in psutil.Process().children(recursive=True))
    yield
    _BEFORE.clear()


def ours(*, recursive: bool = True) -> list[psutil.Process]:
    return [process for process in psutil.Process().children(recursive) if process.pid not in _BEFORE]


def test_a_run_of_each_binding_comes_back_and_its_histories_are_where_they_belong(tmp_path: Path) -> None:
    said: list[str] = []
    runs = asyncio.run(sent(errand("ndjson", "json_array", place=str(tmp_path)), lambda what, *_: said.append(what)))
    assert [run.about.binding for run in runs] == ["ndjson", "json_array"]
    for run in runs:
        assert [(line.rule.id, line.outcome) for line in lines(run)] == [("LC-08", Outcome.PASS)]
        assert all(result.place for result in run.results)
    assert {path.name.partition("@")[2] for path in tmp_path.iterdir()} == {"ndjson.ndjson", "json_array.ndjson"}
    assert {"conformance/empty@ndjson", "conformance/empty@json_array"} <= set(said)
    assert not ours()


def judging(stop: Callable[[asyncio.Task[list[Run]], psutil.Process], None]) -> list[Run]:
    """An errand that would take long, and is stopped in its first case; then nobody of ours is left."""
    there: list[psutil.Process] = []

    async def main() -> list[Run]:
        begun = asyncio.Event()
        task = asyncio.ensure_future(
            sent(errand("ndjson", rules=("CN-11",)), lambda what, *_: begun.set() if "conformance/" in what else None)
        )
        await begun.wait()
        (child,) = ours(recursive=False)
        there.extend(ours())
        stop(task, child)
        return await task

    try:
        return asyncio.run(main())
    finally:
        assert len(there) >= 3  # the process itself, a keeper, a target
        assert not psutil.wait_procs(there, timeout=GONE_S)[1]


def test_whoever_cancels_it_gets_what_there_is_and_nothing_is_left() -> None:
    def cancel(task: asyncio.Task[list[Run]], _: psutil.Process) -> None:
        task.cancel()

    (run,) = judging(cancel)
    assert run.about.binding == "ndjson"
    assert [result.case for result in run.results][:1] == ["probe@ndjson"]


def test_one_that_is_killed_is_our_error_and_nothing_is_left() -> None:
    with pytest.raises(InternalError, match=f"ended with -{signal.SIGKILL.value}, before its last word"):
        judging(lambda _, child: os.kill(child.pid, signal.SIGKILL))


def test_what_is_wrong_there_is_wrong_here() -> None:
    with pytest.raises(UsageError, match="no such binding"):
        asyncio.run(sent(errand("telepathy"), nobody))
    assert not ours()


def test_a_crash_there_is_our_error_with_its_traceback() -> None:
    with pytest.raises(InternalError, match="ValueError"):
        asyncio.run(sent(Errand(("sse",), (), "yesterday", ""), nobody))
