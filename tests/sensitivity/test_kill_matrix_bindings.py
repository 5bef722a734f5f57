"""The kill matrix over every other binding: a fault of a stream, or of an application, is killed wherever its rule
applies and its streams pass the seam that it breaks, and not only where `on` shows it (`Variant`, `applying`).

One binding out of WebSocket, TCP and gRPC for each variant is `tox -e kills`, chosen by its name; all of them, the
other bindings of HTTP, and that what `not_over` names is indeed not seen there, are `tox -e kills-all`. In the cases of
its rule alone: what else fails in all the others is a question to the first binding.
"""

from __future__ import annotations

import asyncio
import os
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from applying import (
    BINDINGS,
    CREDENTIALS,
    HTTP,
    IN_MESSAGES,
    OTHERS,
    SEAMS,
    TOKENS,
    applies,
    promised,
    reached,
    replaced,
)
from judged_http import settings_of, spawned_at, wants_a_process
from kills import assert_killed
from served_reference import served_reference

from streamspec.harness import embedded_target
from streamspec.harness.assembly import Settings, run_target
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.ports import Request
from streamspec.harness.core.run import Run, lines
from streamspec.reference_impl.broken import variants
from streamspec.reference_impl.seams import Seams, asks_for_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.reference_impl.variant import Variant

ALL_CASES: Final = bool(os.environ.get("STREAMSPEC_ALL_CASES"))
SLOW_TOO: Final = ALL_CASES or bool(os.environ.get("STREAMSPEC_SLOW"))
BAD: Final = (Outcome.FAIL, Outcome.WARN)
# Octets are those of one wire, and what is declared of a server is no fault of it.
VARIANTS: Final = tuple(v for v in variants() if v.by == "run" and v.where != "wire" and replaced(v.seams))
LAST: Final = frozenset({"LC-16"})  # rules whose variants are of no use afterwards
OF_SCRIPTS: Final = frozenset({"reads", "figures"})  # seams that a role which is no script does not pass
# Families that other matrices judge over WebSocket, TCP and gRPC.
IN_MATRICES: Final = ("DR", "MX", "CN", "BP", "WS", "TC", "GR", "CJ")
CHANCE: Final = "chance"  # a word of those that are seen now and then
QUICK: Final = frozenset({"LC-01", "ER-02", "OI-07"})  # rules whose variants are over soon

# Rules that apply there, and of which no variant is seen: octets that one wire alone has broken so far; what grpcio, or
# the grammar of an array, keeps the reference from; what another rule says first.
OPEN: Final = {
    "sse": frozenset(),
    "ndjson": frozenset({"CJ-02", "CN-10", "SSE-13"}),
    "json_array": frozenset(
        {"CJ-02", "CJ-09", "CN-10", "DL-06", "ER-01", "LC-01", "LC-02", "LC-07", "LC-14", "SSE-13"}
    ),
    "ws": frozenset({"CN-10", "CN-11", "ER-06", "LC-14", "OI-05", "RL-04", "RL-05", "SC-02"}),
    "tcp": frozenset({"CN-10", "CN-11", "DR-06", "ER-06", "LC-14", "OI-05", "RL-04", "SC-02", "WS-02"}),
    "grpc": frozenset(
        {
            "BP-09",
            "BP-16",
            "CN-03",
            "CN-10",
            "CN-11",
            "CN-14",
            "DL-02",
            "DL-05",
            "DL-06",
            "DL-07",
            "DR-02",
            "ER-01",
            "ER-03",
            "ER-06",
            "LC-01",
            "LC-02",
            "LC-14",
            "OI-05",
            "RL-04",
            "SC-02",
        }
    ),
}


def is_judged(variant: Variant, on: str) -> bool:
    """Whether another matrix judges it there."""
    return on in variant.on and (on in HTTP or variant.kills.startswith(IN_MATRICES))


def elsewhere(variant: Variant) -> tuple[str, ...]:
    """The bindings where its rule applies and its streams pass its seams, and no other matrix judges it. A fault that
    only an object shows is seen over those alone for which it has words."""
    there = (on for on in BINDINGS if on in reached(variant.seams) and applies(variant, on))
    found = (on for on in there if not is_judged(variant, on))
    return tuple(on for on in found if variant.on != ("inprocess",) or on in variant.because_over)


ELSEWHERE: Final = {variant.name: elsewhere(variant) for variant in VARIANTS}


