"""The kill matrix: every rule catches the variant that breaks it, by its id and for the right reason, and nothing else
fails that was not foreseen. kills <= failed <= kills | also (design 2.7).

Each variant is judged in the cases that promise its rule, over its first binding. Those of rules that take their time,
and the other bindings, are `tox -e kills`; every variant in every case is `tox -e kills-all`.
"""

from __future__ import annotations

import asyncio
import os
import re
from typing import TYPE_CHECKING, Final

import pytest
from served_reference import served_reference

from streamspec.harness import embedded_target
from streamspec.harness.assembly import Settings, all_rules, concerns, run_target
from streamspec.harness.core.contract import FEATURES, WITNESS
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.ports import Request
from streamspec.harness.core.run import Run, counts, lines
from streamspec.harness.engine.spawn import free_port
from streamspec.reference_impl.broken import variants

if TYPE_CHECKING:
    from collections.abc import Iterator

    from streamspec.reference_impl.variant import Variant

ALL_CASES: Final = bool(os.environ.get("STREAMSPEC_ALL_CASES"))
SLOW_TOO: Final = ALL_CASES or bool(os.environ.get("STREAMSPEC_SLOW"))
# Rules whose variants keep somebody waiting for what they never do, beside those that need accounts.
SLOW: Final = frozenset(
    {
        *("SSE-07", "RC-05", "BP-07", "BP-11", "HB-01", "HB-02", "DL-01", "DL-05", "DL-08", "DL-09", "AU-02"),
        *("LC-08", "LC-12", "LC-16", "SSE-08", "ND-10", "CJ-05"),
    }
)
VARIANTS: Final = tuple(variant for variant in variants() if variant.by == "run")
SERVED: Final = tuple((variant, on) for variant in VARIANTS for on in variant.on if on != "inprocess")
RULES: Final = {rule.id: rule for rule in all_rules()}
BAD: Final = (Outcome.FAIL, Outcome.WARN)
# Where a declaration allows what the variant does: an empty line may be a heartbeat; and where a script says more.
UNSAID: Final = {"ND-13": "idle", "AU-05": "resumable"}
GUIDE: Final = "guide"  # NDJSON in the dialect of seed 003
# Only a server that plays our scripts is judged by rules with such needs.
SCRIPTED: Final = frozenset({"script", *FEATURES, *(f"told:{name}" for name in WITNESS)})

TOKEN: Final = "the-token-of-this-matrix"
OTHER: Final = "another-token-of-this-matrix"
STRANGERS: Final = frozenset({"AU-01", "AU-03", "AU-05"})  # rules about targets that ask for credentials


def takes_its_time(variant: Variant) -> bool:
    needs = " ".join(RULES[variant.kills].needs)
    return "told:" in needs or "process" in needs or variant.kills in SLOW


def is_first(variant: Variant, on: str) -> bool:
    return on == next(binding for binding in variant.on if binding != "inprocess")


# The ordinary suite: over one binding each, where it does not take its time. The rest is `tox -e kills`.
JUDGED: Final = tuple(
    (variant, on) for variant, on in SERVED if SLOW_TOO or (is_first(variant, on) and not takes_its_time(variant))
)


@pytest.fixture(scope="module")
def reference() -> Iterator[str]:
    """One process serves the reference and every variant, by path prefix."""
    with served_reference("--token", TOKEN, "--other-token", OTHER) as url:
        yield url


def plays_scripts(kills: str) -> bool:
    return kills == "AU-05" or any(word in SCRIPTED for need in RULES[kills].needs for word in need.split("|"))


