"""Judging again: a stored run gives the report it gave, one history is enough, and nothing else is taken for either."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from streamspec.harness.assembly import all_rules
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.event import Completed, Event
from streamspec.harness.core.history import History
from streamspec.harness.core.judge import Outcome, judge
from streamspec.harness.core.plan import Skip
from streamspec.harness.core.run import About, Figure, Result, Run, Section, exit_code, lines
from streamspec.harness.core.written import ASK, CLOSE, ENDED, EOF, head, item, told, written
from streamspec.harness.engine import store
from streamspec.harness.rejudge import rejudge

if TYPE_CHECKING:
    from pathlib import Path

MARKED: dict[str, str | int | bool] = {
    "profile.terminal": True,
    "profile.error_channel": True,
    "profile.items": "json",
    "finite.items": 3,
    "finite.seq": "$.n",
}
PLAIN: dict[str, str | int | bool] = {
    "profile.terminal": False,
    "profile.error_channel": False,
    "profile.items": "any",
    "finite.items": 3,
    "finite.seq": "$.n",
}
ABOUT = About("http://x/", "sse", "declared", "streamspec", (("finite", "http://x/f"),), 7, "streamspec 0", "now")


def named(case: str, promises: tuple[str, ...], history: History) -> History:
    return History(replace(history.header, case=case, promises=promises, seed=7), history.records)


def finite(*events: Event, declared: dict[str, str | int | bool] | None = None) -> History:
    return written(*told("finite", ASK, head(), *events), declared=MARKED if declared is None else declared)


WHOLE = named("a/whole@sse", ("LC-01", "LC-14", "OI-02"), finite(item(0), item(1), item(2), Completed(), ENDED, EOF))
LOSSY = named("a/lossy@sse", ("OI-01", "OI-02"), finite(item(0), item(2), Completed(), ENDED, EOF))
LOOK = named("a/look@sse", ("SSE-01", "SSE-04"), written(*told("look", ASK, head(), item(0), *CLOSE)))


def stored(place: Path, *histories: History, stopped: str = "", problem: str = "") -> Run:
    """A run of these cases, judged, and on disk as the runner leaves it."""
    rules = all_rules()
    results = [
        Result(
            h.header.case,
            h.header.promises,
            judge(h, rules, h.header.promises),
            h,
            str(store.save_history(place, h)),
        )
        for h in histories
    ]
    skips = (Skip("SSE-08", ("role:prompt.gap_ms",)), Skip("CN-21", ("concurrent",)))
    run = Run(replace(ABOUT, place=str(place)), rules, tuple(results), skips, 2.5, stopped, problem)
    store.save_run(place, run)
    return run


def shape(run: Run) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(line.rule.id, line.outcome.value, tuple(r.case for r, _ in line.told)) for line in lines(run)]


def outcome_of(rule: str, run: Run) -> Outcome | None:
    return {line.rule.id: line.outcome for line in lines(run)}.get(rule)


@pytest.mark.parametrize(
    "histories", [(WHOLE,), (LOSSY,), (WHOLE, LOSSY, LOOK), ()], ids=["whole", "lossy", "all", "none"]
)
def test_a_stored_run_gives_the_verdicts_it_gave(tmp_path: Path, histories: tuple[History, ...]) -> None:
    before = stored(tmp_path, *histories)
    after = rejudge(tmp_path, (), strict=False)
    assert shape(after) == shape(before)
    assert [r.verdicts for r in after.results] == [r.verdicts for r in before.results]
    assert exit_code(after) == exit_code(before)
    assert after == before


@pytest.mark.parametrize(("stopped", "problem"), [("SIGINT", ""), ("SIGTERM", ""), ("", "connection refused")])
def test_a_partial_run_stays_partial(tmp_path: Path, stopped: str, problem: str) -> None:
    before = stored(tmp_path, WHOLE, stopped=stopped, problem=problem)
    after = rejudge(tmp_path, (), strict=False)
    assert (after.stopped, after.problem, after.duration_s) == (stopped, problem, 2.5)
    assert exit_code(after) == exit_code(before)


def test_strict_is_said_anew(tmp_path: Path) -> None:
    stored(tmp_path, WHOLE)
    assert [exit_code(rejudge(tmp_path, (), strict=strict)) for strict in (False, True)] == [0, 1]


def test_a_case_that_did_not_run_keeps_its_note(tmp_path: Path) -> None:
    run = stored(tmp_path, WHOLE)
    missed = Result("a/b@sse", ("LC-16",), (), None, "", "the target was not back after a/whole@sse")
    broken = Result("a/c@sse", ("SSE-02",), (), None, "", "our error")
    store.save_run(tmp_path, replace(run, results=(*run.results, missed, broken)))
    again = rejudge(tmp_path, (), strict=False)
    assert outcome_of("LC-16", again) is Outcome.INCONCLUSIVE
    assert outcome_of("SSE-02", again) is Outcome.ERROR
    assert exit_code(again) == 4
    assert again.results[1].verdicts[0].reason == missed.note


def test_some_rules_of_a_run(tmp_path: Path) -> None:
    stored(tmp_path, WHOLE, LOSSY)
    again = rejudge(tmp_path, ("oi",), strict=False)
    assert [rule for rule, *_ in shape(again)] == ["OI-01", "OI-02", "OI-03"]
    assert [rule for rule, *_ in shape(rejudge(tmp_path, ("LC-14",), strict=False))] == ["LC-14"]


def test_a_run_of_some_rules_is_judged_by_these(tmp_path: Path) -> None:
    run = stored(tmp_path, WHOLE)
    store.save_run(tmp_path, replace(run, rules=tuple(r for r in run.rules if r.family == "LC")))
    assert {rule.family for rule in rejudge(tmp_path, (), strict=False).rules} == {"LC"}


def test_a_moved_run_is_judged_where_it_lies(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    stored(tmp_path / "one", LOSSY)
    again = rejudge((tmp_path / "one").rename(tmp_path / "two"), (), strict=False)
    assert again.about.place == str(tmp_path / "two")
    assert [r.place for r in again.results] == [str(tmp_path / "two" / "a_lossy@sse.ndjson")]


def test_one_history_is_a_bug_report(tmp_path: Path) -> None:
    path = store.save_history(tmp_path, LOSSY)
    again = rejudge(path, (), strict=True)
    assert outcome_of("OI-02", again) is Outcome.FAIL
    assert exit_code(again) == 1
    assert [(r.case, r.place) for r in again.results] == [("a/lossy@sse", str(path))]
    assert (again.about.profile, again.about.binding, again.about.seed) == ("plain", "sse", 7)
    assert again.about.roles == (("finite", "http://127.0.0.1:1/finite"),)
    assert again.about.strict


def test_one_history_of_a_look_names_its_target(tmp_path: Path) -> None:
    again = rejudge(store.save_history(tmp_path, LOOK), (), strict=False)
    assert again.about.target == "http://127.0.0.1:1/look"
    assert again.about.roles == ()


# One history has no plan beside it. What a target never offered (HN-15) must be neither passed nor failed all the same.
def test_one_history_under_plain_is_not_judged_by_markers_it_never_declared(tmp_path: Path) -> None:
    history = named("a/f@sse", ("OI-02",), finite(item(0), item(1), item(2), ENDED, EOF, declared=PLAIN))
    again = rejudge(store.save_history(tmp_path, history), (), strict=False)
    assert outcome_of("LC-14", again) not in {Outcome.FAIL, Outcome.PASS}
    assert outcome_of("SSE-24", again) is not Outcome.PASS
    assert exit_code(again) == 0


def test_loss_in_one_history_under_plain_is_a_failure(tmp_path: Path) -> None:
    history = named("a/f@sse", ("OI-02",), finite(item(0), item(2), ENDED, EOF, declared=PLAIN))
    again = rejudge(store.save_history(tmp_path, history), (), strict=False)
    assert outcome_of("OI-02", again) is Outcome.FAIL


def test_a_path_that_is_nowhere_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone: no stored run and no history"):
        rejudge(tmp_path / "gone", (), strict=False)


def test_a_directory_without_a_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"run\.json"):
        rejudge(tmp_path, (), strict=False)


def test_a_run_whose_history_is_gone_is_named(tmp_path: Path) -> None:
    stored(tmp_path, WHOLE)
    (tmp_path / "a_whole@sse.ndjson").unlink()
    with pytest.raises(UsageError, match=r"cannot read .*a_whole@sse\.ndjson"):
        rejudge(tmp_path, (), strict=False)


def test_a_file_that_is_no_history_is_named(tmp_path: Path) -> None:
    stored(tmp_path, WHOLE)
    with pytest.raises(UsageError, match=r"run\.json, line 1"):
        rejudge(tmp_path / "run.json", (), strict=False)


def test_an_unknown_rule_is_named(tmp_path: Path) -> None:
    path = store.save_history(tmp_path, WHOLE)
    with pytest.raises(UsageError, match="--rule LC-99"):
        rejudge(path, ("LC-99",), strict=False)
    stored(tmp_path, WHOLE)
    with pytest.raises(UsageError, match="--rule LC-99"):
        rejudge(tmp_path, ("LC-99",), strict=False)


def test_what_was_counted_measured_and_crossed_is_told_again(tmp_path: Path) -> None:
    """None of it can be made again from the histories."""
    measured = Section("ttfe", (Figure("samples", 3), Figure("p99", 12.5, "ms"), Figure("where", "here")))
    before = replace(stored(tmp_path, WHOLE), crossed=("ttfe.p99 is 12.5 ms",), sections=(measured,))
    store.save_run(tmp_path, before)
    again = rejudge(tmp_path, (), strict=False)
    assert (again.crossed, again.sections, exit_code(again)) == (before.crossed, (measured,), 1)
