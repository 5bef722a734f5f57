"""What handlers of scripted streams are held to, in the words of its findings, and what leaves it open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streamspec.harness.core.written import ASK, account, head, told, written
from streamspec.harness.rules import _scripted, _scripted_blocked, _scripted_cancels, _scripted_cleanups

if TYPE_CHECKING:
    from collections.abc import Iterable

    from streamspec.harness.core.rule import Finding


def got(findings: Iterable[Finding]) -> list[str]:
    return [finding.got or finding.reason or finding.stance for finding in findings]


def test_a_late_handler_is_told_of_with_what_it_sent_meanwhile() -> None:
    found = got(_scripted_cancels.senders_learn(_scripted_cancels.left(None, None, None)))
    assert found == ["5.0 s and 980 sends later it had not learnt of it"] * 3


def test_another_name_is_quoted() -> None:
    found = _scripted_cancels.senders_are_told_cancelled(_scripted_cancels.left(*["UNAVAILABLE"] * 3))
    assert got(found) == ["UNAVAILABLE"] * 3


def test_a_race_that_was_always_decided_alike_shows_little() -> None:
    same = {"terminals": 1, "cancel_seen": 0}
    (found,) = got(_scripted_cancels.races_have_one_outcome(_scripted_cancels.raced(same, same, same)))
    assert found == "in 3 trials the outcome was always completed"


def test_a_handler_that_is_over_and_learns_then_has_two_outcomes() -> None:
    one = _scripted_cancels.raced({"terminals": 1, "cancel_seen": 0})
    rows = [(r.session, r.t_ns / 1e6, r.event) for r in one.records]
    later = ("script-races-1", 20_000.0, account(19_999, ended=1, terminals=1, cancel_seen=1))
    (found, _) = got(_scripted_cancels.races_have_one_outcome(written(*rows, later)))
    assert "learnt of it then" in found


@pytest.mark.parametrize(("kind", "how"), _scripted_cleanups.KINDS.items())
def test_a_second_cleanup_counts_however_the_stream_was_over(kind: str, how: str) -> None:
    findings = list(_scripted_cleanups.handlers_clean_up_once(_scripted_cleanups.cleaned(2, 2, 2, kind=kind)))
    assert {(f.expected, f.got) for f in findings} == {
        (f"the cleanup runs once for each handler when {how}", "it ran 2 times for 1")
    }


def test_a_send_is_parked_when_nothing_moved_between_two_accounts_inside_of_it() -> None:
    def seen(*figures: tuple[int, int]) -> bool:
        accounts = (account(10 + n, sending=sending, produced=n_sent) for n, (sending, n_sent) in enumerate(figures))
        history = written(*told("script-1", ASK, head(), start_ms=1), *told("script-1", *accounts, start_ms=11))
        return _scripted.parked(history, "script-1", 1e9) is not None

    assert seen((1, 60), (1, 60))
    assert not seen((1, 60), (1, 61))
    assert not seen((1, 60), (0, 60))
    assert not seen((1, 60))


def test_what_ended_before_it_was_due_shows_nothing_of_its_end() -> None:
    found = got(_scripted_blocked.freed_by_its_end(_scripted_blocked.blocked(300, 300, 300)))
    assert found == ["it did not wait until its deadline passes"] * 3