def judged(url: str, on: str, kills: str = "", unsaid: str = "") -> Run:
    """Everything, or the cases that promise one rule; a rule about a process gets one of its own. A role that is
    `unsaid` is played by scripts."""
    binding = "ndjson" if on == GUIDE else on
    said = [word for word in embedded_target.roles(binding) if not word.startswith(unsaid or UNSAID.get(kills, "-"))]
    if on == GUIDE:
        said = [word.replace("finite?n=100", "finite?n=100&errors=10") for word in said]
    spawn = ""
    if (SLOW_TOO and not kills) or "process" in " ".join(RULES[kills].needs if kills else ()):
        port = free_port()
        spawn = embedded_target.SERVER.format(port=port)
        url = re.sub(r":\d+/", f":{port}/", url, count=1)
    settings = Settings(
        look=Request(
            url + (f"{on}/" if on == GUIDE else embedded_target.path(on)),
            headers=(("Authorization", f"Bearer {TOKEN}"),) if kills in STRANGERS else (),
        ),
        auth="bearer" if kills in STRANGERS else "",
        other=(("Authorization", f"Bearer {OTHER}"),) if kills in STRANGERS else (),
        roles=tuple(said),
        tells=() if kills == "BP-06" else embedded_target.TELLS,  # where items are counted, BP-05 speaks first
        binding=binding,
        profile=GUIDE if on == GUIDE else embedded_target.PROFILE,
        rules=() if ALL_CASES or not kills else (kills,),
        spawn=spawn,
        grace_ms=embedded_target.GRACE_MS if spawn else 0,
        claims=embedded_target.CLAIMS,
        script=f"{url}script" if kills and (unsaid or plays_scripts(kills)) else "",
    )
    return asyncio.run(run_target(settings, lambda *_: None))


@pytest.mark.parametrize(("variant", "on"), JUDGED, ids=[f"{variant.name}@{on}" for variant, on in JUDGED])
def test_a_variant_is_killed_by_its_rule_for_its_reason(reference: str, variant: Variant, on: str) -> None:
    run = judged(f"{reference}/broken/{variant.name}/", on, variant.kills)
    outcome = {line.rule.id: line for line in lines(run)}
    failed = {rule for rule, line in outcome.items() if line.outcome in BAD}
    assert variant.kills in failed, run.problem or {rule: line.outcome for rule, line in outcome.items()}
    assert failed <= {variant.kills, *variant.also}
    assert counts(run)[Outcome.ERROR] == 0
    findings = [f for _, verdict in outcome[variant.kills].told for f in verdict.findings]
    assert all(f.evidence for f in findings)
    told = " / ".join(f"expected {f.expected}, got {f.got}" for f in findings)
    assert all(re.search(re.escape(words), told, re.IGNORECASE) for words in variant.because), told


# The others are judged whole, and all at once, where the command is tried without a target.
@pytest.mark.parametrize("on", ["sse", "ndjson", "json_array", GUIDE] if SLOW_TOO else [GUIDE])
def test_the_reference_itself_is_green(reference: str, on: str) -> None:
    run = judged(f"{reference}/", on)
    assert run.problem == ""
    seen = {line.rule.id: line.outcome for line in lines(run)}
    assert {rule for rule, outcome in seen.items() if outcome not in {Outcome.PASS, Outcome.SKIP}} == set()
    assert len([outcome for outcome in seen.values() if outcome is Outcome.PASS]) > 25


@pytest.mark.parametrize(("path", "outcome"), [("", Outcome.PASS), ("broken/starts-over/", Outcome.WARN)])
def test_an_id_that_nobody_knows_is_told_in_scripts_as_well(reference: str, path: str, outcome: Outcome) -> None:
    run = judged(f"{reference}/{path}", "sse", "RC-04", unsaid="resumable")
    assert [line.outcome for line in lines(run) if line.rule.id == "RC-04"] == [outcome]
    asked = [r.history.header.requests["resumable"].url for r in run.results if r.history and r.case != "probe@sse"]
    assert all("/script/sse?run=" in url for url in asked)
    assert asked


def test_every_rule_is_killed_by_some_variant() -> None:
    assert set(RULES) - {variant.kills for variant in VARIANTS} == set()


def test_every_rule_about_servers_is_killed_over_a_wire() -> None:
    served = {rule.id for rule in RULES.values() if concerns(rule, in_process=False)}
    assert served - {variant.kills for variant, _ in SERVED} == set()


def test_every_variant_names_rules_that_exist() -> None:
    assert [v.name for v in VARIANTS if not {v.kills, *v.also} <= set(RULES)] == []
