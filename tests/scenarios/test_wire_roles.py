"""What the scenarios of roles, codings, heartbeats and resumes must keep, beyond what the house asks of every one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streamspec.harness.core.limits import BUDGETS_MS
from streamspec.harness.core.script import Ask, Cancel, Read
from streamspec.scenarios.conformance.codings import GZIP, GZIP_PROMPT
from streamspec.scenarios.conformance.heartbeats import HEARTBEATS
from streamspec.scenarios.conformance.resume import RESUME, RESUME_FINISHED, RESUME_UNKNOWN
from streamspec.scenarios.conformance.roles import EMPTY, ENDLESS_HEAD, PROMPT

if TYPE_CHECKING:
    from streamspec.harness.core.case import Scenario

SILENT_MS = 30_000  # within which a target that says nothing is to be judged


def asks(scenario: Scenario) -> list[Ask]:
    return [act for session in scenario.script.sessions for act in session.acts if isinstance(act, Ask)]


def test_a_coded_answer_stands_between_two_without_a_coding() -> None:
    """What changes with time must show in the controls."""
    assert [ask.coding for ask in asks(GZIP)] == ["", "gzip", ""]


def test_promptness_under_a_coding_has_a_control_and_three_tries() -> None:
    assert [ask.coding for ask in asks(GZIP_PROMPT)] == ["", "gzip", "gzip", "gzip"]


@pytest.mark.parametrize(
    ("scenario", "tries"), [(PROMPT, 3), (ENDLESS_HEAD, 3), (EMPTY, 3), (HEARTBEATS, 3), (RESUME_FINISHED, 4)]
)
def test_what_may_be_late_is_tried_three_times(scenario: Scenario, tries: int) -> None:
    assert len(scenario.script.sessions) == tries


def test_heartbeats_are_listened_for_by_who_does_nothing_else() -> None:
    for session in HEARTBEATS.script.sessions:
        assert [type(act) for act in session.acts] == [Ask, Read, Read]
        assert [act.budget for act in session.acts if isinstance(act, Read)][-1] == "silent_ms"


def test_watches_that_take_their_time_run_together() -> None:
    for scenario in (HEARTBEATS, RESUME_FINISHED):
        *_, before, last = scenario.script.sessions
        assert (before.beside, last.beside) == (scenario.script.sessions[-3].id, before.id)


def test_an_empty_stream_that_never_ends_is_given_up_in_time() -> None:
    reads = [act for session in EMPTY.script.sessions for act in session.acts if isinstance(act, Read)]
    assert sum(BUDGETS_MS[read.budget] for read in reads) <= SILENT_MS
    assert BUDGETS_MS[reads[0].budget] >= max(BUDGETS_MS[read.budget] for read in reads)


def test_an_uninterrupted_reading_goes_further_than_the_one_that_is_left() -> None:
    """Else nothing tells what is due behind the id."""
    whole, cut, on = (
        next(act for act in session.acts if isinstance(act, Read)).items for session in RESUME.script.sessions
    )
    assert whole > cut + on
    assert isinstance(RESUME.script.sessions[1].acts[-1], Cancel)
    assert [ask.after for ask in asks(RESUME)] == ["", "", "resumable-2"]


def test_a_resume_behind_the_end_follows_a_reading_to_the_end() -> None:
    first, *others = RESUME_FINISHED.script.sessions
    assert [act.items for act in first.acts if isinstance(act, Read)] == [0]
    assert {ask.after for session in others for ask in session.acts if isinstance(ask, Ask)} == {first.id}


def test_an_id_that_nobody_knows_is_no_number() -> None:
    """One that is a number may be an id to come, for which a server waits rightly."""
    assert [ask.behind.isalnum() for ask in asks(RESUME_UNKNOWN) if ask.behind] == [False]
