"""XB-01 and XB-02: one script over every binding of the reference shows one trace, and one cancel one outcome.

Scripts are drawn; what they are compared by is abstract: the items, and how the stream ended. A lane:
`pytest tests/lanes/test_bindings_agree.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from script_traces import SCRIPTS, TO_ITS_END, held, left, outcome, played, trace
from served_reference import served_reference

from streamspec.harness.core.script import Finish, Say
from streamspec.harness.core.steps import Collect, Drain, Echo, Fail, Generate, Receive, Send, Step

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from streamspec.harness.held_target import HeldTarget

HTTP: Final = ("sse", "ndjson", "json_array")
SHARED: Final = ("ws", "tcp", "grpc")
EXAMPLES: Final = 30


@pytest.fixture(scope="module")
def targets() -> Iterator[Mapping[str, HeldTarget]]:
    """The reference, opened once over each binding."""
    with served_reference() as url:
        found = {on: held(f"{url}/script", on) for on in (*HTTP, *SHARED)}
        yield found
        for target in found.values():
            target.close()


def test_a_trace_tells_what_a_client_was_shown(targets: Mapping[str, HeldTarget]) -> None:
    steps = (Generate(2), Send(('"x"',)), Fail("NOT_FOUND", "no"))
    shown = trace(played(targets["ws"], "ws", steps, TO_ITS_END))
    assert shown == (('{"n": 1}', '{"n": 2}', '"x"'), "failed NOT_FOUND")


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=SCRIPTS)
def test_one_script_shows_one_trace_over_every_binding(
    targets: Mapping[str, HeldTarget], steps: tuple[Step, ...]
) -> None:
    traces = {on: trace(played(target, on, steps, TO_ITS_END)) for on, target in targets.items()}
    assert len(set(traces.values())) == 1, traces


# What a client says, and what becomes of it, where it may speak.
HEARD: Final = st.sampled_from(((Echo(),), (Collect(),), (Receive(), Generate(3)), (Echo(1), Drain(), Generate(2))))
# All of it fits into one window: it is said before anything is read.
SAYS: Final = st.tuples(st.sampled_from((0, 1, 2, 17, 40)), st.sampled_from((0, 40, 1_000)))


@settings(max_examples=EXAMPLES // 2, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=HEARD, says=SAYS)
def test_what_a_client_says_has_one_answer_over_every_binding(
    targets: Mapping[str, HeldTarget], steps: tuple[Step, ...], says: tuple[int, int]
) -> None:
    acts = (Say(*says, meanwhile=True), Finish(), TO_ITS_END)
    traces = {on: trace(played(targets[on], on, steps, *acts, direction="bidi")) for on in SHARED}
    assert len(set(traces.values())) == 1, traces


# How a client leaves: its connection, in order or abruptly, or by the binding's own word.
LEAVINGS: Final = [
    *((on, how) for on in (*HTTP, *SHARED) for how in ("fin", "rst")),
    *((on, "word") for on in SHARED),
]


@pytest.mark.parametrize("items", [1, 16, 17])
def test_one_cancel_has_one_outcome_over_every_binding(targets: Mapping[str, HeldTarget], items: int) -> None:
    found = {(on, how): outcome(left(targets[on], on, how, items)) for on, how in LEAVINGS}
    assert set(found.values()) == {(1, 1, 0, items, "CANCELLED", "ended")}, found
