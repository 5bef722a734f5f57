"""How a fault that should change nothing is compared, case by case."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any, Final, cast

from streamspec.harness import faulting
from streamspec.harness.assembly import all_rules
from streamspec.harness.core.case import Case, Scenario
from streamspec.harness.core.fault import Fault
from streamspec.harness.core.judge import Outcome, Verdict
from streamspec.harness.core.run import Result
from streamspec.harness.core.script import Poison, Script
from streamspec.harness.core.toxic import Toxic
from streamspec.harness.discovery import constants
from streamspec.harness.engine import runner
from streamspec.harness.engine.way import Poisoned

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pytest

    from streamspec.harness.core.toxic import Values
    from streamspec.harness.engine.runner import Bench

TOXICS: Final = {toxic.name: toxic for toxic in constants("streamspec.harness.toxics", Toxic)}
CASE: Final = Case("conformance/finite@sse", Scenario("conformance/finite", "", Script(()), ()), "sse", ("OI-01",), 1)
SLOW: Final = Fault("latency", "later", (Poison("latency", {"latency": 1}),), 500.0, ("conformance/finite",))
KEPT, BROKEN = Outcome.PASS, Outcome.FAIL


class Told:
    """A proxy that only remembers whether something is on the way."""

    def __init__(self) -> None:
        self.poisoned = False

    async def add(self, _toxic: str, _stream: str, _values: Values) -> None:
        self.poisoned = True

    async def down(self) -> None:
        raise AssertionError("nothing goes down here")

    async def heal(self) -> None:
        self.poisoned = False


def compared(
    monkeypatch: pytest.MonkeyPatch, slow: Sequence[Outcome], idle: Sequence[Outcome], control: Outcome = KEPT
) -> tuple[Verdict, str]:
    """The verdict of a case whose runs came out like that, with the fault and with nothing on the way; and in which
    order they were (`p`oisoned, `i`dle)."""
    led, order = Told(), ""
    waiting = {True: list(slow), False: list(idle)}

    async def run_alone(case: Case, _bench: Bench, *, renewed: bool) -> tuple[Result, str]:
        nonlocal order
        assert not renewed
        order += "p" if led.poisoned else "i"
        return Result(case.id, case.promises, (Verdict("OI-01", waiting[led.poisoned].pop(0)),)), ""

    monkeypatch.setattr(runner, "run_alone", run_alone)
    driver = faulting._Driver(0, TOXICS, cast("Any", None), (SLOW,), ())
    way = Poisoned(led, TOXICS, random.Random(0))
    there = faulting._Beside(SLOW, CASE, cast("Any", None), cast("Any", None), way)
    before = Result(CASE.id, CASE.promises, (Verdict("OI-01", control),))
    result = asyncio.run(driver._compared(there, before))
    assert not led.poisoned
    return result.verdicts[0], order


def test_what_is_kept_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict, order = compared(monkeypatch, [KEPT], [])
    assert (verdict.outcome, order) == (KEPT, "p")


def test_what_is_broken_each_time_beside_a_control_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict, order = compared(monkeypatch, [BROKEN] * 3, [KEPT] * 2)
    assert (verdict.outcome, order) == (BROKEN, "pipip")


def test_once_is_not_enough_and_no_pass_either(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict, order = compared(monkeypatch, [BROKEN, KEPT], [KEPT])
    assert (verdict.outcome, order) == (Outcome.INCONCLUSIVE, "pip")
    assert verdict.reason == "broken 1 of 3 times, and kept in each control"
    verdict, order = compared(monkeypatch, [BROKEN, BROKEN, KEPT], [KEPT] * 2)
    assert (verdict.outcome, order) == (Outcome.INCONCLUSIVE, "pipip")
    assert verdict.reason == "broken 2 of 3 times, and kept in each control"


def test_what_the_way_alone_changes_is_not_the_faults_doing(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict, order = compared(monkeypatch, [BROKEN], [BROKEN])
    assert (verdict.outcome, order) == (Outcome.INCONCLUSIVE, "pi")
    assert "not kept without a fault either" in verdict.reason


def test_what_is_broken_without_a_fault_is_told_there(monkeypatch: pytest.MonkeyPatch) -> None:
    verdict, order = compared(monkeypatch, [BROKEN], [], control=BROKEN)
    assert (verdict.outcome, order) == (Outcome.INCONCLUSIVE, "p")


def test_a_cut_is_judged_by_what_it_promises_and_by_what_would_be_the_cause() -> None:
    rules = all_rules()
    chosen = {rule.id for rule in faulting._with_causes(("RC-02",), rules)}
    after = next(rule for rule in rules if rule.id == "RC-02").after
    assert {"RC-02", *after} <= chosen
    assert "SSE-08" not in chosen
    assert faulting._with_causes((), rules) == ()
