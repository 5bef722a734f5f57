"""What a target tells: figures where it tells them, words where it does not, and never an exception."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from raw_server import answering, serving
from virtual_target import Scripted, in_virtual_time

from streamspec.harness.core.accounts import PROBLEM
from streamspec.harness.core.case import Tell
from streamspec.harness.core.errors import UsageError
from streamspec.harness.core.event import Closed, Deviation, Ended, Event, Opened, Refused
from streamspec.harness.core.limits import BUDGETS_MS, LIMITS, Limits
from streamspec.harness.core.ports import Body, Figures, Request
from streamspec.harness.engine.telling import Asked, accountant, ask, whole_number
from streamspec.harness.transports.http1 import HTTP1

if TYPE_CHECKING:
    from collections.abc import Sequence

    from virtual_target import Answers, Batch

URL = "http://127.0.0.1/figures"
PRODUCED = Tell("produced", Request(URL), "$.produced")
OPEN = Tell("open", Request(URL), "$.streams.open")
OF_ANOTHER = Tell("cancelled", Request(URL + "/2"), "$.n")


def head(status: int = 200, *headers: tuple[str, str]) -> Opened:
    return Opened(status, "", "HTTP/1.1", (("Content-Type", "application/json"), *headers))


def whole(body: bytes, opened: Opened | None = None) -> Sequence[Batch]:
    return [(1.0, (opened or head(), Body(body), Ended("length", len(body))))]


def asked(answers: Answers, *tells: Tell, limits: Limits = LIMITS) -> tuple[dict[str, int | str], str, Scripted]:
    target = Scripted(answers)
    told = in_virtual_time(ask(tells or (PRODUCED,), target.transport, limits, BUDGETS_MS))
    return told.values, told.problem, target


def problem_of(*events: Event | Body, limits: Limits = LIMITS) -> str:
    """What is said of an answer that tells nothing."""
    values, problem, target = asked(lambda *_: [(1.0, events)], limits=limits)
    assert values == {}
    assert target.acts == ["close"]
    return problem.removeprefix(URL).strip()


def test_figures_are_read_where_they_are_told() -> None:
    body = b'{"produced": 7, "streams": {"open": 2, "ended": 5}}'
    values, problem, target = asked(lambda *_: whole(body), PRODUCED, OPEN)
    assert values == {"produced": 7, "open": 2}
    assert problem == ""
    assert [request.url for request in target.asked] == [URL]
    assert target.acts == ["close"]


def test_every_request_is_asked_once_and_they_do_not_wait_for_each_other() -> None:
    def answers(request: Request, _n: int) -> Sequence[Batch]:
        late = 1_500.0
        told = b'{"produced": 1}' if request.url == URL else b'{"n": 2}'
        return [(late, (head(), Body(told), Ended("chunked", len(told))))]

    values, problem, target = asked(answers, PRODUCED, OF_ANOTHER)
    assert values == {"produced": 1, "cancelled": 2}
    assert problem == ""
    assert len(target.asked) == 2


def test_an_answer_in_pieces_is_one_answer() -> None:
    pieces: list[Batch] = [
        (1.0, (head(),)),
        *((1.0, (Body(b"%c" % octet),)) for octet in b'\xef\xbb\xbf{"produced": 3}'),
    ]
    values, problem, _ = asked(lambda *_: [*pieces, (1.0, (Ended("close", 18), Closed("eof")))])
    assert values == {"produced": 3}
    assert problem == ""


@pytest.mark.parametrize(
    ("value", "figure"),
    [
        (0, 0),
        (-1, -1),
        (True, 1),
        (False, 0),
        (12.0, 12),
        (1.5, None),
        (2.0**60, None),
        (2**63, None),
        (2**63 - 1, 2**63 - 1),
        (float("inf"), None),
        ("7", None),
        (None, None),
        ([1], None),
        ({}, None),
    ],
)
def test_only_whole_numbers_and_truth_count(value: Any, figure: int | None) -> None:
    found = whole_number(value)
    assert found == figure
    assert type(found) is type(figure)


def test_a_figure_that_is_not_told_is_left_out_and_named() -> None:
    values, problem, _ = asked(lambda *_: whole(b'{"produced": "many", "streams": {"open": true}}'), PRODUCED, OPEN)
    assert values == {"open": 1}
    assert problem == "produced: no whole number at $.produced"


def test_a_refusal_is_no_account() -> None:
    values, problem, _ = asked(lambda *_: [(1.0, (Refused("refused", "nobody"),))])
    assert (values, problem) == ({}, f"{URL} was not answered (refused)")


@pytest.mark.parametrize("status", [204, 206, 301, 404, 503])
def test_another_status_is_no_account(status: int) -> None:
    assert problem_of(head(status), Body(b'{"produced": 1}'), Ended("length", 15)) == f"answered {status}"


def test_a_coded_answer_is_no_account() -> None:
    coded = head(200, ("Content-Encoding", "gzip\u202e"))
    assert problem_of(coded, Body(b""), Ended("length", 0)) == "answered in Content-Encoding gzip\\u202e"


def test_an_answer_that_is_cut_short_is_no_account_though_it_looks_whole() -> None:
    assert problem_of(head(), Body(b'{"produced": 1}'), Closed("reset")) == "was answered in part (reset)"
    short = Deviation("body.short", 15)
    assert problem_of(head(), Body(b'{"produced": 1}'), short, Closed("eof")) == "was answered in part (eof)"


def test_an_answer_is_read_up_to_its_limit() -> None:
    body = b'{"produced": 1}'
    ended = Ended("length", len(body))
    values, _, _ = asked(lambda *_: whole(body), limits=Limits(account_bytes=len(body)))
    assert values == {"produced": 1}
    limits = Limits(account_bytes=len(body) - 1)
    assert problem_of(head(), Body(body), ended, limits=limits) == "answered more than 14 octets"


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "no JSON (Expecting value at character 0)"),
        (b"<html>", "no JSON (Expecting value at character 0)"),
        (b'{"produced": NaN}', "no JSON (NaN is no JSON number)"),
        (b"[" * 100, "no JSON (nested beyond our limit)"),
        (b'"\xff"', "no UTF-8"),
    ],
)
def test_what_is_no_json_is_no_account(body: bytes, why: str) -> None:
    assert problem_of(head(), Body(body), Ended("length", len(body))) == f"answered what is {why}"


def test_secrets_of_the_request_are_not_repeated() -> None:
    tell = Tell("produced", Request(URL + "?api_key=hush&x=1"), "$.n")
    _, problem, _ = asked(lambda *_: [(1.0, (head(500),))], tell)
    assert problem == f"{URL}?api_key=[redacted]&x=1 answered 500"


def test_all_requests_together_wait_no_longer_than_the_budget() -> None:
    """One never answers, one never ends; the third is answered all the same."""

    def answers(request: Request, _n: int) -> Sequence[Batch]:
        drops: Sequence[Batch] = [(1.0, (head(),)), *((100.0, (Body(b" "),)) for _ in range(100))]
        return {URL: [], URL + "/2": drops, URL + "/3": whole(b'{"n": 4}')}[request.url]

    async def main() -> tuple[dict[str, int | str], str, float]:
        tells = (PRODUCED, OF_ANOTHER, Tell("ended", Request(URL + "/3"), "$.n"))
        told = await ask(tells, target.transport, LIMITS, BUDGETS_MS)
        return told.values, told.problem, asyncio.get_running_loop().time()

    target = Scripted(answers)
    values, problem, ended_s = in_virtual_time(main())
    assert values == {"ended": 4}
    late = f"was not answered whole within {BUDGETS_MS['account_ms']:g} ms"
    assert problem == f"{URL} {late}; {URL}/2 {late}"
    assert ended_s * 1e3 == pytest.approx(BUDGETS_MS["account_ms"], abs=1)
    assert target.acts == ["close"] * 3


def test_a_request_that_cannot_be_sent_is_the_callers_fault() -> None:
    async def refusing(*_: object) -> object:
        raise UsageError("a path is ASCII")

    transport = replace(Scripted(lambda *_: []).transport, open=refusing)  # type: ignore[arg-type]  # makes no exchange
    with pytest.raises(UsageError, match="a path is ASCII"):
        in_virtual_time(ask((PRODUCED,), transport, LIMITS, BUDGETS_MS))


@pytest.mark.parametrize(
    "answer",
    [
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n{"pr\r\nb\r\noduced": 9}\r\n0\r\n\r\n',
        b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"produced": 9}',
        b'HTTP/1.0 200 OK\r\n\r\n{"produced": 9}',
    ],
)  # fmt: skip
def test_a_server_may_frame_its_answer_as_it_likes(answer: bytes) -> None:
    with serving(answering(answer)) as url:
        tell = Tell("produced", Request(url), "$.produced")
        assert asyncio.run(ask((tell,), HTTP1, LIMITS, BUDGETS_MS)) == Asked({"produced": 9}, "")


# -- accounts ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tree:
    """A process tree made of data."""

    numbers: tuple[int, ...]
    note: str = ""

    def pids(self) -> tuple[int, ...]:
        return self.numbers

    def exit_note(self) -> str:
        return self.note


def accounts(
    process: Tree | None, *tells: Tell, answers: Answers = lambda *_: whole(b'{"produced": 7}')
) -> list[Figures]:
    take = accountant(process, tells, Scripted(answers).transport, LIMITS, BUDGETS_MS)

    async def main() -> list[Figures]:
        return await take("", frozenset())

    return asyncio.run(main())


def test_an_account_has_what_the_process_uses_and_what_the_target_tells() -> None:
    process, told = accounts(Tree((os.getpid(),)), PRODUCED)
    assert (process.seen_by, told.seen_by) == ("harness", "driver")
    assert process.values["processes"] == 1
    assert process.values.keys() >= {"rss_bytes", "threads"}
    assert PROBLEM not in process.values
    assert told.values == {"produced": 7}


def test_an_account_of_nothing_is_empty() -> None:
    assert accounts(None) == []


def test_an_account_is_only_of_what_there_is() -> None:
    assert [figures.seen_by for figures in accounts(None, PRODUCED)] == ["driver"]
    assert [figures.seen_by for figures in accounts(Tree((os.getpid(),)))] == ["harness"]


def test_an_account_says_why_it_lacks_something() -> None:
    note = "the target exited with -9 (SIGKILL)"
    process, told = accounts(Tree((), note), PRODUCED, answers=lambda *_: [(1.0, (head(503),))])
    assert process.values == {PROBLEM: note}
    assert told.values == {PROBLEM: f"{URL} answered 503"}


def test_the_process_is_looked_at_before_the_target_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection on which we ask is none of those that the target had."""
    order: list[str] = []
    real = psutil.Process.num_fds

    def looked_at(self: psutil.Process) -> int:
        order.append("looked at")
        return real(self)

    def answers(*_: object) -> Sequence[Batch]:
        order.append("asked")
        return whole(b"{}")

    monkeypatch.setattr(psutil.Process, "num_fds", looked_at)
    accounts(Tree((os.getpid(),)), PRODUCED, answers=answers)
    assert order == ["looked at", "asked"]


def test_a_stream_with_a_witness_is_told_of_by_it_alone_and_where_that_will_not_do_by_the_target() -> None:
    def answers(request: Request, _n: int) -> Sequence[Batch]:
        return whole(b'{"sent": 3}' if "witness" in request.url else b'{"sent": 70, "open": 2}')

    target = Scripted(answers)
    tells = (
        Tell("sent", Request("http://h/told"), "$.sent"),
        Tell("open", Request("http://h/told"), "$.open"),
        Tell("sent", Request("http://h/witness?run={run}"), "$.sent", "stream"),
    )
    take = accountant(None, tells, target.transport, LIMITS, BUDGETS_MS)

    async def main() -> list[dict[str, int | str]]:
        asked = (("r1", ()), ("", ()), ("r1", ("sent",)), ("r1", ("sent", "open")), ("", ("sent",)))
        return [dict(figures.values) for run, wanted in asked for figures in await take(run, frozenset(wanted))]

    everything, of_the_witness, of_the_target = {"sent": 3, "open": 2}, {"sent": 3}, {"sent": 70, "open": 2}
    assert in_virtual_time(main()) == [everything, of_the_target, of_the_witness, everything, of_the_target]
