"""A bench on a target made of data, and the smallest cases for it: shared by the tests of the runner and of company."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from virtual_target import Scripted, item, sse_head

from streamspec.harness.core.case import Capabilities, Case, Control, Scenario
from streamspec.harness.core.event import Event, Refused
from streamspec.harness.core.limits import LIMITS, budgets
from streamspec.harness.core.ports import Body, Request
from streamspec.harness.core.profile import Profile
from streamspec.harness.core.script import LOOK, Ask, Read, Script, Session
from streamspec.harness.drivers.sse import SSE
from streamspec.harness.engine.runner import Bench
from streamspec.harness.rules.sse import SSE_01

if TYPE_CHECKING:
    from pathlib import Path

    from streamspec.harness.core.judge import Outcome
    from streamspec.harness.core.run import Result

LIVE: list[tuple[float, tuple[Event | Body, ...]]] = [(1.0, (sse_head(), item(1)))]
DEAD: list[tuple[float, tuple[Event | Body, ...]]] = [(1.0, (Refused("refused"),))]


def case(name: str) -> Case:
    script = Script((Session("look-1", LOOK, (Ask(), Read(items=1, budget="look_ms"))),))
    return Case(f"{name}@sse", Scenario(name, "looks", script, ("SSE-01",)), "sse", ("SSE-01",), 0)


def bench(target: Scripted, place: Path | None = None) -> Bench:
    capabilities = Capabilities(
        binding="sse",
        binding_reason="declared",
        declared_binding=True,
        profile=Profile("plain", "anything"),
        look=Request("http://127.0.0.1/", headers=(("Authorization", "Bearer canary"),)),
        roles=MappingProxyType({}),
        control=Control(200, "text/event-stream", items=True, head_ms=1.0),
    )
    return Bench(capabilities, target.transport, lambda _: SSE, budgets(1.0), LIMITS, (SSE_01,), "tool", "now", place)


def outcomes(results: list[Result]) -> list[Outcome]:
    return [verdict.outcome for result in results for verdict in result.verdicts]