def seen(variant: Variant) -> tuple[str, ...]:
    return tuple(on for on in ELSEWHERE[variant.name] if on not in variant.not_over)


def judged_here(variant: Variant) -> tuple[str, ...]:
    """Those of them that it is this run's to judge."""
    if ALL_CASES:
        return seen(variant)
    new = tuple(on for on in seen(variant) if on in IN_MESSAGES)
    if not new or not (SLOW_TOO or variant.kills in QUICK):
        return ()
    return (new[zlib.crc32(variant.name.encode()) % len(new)],)


JUDGED: Final = tuple((variant, on) for variant in VARIANTS for on in judged_here(variant))
UNSEEN: Final = tuple(
    (variant, on)
    for variant in VARIANTS
    for on, why in variant.not_over.items()
    if (ALL_CASES or variant.kills in QUICK) and CHANCE not in why
)


@pytest.fixture(scope="module")
def reference() -> Iterator[str]:
    """One process serves the reference and every variant, by path prefix."""
    with served_reference("--token", TOKENS[0], "--other-token", TOKENS[1]) as url:
        yield url


def judged(url: str, variant: Variant, on: str) -> Run:
    """In the cases of its rule. Whoever serves nobody afterwards is served by a process of its own."""
    base = f"{url}/broken/{variant.name}/"
    if on in HTTP and not OF_SCRIPTS.intersection(replaced(variant.seams)):
        settings = settings_of(base, on, variant.kills, spawned=variant.kills in LAST)
    else:
        settings = as_an_adapter(base, on, variant)
    return asyncio.run(run_target(settings, lambda *_: None))


def as_an_adapter(base: str, on: str, variant: Variant) -> Settings:
    """As nothing but an adapter: all its roles are scripts."""
    spawn = ""
    if wants_a_process(variant.kills) or variant.kills in LAST:
        spawn, base = spawned_at(base)
    guarded = asks_for_credentials(variant.seams)
    return Settings(
        look=Request(f"{base}script", headers=CREDENTIALS if guarded else ()),
        script=f"{base}script",
        binding=on,
        profile="",
        auth="bearer" if guarded else "",
        other=OTHERS if guarded else (),
        rules=(variant.kills,),
        spawn=spawn,
        grace_ms=embedded_target.GRACE_MS if spawn else 0,
    )


@pytest.mark.parametrize(("variant", "on"), JUDGED, ids=[f"{variant.name}@{on}" for variant, on in JUDGED])
def test_a_variant_is_killed_wherever_its_rule_applies(reference: str, variant: Variant, on: str) -> None:
    there = replace(variant, because=variant.because_over.get(on, variant.because))
    assert_killed(there, lambda: judged(reference, variant, on))


@pytest.mark.parametrize(("variant", "on"), UNSEEN, ids=[f"{variant.name}@{on}" for variant, on in UNSEEN])
def test_what_is_said_not_to_be_seen_is_not(reference: str, variant: Variant, on: str) -> None:
    run = judged(reference, variant, on)
    assert run.problem == ""
    assert [line.outcome for line in lines(run) if line.rule.id == variant.kills and line.outcome in BAD] == []


def test_what_is_not_seen_is_said_of_a_binding_where_it_would_be_due() -> None:
    assert [(v.name, on) for v in VARIANTS for on in v.not_over if on not in ELSEWHERE[v.name]] == []


def test_other_words_are_those_of_a_binding_where_it_is_seen() -> None:
    assert [(v.name, on) for v in VARIANTS for on in v.because_over if on not in seen(v)] == []


def test_the_rule_of_a_variant_applies_where_it_is_seen() -> None:
    """What is computed here is what every other matrix finds."""
    assert [(v.name, on) for v in VARIANTS for on in v.on if on in IN_MESSAGES and not applies(v, on)] == []
    assert [(v.name, on) for v in VARIANTS for on in v.on if on in BINDINGS and on not in reached(v.seams)] == []


def test_every_seam_that_not_all_streams_pass_is_one() -> None:
    assert set(SEAMS) - {*Seams.__dataclass_fields__} == set()
    assert replaced(Seams()) == ()


@pytest.mark.parametrize("on", BINDINGS)
def test_every_rule_that_applies_is_killed_there_but_for_those_that_are_open(on: str) -> None:
    killed = {v.kills for v in variants() if v.by == "run" and (on in v.on or (v in VARIANTS and on in seen(v)))}
    assert promised(on) - killed == OPEN[on]
