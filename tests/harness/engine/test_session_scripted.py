"""Scripted streams in virtual time: an id for each, their witness, their gates, and several workers."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from virtual_target import Scripted as Target
from virtual_target import in_virtual_time, item, sse_head

from streamspec.harness.core import accounts
from streamspec.harness.core.asking import run_ids
from streamspec.harness.core.contract import Features
from streamspec.harness.core.errors import InternalError, SeveralWorkers
from streamspec.harness.core.event import Closed, Did, Ended, Item, Opened, Refused, Told
from streamspec.harness.core.history import Header, History
from streamspec.harness.core.limits import BUDGETS_MS, LIMITS
from streamspec.harness.core.ports import Body, Request
from streamspec.harness.core.profile import Profile
from streamspec.harness.core.script import (
    SCRIPT,
    Account,
    Act,
    Ask,
    Await,
    Cancel,
    Open,
    Read,
    Script,
    Session,
    Watch,
)
from streamspec.harness.core.scripted import Scripted
from streamspec.harness.core.steps import Gate, Generate, Send, Step
from streamspec.harness.drivers.sse import SSE
from streamspec.harness.engine.recorder import Recorder
from streamspec.harness.engine.session import play
from streamspec.harness.engine.stage import Stage
from streamspec.harness.engine.telling import accountant, carried_out

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from virtual_target import Answers, Batch

    from streamspec.harness.core.event import Event

WITNESS = ("state", "sent", "sending", "cancel_seen", "cancel_code", "offered")
ADAPTER = Scripted("http://127.0.0.1/s", Features({"sse": "sse"}, witness=WITNESS), "sse")
ONE = Read(items=1, budget="item_ms")
PLAYING = {"state": "playing", "sent": 4, "sending": 1, "cancel_seen": 0}


def whole(value: object, status: int = 200) -> Sequence[Batch]:
    body = json.dumps(value).encode()
    head = Opened(status, "", "HTTP/1.1", (("Content-Type", "application/json"),))
    return [(1.0, (head, Body(body), Ended("length", len(body))))]


def adapter(witness: Callable[[str], Sequence[Batch]], gate: Sequence[Batch] = ()) -> Answers:
    """Streams that send an item at once and go on; a witness for each run; an answer for every gate."""

    def answers(request: Request, _n: int) -> Sequence[Batch]:
        query = parse_qs(urlsplit(request.url).query)
        if request.url.startswith(f"{ADAPTER.base}/witness"):
            return witness(query["run"][0])
        if request.url.startswith(f"{ADAPTER.base}/gate"):
            return gate
        return [(1.0, (sse_head(), item(1))), *((1_000.0, (item(n),)) for n in range(2, 9))]

    return answers


def played(answers: Answers, *sessions: Session) -> tuple[History, Target]:
    target = Target(answers)

    async def main() -> History:
        recorder = Recorder(LIMITS)
        transport = target.transport
        stage = Stage(
            transport,
            lambda _opened, _role: SSE.decoder(Profile("plain", ""), "$.n", LIMITS),
            {
                SCRIPT: ADAPTER.request,
                "endless": Request("http://127.0.0.1/s/sse?run={run}"),
                "finite": Request("http://127.0.0.1/s/plain"),
            },
            BUDGETS_MS,
            LIMITS,
            recorder,
            accountant(None, ADAPTER.tells(), transport, LIMITS, BUDGETS_MS),
            new_runs=run_ids("new"),
            open_gate=lambda run, name: carried_out(ADAPTER.gate(run, name), transport, LIMITS, BUDGETS_MS),
        )
        await play(Script(sessions), stage)
        return recorder.seal(Header("case", "scenario", "sse", "plain", Script(sessions)))

    history = in_virtual_time(main())
    assert isinstance(history, History)
    return history, target


def session(*acts: Act, name: str = "script-1", steps: tuple[Step, ...] = (Generate(), Gate("a"))) -> Session:
    return Session(name, SCRIPT, acts, steps=steps)


def told(history: History, name: str = "script-1") -> list[dict[str, int | str]]:
    return [dict(r.event.values) for r in history.of(Told, name) if isinstance(r.event, Told)]


def runs(target: Target, path: str = "sse") -> list[str]:
    found = (parse_qs(urlsplit(r.url).query)["run"][0] for r in target.asked if f"/s/{path}?" in r.url)
    return list(found)


def test_each_stream_has_an_id_of_its_own_and_its_own_script() -> None:
    acts = (Ask(), ONE)
    _, target = played(
        adapter(lambda _: whole(PLAYING)),
        session(*acts, steps=(Generate(2),)),
        Session("endless-1", "endless", acts),
        session(*acts, Cancel("fin"), Ask(), name="script-2", steps=(Send(('{"n":1}',)),)),
    )
    assert runs(target) == ["new-1", "new-2", "new-3", "new-4"]
    scripts = [parse_qs(urlsplit(r.url).query).get("script", [""])[0] for r in target.asked]
    assert [json.loads(text)["steps"][0]["do"] for text in scripts if text] == ["generate", "send", "send"]


def test_a_stream_that_has_no_place_for_an_id_has_no_witness() -> None:
    history, target = played(
        adapter(lambda _: whole({}, 404)), Session("finite-1", "finite", (Ask(), ONE, Read(0, "finite_ms"), Account()))
    )
    assert [urlsplit(r.url).path for r in target.asked] == ["/s/plain"]
    assert told(history, "finite-1") == []


def test_ids_are_what_the_contract_allows_and_never_come_twice() -> None:
    ids = run_ids("0a1b2c3d")
    first = [next(ids) for _ in range(1_000)]
    assert len(set(first)) == 1_000
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,64}", found) for found in first)


def test_the_witness_is_asked_of_the_session_s_own_stream() -> None:
    history, target = played(
        adapter(lambda run: whole({**PLAYING, "sent": int(run.removeprefix("new-"))})),
        session(Ask(), ONE, Account(), Await("script-2", 3), Account()),
        Session("script-2", SCRIPT, (Await("script-1", 2), Ask(), ONE, Account()), beside="script-1"),
    )
    assert sorted(runs(target, "witness")) == ["new-1", "new-1", "new-2"]
    assert [values["sent"] for values in told(history)] == [1, 1]
    assert [values["sent"] for values in told(history, "script-2")] == [2]


def test_what_a_witness_says_is_told_under_its_own_names_and_under_those_that_rules_know() -> None:
    history, _ = played(
        adapter(lambda _: whole({**PLAYING, "cancel_code": "CANCELLED"})), session(Ask(), ONE, Account())
    )
    assert told(history) == [
        {**PLAYING, "produced": 5, "cancelled": 0, "ended": 0, "cancel_code": "CANCELLED"},
    ]


def test_nothing_is_told_before_a_stream_was_asked_for() -> None:
    history, target = played(adapter(lambda _: whole(PLAYING)), session(Account(), Ask(), ONE))
    assert told(history) == []
    assert runs(target, "witness") == []


def test_an_item_whose_send_has_failed_was_handed_over_all_the_same() -> None:
    answers = iter([PLAYING, {**PLAYING, "sending": 0, "state": "ended"}])
    history, _ = played(adapter(lambda _: whole(next(answers))), session(Ask(), ONE, Account(), Account()))
    assert [values["produced"] for values in told(history)] == [5, 5]
    assert [values["ended"] for values in told(history)] == [0, 1]


def test_a_figure_that_is_due_and_absent_is_named() -> None:
    history, _ = played(adapter(lambda _: whole({"state": 3, "sending": 1})), session(Ask(), ONE, Account()))
    (values,) = told(history)
    assert values == {"sending": 1, "problem": values["problem"]}
    for words in ("state: no word at $.state", "produced: no whole number at $.sent or $.sending", "ended: no word"):
        assert words in str(values["problem"])
    assert "offered" not in str(values["problem"])


# -- gates -------------------------------------------------------------------------------------------------------------


def test_a_gate_is_opened_for_the_session_s_own_stream_and_its_opening_written_down() -> None:
    history, target = played(adapter(lambda _: whole(PLAYING), whole("open")), session(Ask(), ONE, Open("a"), ONE))
    (request,) = [r for r in target.asked if "/gate?" in r.url]
    assert (request.method, request.url) == ("POST", "http://127.0.0.1/s/gate?run=new-1&name=a")
    opened = accounts.opened_gate(history, "script-1", "a")
    assert opened
    assert opened.event == Did("open:a")
    assert told(history) == []
    assert len(history.of(Item, "script-1")) == 2


def test_a_gate_is_opened_when_it_is_asked_for_and_not_when_it_is_answered() -> None:
    late: list[Batch] = [(700.0, (sse_head(204, "text/plain"), Ended("none", 0)))]
    history, _ = played(adapter(lambda _: whole(PLAYING), late), session(Ask(), ONE, Open("a"), Cancel("fin")))
    opened, left = (r for r in history.of(Did, "script-1") if isinstance(r.event, Did) and r.event.act != "ask")
    assert opened.event == Did("open:a")
    assert (left.t_ns - opened.t_ns) / 1e6 == pytest.approx(700, abs=1)
    assert told(history) == []


def test_a_gate_of_another_session_is_that_stream_s() -> None:
    _, target = played(
        adapter(lambda _: whole(PLAYING), whole("open")),
        session(Ask(), ONE, Await("script-2", 4)),
        Session("script-2", SCRIPT, (Await("script-1", 2), Ask(), ONE, Open("a", of="script-1")), beside="script-1"),
    )
    assert runs(target, "gate") == ["new-1"]


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        (whole("no such run", 404), "answered 404"),
        (whole("elsewhere", 302), "answered 302"),
        ([(1.0, (Refused("refused"),))], "was not answered (refused)"),
        ([], f"was not answered whole within {BUDGETS_MS['account_ms']:g} ms"),
    ],
)
def test_a_gate_that_is_not_opened_is_told_and_the_session_goes_on(gate: Sequence[Batch], said: str) -> None:
    history, _ = played(adapter(lambda _: whole(PLAYING), gate), session(Ask(), ONE, Open("a"), Cancel("fin")))
    assert told(history) == [{"gate": "a", "problem": said}]
    assert accounts.opened_gate(history, "script-1", "a") is None
    assert history.of(Did, "script-1")[-1].event == Did("cancel:fin")


def test_a_gate_of_a_stream_that_nobody_asked_for_is_told_and_asked_of_nobody() -> None:
    history, target = played(adapter(lambda _: whole(PLAYING)), session(Open("a"), Ask(), ONE))
    assert told(history) == [{"gate": "a", "problem": "nobody has asked for that stream"}]
    assert runs(target, "gate") == []


# -- several workers ---------------------------------------------------------------------------------------------------


def test_a_witness_that_does_not_know_a_stream_that_was_served_is_no_verdict_on_the_server() -> None:
    with pytest.raises(SeveralWorkers, match=r"^several workers\? The stream of run new-1 was served"):
        played(adapter(lambda _: whole("unknown", 404)), session(Ask(), ONE, Account()))


def test_it_is_told_too_when_sessions_run_beside_each_other() -> None:
    beside = Session("script-2", SCRIPT, (Ask(), Read(items=0, budget="finite_ms")), beside="script-1")
    with pytest.raises(SeveralWorkers):
        played(adapter(lambda _: whole("unknown", 404)), session(Ask(), ONE, Account()), beside)


def test_a_witness_may_not_know_a_stream_yet_whose_head_alone_was_sent() -> None:
    """Some frameworks answer before they call the handler."""
    knows = iter([whole("unknown", 404), whole(PLAYING)])

    def answers(request: Request, _n: int) -> Sequence[Batch]:
        return next(knows) if "witness" in request.url else [(1.0, (sse_head(),))]

    history, _ = played(answers, session(Ask(), Account(), Account()))
    first, second = told(history)
    assert "answered 404" in str(first["problem"])
    assert second["sent"] == 4


def test_a_witness_that_never_knows_it_is_several_workers_though_nothing_was_read() -> None:
    def answers(request: Request, _n: int) -> Sequence[Batch]:
        return whole("unknown", 404) if "witness" in request.url else [(1.0, (sse_head(),))]

    with pytest.raises(SeveralWorkers):
        played(answers, session(Ask(), Watch("stall_ms")))


@pytest.mark.parametrize("ask", [Ask(malformed=True), Ask(method="HEAD")])
def test_a_stream_that_was_not_asked_for_as_usual_may_have_had_no_handler(ask: Ask) -> None:
    history, _ = played(adapter(lambda _: whole("unknown", 404)), session(ask, ONE, Account()))
    assert "answered 404" in str(told(history)[0]["problem"])


@pytest.mark.parametrize("answer", [sse_head(503), Refused("refused")])
def test_a_stream_that_was_refused_has_no_witness(answer: Event) -> None:
    def answers(request: Request, _n: int) -> Sequence[Batch]:
        return whole("unknown", 404) if "witness" in request.url else [(1.0, (answer, Closed("eof")))]

    history, _ = played(answers, session(Ask(), ONE, Account()))
    assert all("answered 404" in str(values["problem"]) for values in told(history))


# -- our own limits ----------------------------------------------------------------------------------------------------


def test_a_script_that_is_too_long_for_a_url_is_our_error() -> None:
    with pytest.raises(InternalError, match="script-1: its script makes a URL of"):
        played(adapter(lambda _: whole(PLAYING)), session(Ask(), steps=(Send((json.dumps("x" * 6_000),)),)))


def test_another_client_asks_for_the_run_behind_whose_id_it_resumes() -> None:
    own = session(Ask(), ONE, Cancel("rst"))
    guest = session(Ask(after="script-1", credentials="other"), name="script-2")
    again = session(Ask(after="script-1"), name="script-3")
    stranger = session(Ask(credentials="other"), name="script-4")
    _, target = played(adapter(lambda _: whole(PLAYING)), own, guest, again, stranger)
    runs = [parse_qs(urlsplit(request.url).query)["run"][0] for request in target.asked]
    assert runs == ["new-1", "new-1", "new-2", "new-3"]
