"""Backpressure through our own proxy with nothing on it: the verdicts are those without it.

Half a minute and some hundred megabytes: no part of the ordinary suite (`pytest tests/lanes/test_fault_pressure.py`).
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness import discovery, faulting
from streamspec.harness.assembly import Settings
from streamspec.harness.core.fault import Fault
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.ports import Request
from streamspec.harness.core.script import Poison

if TYPE_CHECKING:
    import pytest

PLAYED: Final = tuple(f"conformance/large-{name}" for name in ("stall", "memory", "beside", "leave"))
RULES: Final = {"BP-05", "BP-06", "BP-07", "BP-09", "BP-11"}
NOTHING: Final = Fault("noop", "everything passes as it is", (Poison("noop"),), 0.0, PLAYED)


def test_who_does_not_read_holds_the_producer_back_through_the_proxy_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def constants(package: str, kind: type[Any]) -> tuple[Any, ...]:
        if package == "streamspec.scenarios.faults":
            return (NOTHING,) if kind is Fault else ()
        return discovery.constants(package, kind)

    monkeypatch.setattr(faulting, "constants", constants)
    run = asyncio.run(faulting.run_faults(Settings(look=Request("")), faulting.Faulting(), lambda *_: None))
    seen = {
        (result.case.split("/")[1], verdict.rule): verdict.outcome
        for result in run.results
        for verdict in result.verdicts
        if verdict.rule in RULES
    }
    assert seen == {(way, rule): Outcome.PASS for way in ("control", "noop") for rule in RULES}
