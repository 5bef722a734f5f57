"""XB-04: an adapter that is not ours and the reference play the same drawn scripts. Where they differ there is a lead,
which is told (`-s`); it is a failure only through a rule that the adapter's stream breaks.

Needs `node` on the path: `pytest tests/lanes/test_adapters_agree.py -s`.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st
from script_traces import CODES, FIRST, STEP, TO_ITS_END, generated, held, played, result
from served_reference import served_reference

from streamspec.harness.assembly import Settings, all_rules
from streamspec.harness.core import standing
from streamspec.harness.core.event import Completed, Item
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.ports import Request
from streamspec.harness.core.steps import Complete, Fail
from streamspec.harness.engine.free_port import free_port
from streamspec.harness.held_target import HeldTarget, Part
from streamspec.harness.target_file import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.harness.core.history import History
    from streamspec.harness.core.steps import Step

EXAMPLES: Final = 30
ADAPTER: Final = Path(__file__).parents[2] / "examples" / "adapters" / "node-http"
BROKEN: Final = (Outcome.FAIL, Outcome.WARN, Outcome.ERROR)
# Ends that any handler has: it returns, it raises.
END: Final = st.one_of(st.just(Complete()), st.builds(Fail, st.sampled_from(CODES), st.just("no")), st.just(Fail()))
SCRIPTS: Final = st.tuples(st.lists(STEP, max_size=4).map(tuple), END).map(lambda parts: (*parts[0], parts[1]))
COUNTED: Final = re.compile(r'\{"n": ?(\d+)(, ?"pad": ?"|\})')
Trace = tuple[tuple[str, ...], str]


def trace(history: History) -> Trace:
    """What any dialect shows: the items, and whether the stream ended well. An item that is generated is its number:
    what it is filled up with is up to who sends it."""
    items = tuple(_value(r.event) for r in history.of(Item, FIRST) if isinstance(r.event, Item))
    well = history.of(Completed, FIRST) if history.header.declared.get("profile.terminal") else None
    return items, "completed" if (standing.whole(history, FIRST) if well is None else well) else "failed"


def _value(item: Item) -> str:
    counted = COUNTED.match(item.prefix)
    return f"item {counted[1]}" if counted else json.dumps(json.loads(item.prefix))


def compared(reference: HeldTarget, target: HeldTarget, on: str, steps: tuple[Step, ...]) -> tuple[str, set[str]]:
    """How they differ, in words for a person, or empty; and the rules that the target's stream breaks."""
    found = result(target, on, steps, TO_ITS_END)
    assert found.history is not None, found
    theirs, ours = trace(found.history), trace(played(reference, on, steps, TO_ITS_END))
    difference = f"{on} {steps}: the reference {ours}, the target {theirs}\n" if theirs != ours else ""
    return difference, {verdict.rule for verdict in found.verdicts if verdict.outcome in BROKEN}


def adapter(on: str) -> HeldTarget:
    """The adapter over this binding, started when it is first asked."""
    file = read(ADAPTER / "streamspec.toml")

    def started() -> Part:
        base = f"http://127.0.0.1:{free_port()}{file.script}"
        how = Settings(look=Request(base), script=base, spawn=file.spawn, directory=ADAPTER, binding=on, profile="")
        return Part(how, all_rules())

    return HeldTarget(started)


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    with served_reference() as url:
        yield url


@pytest.mark.parametrize("on", ["sse", "ndjson"])
def test_where_an_adapter_differs_from_the_reference_it_breaks_no_rule(served: str, on: str) -> None:
    reference, target = held(f"{served}/script", on), adapter(on)
    leads: dict[str, None] = {}

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(steps=SCRIPTS)
    def searched(steps: tuple[Step, ...]) -> None:
        difference, rules = compared(reference, target, on, steps)
        if difference:
            leads[difference] = None
        assert not rules, difference

    try:
        searched()
    finally:
        target.close()
        reference.close()
        sys.stdout.writelines(leads)


@pytest.mark.parametrize(("variant", "rule"), [("reorders", "OI-01"), ("duplicates", "OI-03")])
def test_a_difference_that_breaks_a_rule_is_found_by_it(served: str, variant: str, rule: str) -> None:
    base = f"{served}/broken/{variant}/script"
    how = Settings(look=Request(base), script=base, binding="sse", profile="")
    reference, target = held(f"{served}/script", "sse"), HeldTarget(lambda: Part(how, all_rules()))
    steps = find(
        SCRIPTS, lambda steps: bool(compared(reference, target, "sse", steps)[0]), settings=generated(EXAMPLES)
    )
    _, rules = compared(reference, target, "sse", steps)
    target.close()
    reference.close()
    assert rule in rules, steps
