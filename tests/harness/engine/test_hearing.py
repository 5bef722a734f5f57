"""Hearing: a target that sends nothing anywhere is known after one wait; one sign of life, and all is as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from silent_target import HEAD, QUIET, WORDS, Heard, head_of
from virtual_target import item, sse_head

from streamspec.harness.core.event import Closed, Ended, Opened, Refused
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.ports import Body
from streamspec.harness.drivers.json_array import JSON_ARRAY
from streamspec.harness.drivers.ndjson import NDJSON
from streamspec.harness.drivers.sse import SSE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtual_target import Batch

    from streamspec.harness.core.ports import Driver

ACCUSED: Final = (Outcome.FAIL, Outcome.WARN, Outcome.ERROR)
ENDS: Final = (Ended("chunked", 0), Closed("eof"))
SLOW_MS: Final = 12_000.0


def silent_but(role: str, *then: Batch) -> Heard:
    """Everybody is silent after the head, but for the streams of this role."""
    return Heard(lambda asked: list(then) if asked == role else QUIET)


def accused(run: Heard) -> set[str]:
    return {rule for (_, rule), outcome in run.outcomes().items() if outcome in ACCUSED}


def test_a_silent_target_is_known_when_patience_is_over() -> None:
    run = Heard(lambda _: QUIET).run(cases=False)
    assert run.result
    assert run.result.case == "hearing@sse"
    assert run.result.history
    assert len(run.result.history.of(Opened)) == run.asked == 12
    assert run.heard_s == pytest.approx(15.0, abs=0.2)
    assert run.bench.silence.hushed


def test_with_every_role_a_silent_target_is_judged_within_half_a_minute() -> None:
    """In virtual time: all that is waited for, and nothing that a busy machine adds."""
    run = Heard(lambda _: QUIET).run()
    assert run.whole_s < 28
    assert len(run.results) == len(run.plan.cases)
    assert accused(run) == {"LC-08"}
    unasked = next(result for result in run.results if result.case == "conformance/finite@sse")
    assert unasked.note == "finite sent no item in 15 s and more: it was asked no more"


@pytest.mark.parametrize("profile", ["plain", "streamspec"])
@pytest.mark.parametrize("driver", [SSE, NDJSON, JSON_ARRAY], ids=lambda driver: driver.name)
def test_what_a_silent_target_is_not_asked_would_not_have_accused_it(driver: Driver, profile: str) -> None:
    """Each case by itself, as if it had been the first: by the empty stream alone, which is asked."""
    quiet = [(1.0, (head_of(driver),))]
    run = Heard(lambda _: quiet, driver=driver, profile=profile, patient=True).run()
    assert accused(run) == {"LC-08"}
    assert run.whole_s > 120


def test_an_empty_stream_that_hangs_is_opened_once_more_three_times_at_once() -> None:
    run = Heard(lambda _: QUIET).run()
    (judged,) = (result for result in run.results if result.case == "conformance/empty@sse")
    assert judged.history
    assert len(judged.history.of(Opened)) == 5  # with the looks before and after
    assert judged.history.records[-1].t_ns / 1e9 == pytest.approx(5.0, abs=0.2)
    (verdict,) = (verdict for verdict in judged.verdicts if verdict.rule == "LC-08")
    assert verdict.outcome is Outcome.FAIL
    assert "a stream that stays open, for 5 s and more" in verdict.findings[0].got


def test_an_empty_stream_that_hung_beside_others_and_ends_alone_is_not_accused() -> None:
    """What others may have caused accuses nobody."""
    asked: list[str] = []

    def answer(role: str) -> Sequence[Batch]:
        asked.append(role)
        return [*QUIET, (1.0, ENDS)] if role == "empty" and asked.count("empty") > 1 else QUIET

    run = Heard(answer).run()
    assert run.result
    assert run.outcomes()["conformance/empty@sse", "LC-08"] is Outcome.PASS
    assert accused(run) == set()


@pytest.mark.parametrize(
    ("role", "then"),
    [
        ("finite", [(500.0, (sse_head(), item(1)))]),
        ("idle", [(1.0, (sse_head(),)), (500.0, (Body(b": a heartbeat\n\n"),))]),
        ("endless", [(500.0, (sse_head(404),))]),
        ("large", [(500.0, (Refused("closed"),))]),
        ("text", [(1.0, (sse_head(),)), (500.0, ENDS)]),
        ("failing", [(1.0, (sse_head(),)), (500.0, (Closed("reset"),))]),
    ],
)
def test_one_sign_of_life_and_all_is_as_it_was(role: str, then: list[Batch]) -> None:
    run = silent_but(role, *then).run(cases=False)
    assert run.result is None
    assert run.heard_s < 1
    assert run.bench.silence.waited_ms == {}
    assert not run.bench.silence.hushed


def test_who_is_kept_waiting_for_a_head_is_not_taken_for_silent() -> None:
    run = silent_but("resumable").run(cases=False)
    assert run.result is None
    assert run.heard_s == pytest.approx(2.0, abs=0.2)
    assert run.bench.silence.waited_ms == {}


def test_a_head_that_breaks_a_rule_is_looked_at_in_the_ordinary_way() -> None:
    """Here the head of one role, and not that of the look: it may be stored."""
    run = silent_but("finite", (1.0, (sse_head(),))).run(cases=False)
    assert run.heard_s > 14
    assert run.result is None
    assert run.bench.silence.waited_ms == {}


def test_what_the_look_breaks_as_well_shows_nothing_new() -> None:
    run = Heard(lambda _: [(1.0, (sse_head(),))]).run(cases=False)
    assert run.result
    assert [verdict.rule for verdict in run.result.verdicts if verdict.outcome is Outcome.WARN] == ["SSE-02"]


@pytest.mark.parametrize("role", ["empty", "unknown"])
def test_who_owes_no_item_is_no_sign_of_life_and_asked_as_ever(role: str) -> None:
    run = silent_but(role, (1.0, (sse_head(404) if role == "unknown" else HEAD,)), (1.0, ENDS)).run(cases=False)
    assert run.result
    assert role not in run.bench.silence.waited_ms


@pytest.mark.parametrize(
    "quick",
    [
        Heard(lambda _: [(1.0, (sse_head(), item(1)))]),
        Heard(lambda role: QUIET if role else [*QUIET, (1.0, ENDS)]),
        Heard(lambda _: QUIET, serial=True),
        Heard(lambda _: QUIET, words=()),
        Heard(lambda _: QUIET, words=("empty=empty", "unknown=unknown")),
    ],
    ids=["a look with items", "a look that ends", "one stream at a time", "no roles", "none that is to send"],
)
def test_nobody_is_listened_to_without_a_reason(quick: Heard) -> None:
    run = quick.run(cases=False)
    assert (run.result, run.asked, run.heard_s) == (None, 0, 0.0)


def honest_and_slow(role: str) -> list[Batch]:
    """Everything takes twelve seconds, and then is as it should be."""
    items = tuple(item(n) for n in range(1, 4))
    match role:
        case "" | "endless" | "idle" | "large" | "resumable":
            then: tuple[Batch, ...] = ((SLOW_MS, items),)
        case "empty":
            then = ((SLOW_MS, ENDS),)
        case "text":
            then = ((SLOW_MS, (Body(b'data: {"t":"a"}\n\ndata: {"t":"b"}\n\n'), *ENDS)),)
        case "failing":
            then = ((SLOW_MS, (items[0], Closed("eof"))),)
        case "prompt":
            then = ((SLOW_MS, (items[0],)), (150.0, (items[1],)))
        case "finite":
            then = ((SLOW_MS, (*items, *ENDS)),)
        case _:
            return [(SLOW_MS / 2, (sse_head(400),)), (1.0, ENDS)]
    return [*QUIET, *then]


def test_an_honest_target_whose_first_item_takes_twelve_seconds_is_accused_of_nothing() -> None:
    run = Heard(honest_and_slow).run()
    assert run.result is None
    assert run.heard_s == pytest.approx(12.0, abs=0.3)
    assert accused(run) == set()
    assert run.outcomes()["conformance/finite@sse", "OI-02"] is Outcome.PASS
    assert run.outcomes()["conformance/empty@sse", "LC-08"] is Outcome.PASS


def test_an_empty_role_of_a_target_that_serves_one_stream_at_a_time_is_read_three_times_in_turn() -> None:
    run = Heard(lambda _: QUIET, words=("empty=empty",), serial=True).run()
    assert run.outcomes()["conformance/empty-in-turn@sse", "LC-08"] is Outcome.FAIL
    assert ("conformance/empty@sse", "LC-08") not in run.outcomes()


def test_a_target_that_serves_several_has_its_empty_role_read_once_only() -> None:
    run = Heard(lambda role: [(1.0, (HEAD,)), (1.0, ENDS)] if role == "empty" else QUIET, words=("empty=empty",)).run()
    assert {case for case, rule in run.outcomes() if rule == "LC-08"} == {"conformance/empty@sse"}


def test_the_roles_that_are_declared_are_all_there_are() -> None:
    assert len({word.partition("=")[0].partition(".")[0] for word in WORDS}) == 12
