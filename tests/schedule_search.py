"""A search through random schedules with the rules as its oracles: how it is run, counted and told.

A long one is cut into pieces and shared out over processes; the seed alone decides what a schedule is, so nothing
depends on the cutting.
"""

from __future__ import annotations

import multiprocessing
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from random import Random
from typing import TYPE_CHECKING, Any, Final

from streamspec.harness.assembly import all_adapters, all_rules
from streamspec.harness.core.case import Case
from streamspec.harness.core.event import Called
from streamspec.harness.core.judge import Outcome, judge
from streamspec.harness.core.limits import LIMITS, budgets
from streamspec.harness.core.plan import unmet
from streamspec.harness.discovery import object_factory
from streamspec.harness.drivers.inprocess import INPROCESS
from streamspec.harness.engine.objects import ObjectBench, history_of
from streamspec.scenarios.properties.schedules import schedule

if TYPE_CHECKING:
    from streamspec.harness.core.history import History

ISLAND: Final = "streamspec.reference_impl.objects"
BAD: Final = frozenset({Outcome.FAIL, Outcome.WARN, Outcome.ERROR})
PIECE: Final = 1_000  # schedules that one process takes at a time

Found = tuple[Counter[str], Counter[str]]  # operations called, rules that held


def bench_of(name: Any) -> ObjectBench:
    """A factory, or the name of one; a name without a module is of the reference."""
    word = name if isinstance(name, str) and ":" in name else f"{ISLAND}:{name}"
    factory = object_factory(word) if isinstance(name, str) else name
    target = INPROCESS.look(word, factory, all_adapters(), frozenset())
    rules = tuple(r for r in all_rules() if not unmet(r.needs, target.needs()))
    limits = {**budgets(1.0), "settle_ms": 20.0, "poll_ms": 20.0}
    return ObjectBench(target, INPROCESS, factory, all_adapters(), limits, LIMITS, rules, "", "", None)


def drawn(seed: int, bench: ObjectBench) -> Case:
    scenario = schedule(Random(seed), bench.target.features)
    return Case(f"{scenario.id}-{seed}@inprocess", scenario, "inprocess", (), seed)


def explore(name: Any, first: int, count: int) -> Found:
    """Play and judge `count` schedules. An `AssertionError` tells the first that shows a violation, whole."""
    if count <= PIECE:
        return _explore(name, first, count)
    pieces = [(start, min(PIECE, first + count - start)) for start in range(first, first + count, PIECE)]
    called, held = Counter[str](), Counter[str]()
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        for one, other in pool.map(_explore, *zip(*((name, *piece) for piece in pieces), strict=True)):
            called += one
            held += other
    return called, held


def _explore(name: Any, first: int, count: int) -> Found:
    bench = bench_of(name)
    called, held = Counter[str](), Counter[str]()
    for seed in range(first, first + count):
        history = history_of(drawn(seed, bench), bench)
        verdicts = judge(history, bench.rules, ())
        wrong = [verdict for verdict in verdicts if verdict.outcome in BAD]
        assert not wrong, told(name, seed, history, wrong)
        held.update(verdict.rule for verdict in verdicts if verdict.outcome is Outcome.PASS)
        called.update(r.event.op for r in history.of(Called) if isinstance(r.event, Called))
    return called, held


def told(name: Any, seed: int, history: History, wrong: list[Any]) -> str:
    lines = [f"{name}, seed {seed}, options {dict(history.options('object'))}"]
    lines += [f"{v.rule} {v.outcome}: {v.reason} {v.findings}" for v in wrong]
    lines += [f"{r.index:>4} {r.t_ns / 1e6:>9.3f} {r.event}" for r in history.records]
    return "\n".join(lines)
