"""Accounts, watches, coded bodies and resumes, in virtual time, over a target made of data."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from virtual_target import Answers, Scripted, endless, in_virtual_time, item, sse_head

from streamspec.harness.core.event import Deviation, Did, Ended, Event, Item, Opened, Told
from streamspec.harness.core.history import Header, History
from streamspec.harness.core.limits import BUDGETS_MS, LIMITS
from streamspec.harness.core.ports import Body, Figures, Request
from streamspec.harness.core.profile import Profile
from streamspec.harness.core.script import Account, Act, Ask, Cancel, Read, Script, Session, Watch
from streamspec.harness.drivers.sse import SSE
from streamspec.harness.engine.clock import now_ns
from streamspec.harness.engine.recorder import Recorder
from streamspec.harness.engine.session import play
from streamspec.harness.engine.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

PLAIN = Profile("plain", "anything")
URL = "http://127.0.0.1/{n}"
ONE = Read(items=1, budget="item_ms")


Tells = Callable[[float], dict[str, int | str]]  # figures, by the seconds since the beginning


def played(
    answers: Answers,
    *sessions: Session,
    produced: Callable[[float], int | None] | None = None,
    figures: Tells | None = None,
) -> tuple[History, Scripted]:
    """Sessions over a target that tells `produced` of the seconds since the beginning, where it is known; or these
    figures."""
    target = Scripted(answers)

    async def main() -> History:
        recorder = Recorder(LIMITS)
        began_ns = now_ns()

        def since_s() -> float:
            return (now_ns() - began_ns) / 1e9

        async def measured(_run: str, _wanted: frozenset[str]) -> Sequence[Figures]:
            return (Figures("harness", figures(since_s())),) if figures else ()

        async def account(run: str, wanted: frozenset[str]) -> Sequence[Figures]:
            if produced is None:
                return await measured(run, wanted)
            value = produced(since_s())
            return (*await measured(run, wanted), Figures("driver", {} if value is None else {"produced": value}))

        stage = Stage(
            target.transport,
            lambda _opened, _role: SSE.decoder(PLAIN, "$.n", LIMITS),
            dict.fromkeys(("endless", "large"), Request(URL)),
            BUDGETS_MS,
            LIMITS,
            recorder,
            account,
            measured,
            1_000,
        )
        await play(Script(sessions), stage)
        return recorder.seal(Header("case", "scenario", "sse", "plain", Script(sessions)))

    history = in_virtual_time(main())
    assert isinstance(history, History)
    return history, target


def session(*acts: Act, name: str = "endless-1") -> Session:
    return Session(name, name.partition("-")[0], acts)


def names(history: History) -> list[str]:
    return [r.event.act if isinstance(r.event, Did) else type(r.event).__name__ for r in history.records]


def told(history: History) -> list[tuple[float, int]]:
    """When each account was asked for, in milliseconds, and what it said."""
    found = [record.event for record in history.of(Told)]
    return [(e.asked_ns / 1e6, int(e.values["produced"])) for e in found if isinstance(e, Told)]


def test_an_account_is_stamped_with_its_question_and_its_answer() -> None:
    history, _ = played(endless, session(Account(), Ask(), ONE), produced=lambda _: 7)
    assert names(history)[:3] == ["Told", "ask", "Opened"]
    assert told(history) == [(0.0, 7)]
    assert history.records[0].seen_by == "driver"


def test_a_target_that_tells_nothing_has_no_accounts() -> None:
    history, _ = played(endless, session(Account(), Ask(), ONE, Watch("stall_ms")))
    assert not history.of(Told)
    stall, resume = (r for r in history.of(Did) if r.event in {Did("stall"), Did("resume")})
    assert (resume.t_ns - stall.t_ns) / 1e6 == BUDGETS_MS["stall_ms"]


def test_a_watch_reads_nothing() -> None:
    history, _ = played(endless, session(Ask(), ONE, Watch("stall_ms")), produced=lambda s: int(s * 100))
    stall, resume = (r.index for r in history.of(Did) if r.event in {Did("stall"), Did("resume")})
    assert {type(r.event) for r in history.records if stall < r.index < resume} == {Told}


def test_a_watch_ends_when_its_figure_stands_still() -> None:
    history, _ = played(
        endless, session(Account(), Ask(), Watch("stall_ms", still="produced")), produced=lambda s: min(int(s * 10), 12)
    )
    asked = told(history)
    assert asked[-1][1] == 12
    stood = [at for at, value in asked if value == 12]
    assert BUDGETS_MS["steady_ms"] <= stood[-1] - stood[0] <= BUDGETS_MS["steady_ms"] + 2 * BUDGETS_MS["every_ms"]
    assert asked[-1][0] < BUDGETS_MS["stall_ms"] / 2


def left_and_watched(figures: Tells, produced: Callable[[float], int | None] | None = None) -> History:
    """Counted, a stream opened and left, and watched until all is as it was."""
    counted = session(Account(), name="endless-count-0")
    leaves = session(Ask(), ONE, Cancel("rst"), Watch("learn_ms", still="fds", back="endless-count-0"))
    return played(endless, counted, leaves, figures=figures, produced=produced)[0]


def lasted_ms(history: History) -> float:
    """From our leaving until the last account."""
    left = next(r for r in history.of(Did) if r.event == Did("cancel:rst"))
    return (history.of(Told)[-1].t_ns - left.t_ns) / 1e6


def test_descriptors_that_stand_still_are_watched_while_a_client_that_left_was_not_noticed() -> None:
    """A process that gets no processor time stands still too."""
    noticed_s = 2.0

    def starved(s: float) -> dict[str, int | str]:
        return {"fds": 9, "close_wait": 0} if s < 0.01 or s > noticed_s else {"fds": 20, "close_wait": 11}

    assert noticed_s * 1e3 - 200 <= lasted_ms(left_and_watched(starved)) <= noticed_s * 1e3 + 200


def test_descriptors_that_stand_still_are_watched_no_more_when_every_client_that_left_was_noticed() -> None:
    history = left_and_watched(lambda s: {"fds": 9 if s < 0.01 else 20, "close_wait": 0})
    assert lasted_ms(history) <= BUDGETS_MS["steady_ms"] + 2 * BUDGETS_MS["every_ms"]


def test_where_connections_are_counted_the_target_is_asked_seldom() -> None:
    """Some hold the connection of each question for seconds; their process is looked at without one."""
    noticed_s = 3.5

    def starved(s: float) -> dict[str, int | str]:
        return {"fds": 9, "close_wait": 0} if s < 0.01 or s > noticed_s else {"fds": 20, "close_wait": 11}

    history = left_and_watched(starved, produced=lambda _: 0)
    seen_by = [record.seen_by for record in history.of(Told)]
    assert seen_by.count("driver") == 1 + int(noticed_s * 1e3 / BUDGETS_MS["seldom_ms"]) + 1  # first, meanwhile, last
    assert seen_by.count("harness") >= noticed_s * 1e3 / BUDGETS_MS["every_ms"]


def test_a_watch_of_a_figure_that_moves_on_ends_with_its_budget() -> None:
    history, _ = played(
        endless, session(Account(), Ask(), Watch("stall_ms", still="produced")), produced=lambda s: int(s * 100)
    )
    assert BUDGETS_MS["stall_ms"] <= told(history)[-1][0] <= BUDGETS_MS["stall_ms"] + BUDGETS_MS["every_ms"]


def test_a_watch_ends_after_a_change_with_one_more_account() -> None:
    history, _ = played(
        endless,
        session(Account(), Ask(), ONE, Account(), Cancel("rst"), Watch("learn_ms", moved=("produced",))),
        produced=lambda s: int(s > 1),
    )
    assert [value for _, value in told(history)][-3:] == [0, 1, 1]
    assert told(history)[-1][0] < 1_000 + 3 * BUDGETS_MS["every_ms"]
    assert "stall" not in names(history)  # there was no stream left that could have stalled


def test_a_figure_that_is_told_later_than_the_first_account_has_not_changed_by_that() -> None:
    """A server that was not asked before its handler is called: it knows no figures yet."""
    history, _ = played(
        endless,
        session(Account(), Ask(), ONE, Cancel("rst"), Watch("learn_ms", moved=("produced",))),
        produced=lambda s: None if s < 0.2 else int(s > 1),
    )
    with_figures = [r.event.values for r in history.of(Told) if isinstance(r.event, Told) and r.event.values]
    assert [values["produced"] for values in with_figures][-3:] == [0, 1, 1]


def test_a_backlog_is_asked_for_in_items() -> None:
    acts = (Ask(narrow=True), ONE)
    _, target = played(endless, Session("large-1", "large", acts, options={"backlog_mib": 32}))
    assert [request.url for request in target.asked] == ["http://127.0.0.1/33555"]
    assert target.asked[0].receive_buffer_bytes == LIMITS.narrow_bytes


def _answer(*headers: tuple[str, str], body: bytes) -> Answers:
    head = Opened(200, "OK", "HTTP/1.1", (("Content-Type", "text/event-stream"), *headers))
    return lambda *_: [(1.0, (head, Body(body), Ended("close", len(body))))]


def test_a_coding_that_was_offered_is_taken_off() -> None:
    gzipped = _answer(("Content-Encoding", "gzip"), body=gzip.compress(b'data: {"n":1}\n\n'))
    history, target = played(gzipped, session(Ask(coding="gzip"), Read(items=0, budget="finite_ms")))
    assert [r.event.seq for r in history.of(Item) if isinstance(r.event, Item)] == [1]
    assert ("Accept-Encoding", "gzip") in target.asked[0].headers


def test_a_coded_body_that_ends_early_is_said_to_be_cut() -> None:
    cut = _answer(("Content-Encoding", "gzip"), body=gzip.compress(b'data: {"n":1}\n\n')[:-4])
    history, _ = played(cut, session(Ask(coding="gzip"), Read(items=0, budget="finite_ms")))
    assert [r.event.code for r in history.of(Deviation) if isinstance(r.event, Deviation)] == ["coding.cut"]


def test_a_coding_that_was_not_offered_is_not_read() -> None:
    gzipped = _answer(("Content-Encoding", "gzip"), body=gzip.compress(b'data: {"n":1}\n\n'))
    history, _ = played(gzipped, session(Ask(), Read(items=0, budget="finite_ms")))
    assert not history.of((Item, Deviation))


@pytest.mark.parametrize(
    ("reads", "behind"), [((2,), "42"), ((1,), "41"), ((1, 1), "42"), ((1, 5), "42"), ((0,), "42"), ((1, 0), "42")]
)
def test_a_session_resumes_behind_the_last_item_that_another_has_read(reads: tuple[int, ...], behind: str) -> None:
    def feed(*_: object) -> list[tuple[float, tuple[Event | Body, ...]]]:
        return [(1.0, (sse_head(), Body(b"id: 41\ndata: 1\n\nid: 42\ndata: 2\n\n"))), (60_000.0, (item(3),))]

    first = session(Ask(), *(Read(items=n, budget="item_ms") for n in reads), Cancel("rst"))
    _, target = played(feed, first, session(Ask(after="endless-1"), ONE, name="endless-2"))
    assert ("Last-Event-ID", behind) in target.asked[1].headers
    assert all(name != "Last-Event-ID" for name, _ in target.asked[0].headers)
