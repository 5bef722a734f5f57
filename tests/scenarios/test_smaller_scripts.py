"""What is left out of a failing script of a server: never what makes it legal, and always something."""

from __future__ import annotations

from typing import Final

from streamspec.harness.core.case import Scenario
from streamspec.harness.core.script import SCRIPT, Act, Ask, Await, Cancel, Open, Pass, Read, Script, Session
from streamspec.harness.core.steps import Complete, Gate, Generate, Send, Step
from streamspec.scenarios.properties._smaller import smaller

_TO_ITS_END: Final = Read(0, "failing_ms", quiet=True)


def session(name: str, *acts: Act, beside: str = "", steps: tuple[Step, ...] = (), **options: int) -> Session:
    return Session(name, SCRIPT, (Ask(), *acts), beside=beside, options=options, steps=steps)


def of(*sessions: Session) -> list[tuple[Session, ...]]:
    scenario = Scenario("properties/x", "", Script(sessions), promises=())
    found = [less.script.sessions for less in smaller(scenario)]
    assert sessions not in found
    return found


def test_each_session_alone_is_tried_first() -> None:
    one, two, three = session("1", Cancel("rst")), session("2", beside="1"), session("3", beside="1")
    found = of(one, two, three)
    assert found[0] == (one,)
    assert found[1] == (session("2"),)
    assert found[2] == (session("3"),)
    assert found[3] == (session("2"), session("3", beside="2"))


def test_a_session_goes_with_those_that_it_goes_on_behind() -> None:
    read = session("1", Read(3, "item_ms"))
    other = session("2", Cancel("fin"))
    on = Session("1-on", "resumable", (Await("1", 2), Ask(after="1"), Read(4, "item_ms")))
    found = of(read, other, on)
    assert (read, on) in found
    assert (on,) not in found
    assert (other, on) not in found


def test_the_last_read_stays_and_the_rest_may_go() -> None:
    (only,) = (session("1", Read(1, "item_ms"), Pass(20), _TO_ITS_END),)
    acts = [sessions[0].acts for sessions in of(only)]
    assert (Ask(), Pass(20), _TO_ITS_END) in acts
    assert (Ask(), Read(1, "item_ms"), _TO_ITS_END) in acts
    assert (Ask(), Read(1, "item_ms"), Pass(1), _TO_ITS_END) in acts
    assert all(_TO_ITS_END in kept for kept in acts)


def test_a_gate_and_its_opening_go_together_and_nothing_before_it_does() -> None:
    steps = (Generate(3), Gate("drawn"), Generate(2), Complete())
    found = of(session("1", Read(1, "item_ms"), Open("drawn"), _TO_ITS_END, steps=steps))
    for (only,) in found:
        assert (Open("drawn") in only.acts) is (Gate("drawn") in only.steps)
        if Gate("drawn") in only.steps:
            assert only.steps[0] == Generate(3)
    assert any(only.steps == (Generate(3), Generate(2), Complete()) for (only,) in found)


def test_what_ends_a_script_stays() -> None:
    steps = (Send(('"a"', '"b"')), Generate(40, 4_096, 5), Complete())
    found = [only.steps for (only,) in of(session("1", _TO_ITS_END, steps=steps))]
    assert all(kept[-1] == Complete() for kept in found)
    assert (Send(('"b"',)), *steps[1:]) in found
    assert (steps[0], Generate(1, 4_096, 5), Complete()) in found
    assert (steps[0], Generate(40, 4_096, 0), Complete()) in found


def test_options_go_one_by_one() -> None:
    found = [dict(only.options) for (only,) in of(session("1", heartbeat_ms=50, idle_ms=150))]
    assert found == [{"idle_ms": 150}, {"heartbeat_ms": 50}]


def test_what_is_as_small_as_it_gets_has_nothing_less() -> None:
    assert of(session("1", _TO_ITS_END, steps=(Complete(),))) == []
