"""Searches of whole targets: what is found, what is told, and what is not green. Bounded by scripts, not by time."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pytest
from served_reference import served_reference

from streamspec.harness.assembly import Settings, run_target
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.limits import budgets
from streamspec.harness.core.ports import Request
from streamspec.harness.core.run import EXIT_FAIL, EXIT_NO_VERDICT, EXIT_OK, Run, exit_code, lines
from streamspec.harness.core.script import Call
from streamspec.harness.engine import store
from streamspec.harness.fuzzing import Fuzzing, run_fuzz
from streamspec.harness.rejudge import rejudge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ISLAND: Final = "streamspec.reference_impl.objects"
ENOUGH_S: Final = 300.0  # the scripts bound these searches: a slow machine must not
SEED: Final = 28  # with which the defect is found soon


def searched(target: Settings, *names: str, scripts: int, save: Path | None = None) -> Run:
    return asyncio.run(run_fuzz(target, Fuzzing(ENOUGH_S, names, save, scripts), lambda *_: None))


def an_object(name: str, **more: Any) -> Settings:
    word = name if ":" in name else f"{ISLAND}:{name}"
    return Settings(look=Request(""), object=word, **more)


def outcomes(run: Run) -> dict[str, Outcome]:
    return {line.rule.id: line.outcome for line in lines(run)}


def figures(run: Run) -> dict[str, Any]:
    return {figure.what: figure.value for section in run.sections for figure in section.figures}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Path]:
    """The queue that is left turned, searched and stored."""
    place = tmp_path_factory.mktemp("search")
    settings = an_object("aio.turns_the_queue", seed=SEED, store=place / "runs")
    return searched(
        settings, "object-queues", scripts=30, save=place / "cases" if _made(place / "cases") else None
    ), place


def _made(place: Path) -> bool:
    place.mkdir()
    return True


def test_an_interleaving_that_no_fixed_case_shows_is_found(found: tuple[Run, Path]) -> None:
    run, _ = found
    assert {rule for rule, outcome in outcomes(run).items() if outcome is not Outcome.PASS} == {"BP-02"}
    line = next(line for line in lines(run) if line.rule.id == "BP-02")
    (finding,) = line.told[0][1].findings
    assert finding.expected == "the send that waited longest goes on"
    assert "had waited longer, still waits" in finding.got
    assert exit_code(run) == EXIT_FAIL


def test_the_script_that_shows_it_is_small(found: tuple[Run, Path]) -> None:
    run, _ = found
    case = next(result for result in run.results if result.promises)
    assert case.history
    calls = [act for act in case.history.header.script.sessions[0].acts if isinstance(act, Call)]
    assert [call.op for call in calls] == ["send", "send", "send", "drop", "receive"]


def test_its_case_file_is_a_history_that_is_judged_and_played_again(found: tuple[Run, Path]) -> None:
    _, place = found
    (path,) = (place / "cases").iterdir()
    assert path.name == "properties_object-queues_BP-02@inprocess.ndjson"
    assert outcomes(rejudge(path, (), strict=False))["BP-02"] is Outcome.FAIL
    history = store.load_history(path)
    for name, outcome in (("aio.turns_the_queue", Outcome.FAIL), ("AIO", Outcome.PASS)):
        again = asyncio.run(run_target(an_object(name, replay=history), lambda *_: None))
        assert outcomes(again)["BP-02"] is outcome


def test_a_stored_search_is_judged_again_with_the_same_lines(found: tuple[Run, Path]) -> None:
    run, place = found
    again = rejudge(place / "runs" / "last", (), strict=False)
    assert outcomes(again) == outcomes(run)


def test_what_was_explored_is_told(found: tuple[Run, Path]) -> None:
    run, _ = found
    told = figures(run)
    assert told["scripts played"] > told["of them to make a failure smaller, or to confirm it"] > 0
    assert told["items received"] > 0
    assert "send" in told["acts"]
    assert "LC-16" not in told["rules that no script spoke to"]  # of servers


def test_the_good_stream_shows_nothing_in_the_same_scripts() -> None:
    run = searched(an_object("AIO", seed=SEED), "object-queues", scripts=25)
    assert set(outcomes(run).values()) == {Outcome.PASS}
    assert (run.problem, exit_code(run)) == ("", EXIT_OK)


class Silent:
    """A stream that never gives what was sent."""

    def __init__(self, capacity: int = 1) -> None:
        self.capacity = capacity

    async def send(self, _item: object) -> None:
        await asyncio.get_running_loop().create_future()

    async def receive(self) -> object:
        return await asyncio.get_running_loop().create_future()


def test_a_search_that_received_nothing_is_not_green(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["streamspec.reference_impl.objects"], "SILENT", Silent, raising=False)
    run = searched(an_object("SILENT", rules=("OI",)), scripts=6)
    assert "none received an item: nothing was explored" in run.problem
    assert exit_code(run) == EXIT_NO_VERDICT


class Stuck:
    """A stream that does not give back control."""

    free: Final = threading.Event()

    def __init__(self, capacity: int = 1) -> None:
        self.capacity = capacity

    async def send(self, _item: object) -> None:
        self.free.wait(30)

    async def receive(self) -> object:
        self.free.wait(30)
        return None


def test_an_object_that_never_gives_back_control_ends_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streamspec.harness.fuzzing.TOLD_S", 0.05)
    monkeypatch.setattr("streamspec.harness.assembly.budgets", lambda f: {**budgets(f), "case_ms": 300.0})
    monkeypatch.setattr(sys.modules["streamspec.reference_impl.objects"], "STUCK", Stuck, raising=False)
    run = searched(an_object("STUCK"), scripts=3)
    Stuck.free.set()
    assert run.problem.startswith("the object did not give back control within 0.3 s in script ")
    assert exit_code(run) == EXIT_NO_VERDICT


def test_a_search_that_is_cancelled_tells_what_it_has() -> None:
    async def main() -> Run:
        began = asyncio.Event()

        def progress(what: str, _done: int, _total: int) -> None:
            if "searching" in what and not what.startswith("searching: 0"):
                began.set()

        task = asyncio.ensure_future(run_fuzz(an_object("AIO"), Fuzzing(ENOUGH_S), progress))
        await asyncio.wait_for(began.wait(), 60)
        task.cancel()
        return await task

    began_s = time.monotonic()
    run = replace(asyncio.run(main()), stopped="SIGINT")
    assert time.monotonic() - began_s < ENOUGH_S
    assert exit_code(run) == 130
    assert figures(run)["scripts played"] > 0


def test_a_property_that_there_is_not_and_one_that_does_not_fit() -> None:
    with pytest.raises(UsageError, match=r"--property nothing: no such property \(there are object-calls, .*scripts\)"):
        searched(an_object("AIO"), "nothing", scripts=1)
    run = searched(an_object("AIO"), "roles", scripts=1)
    assert run.problem.startswith("no property is for this target: roles needs role:")
    assert exit_code(run) == EXIT_NO_VERDICT


def test_only_the_rules_that_were_asked_for_are_told() -> None:
    run = searched(an_object("AIO", rules=("OI-03",)), "object-queues", scripts=12)
    assert outcomes(run) == {"OI-03": Outcome.PASS}


@pytest.fixture(scope="module")
def reference() -> Iterator[str]:
    with served_reference() as url:
        yield url


def an_adapter(base: str, **more: Any) -> Settings:
    return Settings(look=Request(f"{base}/script"), script=f"{base}/script", profile="", **more)


def test_scripts_and_roles_of_a_good_server_show_nothing(reference: str) -> None:
    run = searched(an_adapter(reference), scripts=3)
    assert {rule: outcome for rule, outcome in outcomes(run).items() if outcome is not Outcome.PASS} == {}
    assert run.problem == ""
    assert figures(run)["scripts played"] == 6
    assert "generate" in figures(run)["steps of the server"]


def test_a_server_that_is_gone_is_no_verdict() -> None:
    run = searched(Settings(look=Request("http://127.0.0.1:9/")), scripts=1)
    assert run.problem
    assert exit_code(run) == EXIT_NO_VERDICT
