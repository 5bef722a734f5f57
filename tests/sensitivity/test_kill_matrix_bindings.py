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
    "ndjson": frozenset(),
    # The marker is the bracket: whatever it is that closes an array completes it, and one that is left open in a whole
    # message is CJ-01's, from which it follows (`Rule.after`).
    "json_array": frozenset({"LC-14"}),
    # In envelopes a stream ends with its terminal alone, and that its connection ended well is handed to none of them
    # (`engine.sharing`): LC-14 has nothing to accuse. A Close in the place of an end is WS-02's
    # (`closes-instead-of-ending`).
    "ws": frozenset({"LC-14"}),
    # LC-14 as over WebSocket. A second end, and an item behind one, are LC-01's and LC-02's by the same records, and
    # WS-02 follows from them (`Rule.after`): what it alone sees is that Close, and TCP has none.
    "tcp": frozenset({"LC-14", "WS-02"}),
    "grpc": frozenset(
        {
            # A failure is a status but 0, and each has a name: what is no number is GR-12's, and none at all GR-01's.
            "ER-01",
            # The marker is the status: an end without it is GR-01's (`gives-no-status`), and here it follows from that.
            "LC-14",
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
