"""The decision table of design 4: who says FAIL, WARN, PASS, INCONCLUSIVE, ERROR, and who says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from streamspec.harness.core.judge import Outcome, Verdict, judge
from streamspec.harness.core.rule import Finding, Level, Rule, broken, held, unknown
from streamspec.harness.core.written import ASK, head, item, told, written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from streamspec.harness.core.history import History

HISTORY = written(*told("look", ASK, head(), item(0)))
A, B, C = HISTORY.records
HELD = held(A)
BROKEN = broken(B, expected="one", got="two")
UNKNOWN = unknown("too dark", C)
FINDINGS = {"held": HELD, "broken": BROKEN, "unknown": UNKNOWN}


def saying(*findings: Finding, name: str = "XX-01", level: Level = Level.MUST, after: tuple[str, ...] = ()) -> Rule:
    return ruled(lambda _: findings, name, level, after)


def ruled(
    check: Callable[[History], Iterable[Finding]],
    name: str = "XX-01",
    level: Level = Level.MUST,
    after: tuple[str, ...] = (),
    on: tuple[str, ...] = (),
) -> Rule:
    return Rule(name, level, "a sentence", "a source", "a reason", check, (), (), after=after, on=on)


def only(verdicts: tuple[Verdict, ...]) -> Verdict:
    assert len(verdicts) == 1
    return verdicts[0]


def outcome_of(name: str, verdicts: tuple[Verdict, ...]) -> Outcome | None:
    return {verdict.rule: verdict.outcome for verdict in verdicts}.get(name)


NOTHING = None
# what was found          promised              not promised
TABLE: tuple[tuple[str, Outcome | None, Outcome | None], ...] = (
    ("", Outcome.INCONCLUSIVE, NOTHING),
    ("unknown", Outcome.INCONCLUSIVE, NOTHING),
    ("held", Outcome.PASS, Outcome.PASS),
    ("held unknown", Outcome.PASS, Outcome.PASS),
    ("broken", Outcome.FAIL, Outcome.FAIL),
    ("broken unknown", Outcome.FAIL, Outcome.FAIL),
    ("held broken", Outcome.FAIL, Outcome.FAIL),
    ("held broken unknown", Outcome.FAIL, Outcome.FAIL),
)


@pytest.mark.parametrize(("found", "promised", "unpromised"), TABLE)
def test_findings_make_the_outcome(found: str, promised: Outcome | None, unpromised: Outcome | None) -> None:
    findings = [FINDINGS[word] for word in found.split()]
    for order in (findings, findings[::-1]):
        rule = saying(*order)
        assert outcome_of("XX-01", judge(HISTORY, [rule], ("XX-01",))) is promised
        assert outcome_of("XX-01", judge(HISTORY, [rule], ("YY-01",))) is unpromised


@pytest.mark.parametrize(("found", "promised", "unpromised"), TABLE)
def test_a_should_warns_where_a_must_fails(found: str, promised: Outcome | None, unpromised: Outcome | None) -> None:
    rule = saying(*(FINDINGS[word] for word in found.split()), level=Level.SHOULD)
    softer = {Outcome.FAIL: Outcome.WARN}
    for promises, expected in ((("XX-01",), promised), ((), unpromised)):
        told_of = outcome_of("XX-01", judge(HISTORY, [rule], promises))
        assert told_of is (softer.get(expected, expected) if expected else None)


# With a rule of `after` that failed: a failure or a silence follows from it, what was held stays held.
FOLLOWING: tuple[tuple[str, Outcome | None, Outcome | None], ...] = (
    ("", Outcome.INCONCLUSIVE, NOTHING),
    ("unknown", Outcome.INCONCLUSIVE, NOTHING),
    ("held", Outcome.PASS, Outcome.PASS),
    ("held unknown", Outcome.PASS, Outcome.PASS),
    ("broken", Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE),
    ("held broken", Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE),
)


@pytest.mark.parametrize(("found", "promised", "unpromised"), FOLLOWING)
@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("cause_level", Level)
def test_a_failure_or_a_silence_follows_from_its_cause(
    found: str, promised: Outcome | None, unpromised: Outcome | None, level: Level, cause_level: Level
) -> None:
    cause = saying(BROKEN, name="XX-00", level=cause_level)
    rule = saying(*(FINDINGS[word] for word in found.split()), level=level, after=("XX-00",))
    for promises, expected in ((("XX-01",), promised), ((), unpromised)):
        for rules in ((cause, rule), (rule, cause)):
            verdicts = judge(HISTORY, rules, promises)
            assert outcome_of("XX-01", verdicts) is expected
            if expected is Outcome.INCONCLUSIVE:
                assert next(v.reason for v in verdicts if v.rule == "XX-01") == "follows from XX-00"
            assert outcome_of("XX-00", verdicts) in {Outcome.FAIL, Outcome.WARN}


@pytest.mark.parametrize("cause", [(), (HELD,), (UNKNOWN,), (HELD, UNKNOWN)])
def test_only_a_failure_is_a_cause(cause: tuple[Finding, ...]) -> None:
    rules = (saying(*cause, name="XX-00"), saying(BROKEN, after=("XX-00",)))
    assert outcome_of("XX-01", judge(HISTORY, rules, ("XX-00", "XX-01"))) is Outcome.FAIL


def test_a_crash_is_no_cause() -> None:
    rules = (ruled(crash, "XX-00"), saying(BROKEN, after=("XX-00",)))
    assert outcome_of("XX-01", judge(HISTORY, rules, ())) is Outcome.FAIL


def test_the_first_of_several_causes_is_named() -> None:
    rules = (saying(BROKEN, name="XX-07"), saying(BROKEN, name="XX-08"), saying(BROKEN, after=("XX-08", "XX-07")))
    verdict = judge(HISTORY, rules, ())[-1]
    assert verdict.reason == "follows from XX-08"


def test_a_failure_that_follows_keeps_its_findings() -> None:
    rules = (saying(BROKEN, name="XX-00"), saying(BROKEN, HELD, after=("XX-00",)))
    assert judge(HISTORY, rules, ())[1].findings == (BROKEN,)


def test_a_promised_silence_says_every_reason_once() -> None:
    rule = saying(unknown("too dark"), unknown("too late"), unknown("too dark"))
    verdict = only(judge(HISTORY, [rule], ("XX-01",)))
    assert verdict.reason == "too dark; too late"
    assert len(verdict.findings) == 3


def test_a_promised_silence_without_reasons_says_so() -> None:
    assert only(judge(HISTORY, [saying()], ("XX-01",))).reason == "nothing to look at"


def test_a_verdict_carries_only_the_findings_that_made_it() -> None:
    mixed = (HELD, UNKNOWN, BROKEN)
    assert only(judge(HISTORY, [saying(*mixed)], ())).findings == (BROKEN,)
    assert only(judge(HISTORY, [saying(HELD, UNKNOWN)], ())).findings == (HELD,)
    assert only(judge(HISTORY, [saying(UNKNOWN)], ("XX-01",))).findings == (UNKNOWN,)


def crash(_: History) -> Iterator[Finding]:
    yield HELD
    yield BROKEN
    raise ZeroDivisionError("a bug of ours")


def crash_at_once(_: History) -> Iterable[Finding]:
    return 1 // 0  # type: ignore[return-value]  # it never returns


def recurse(h: History) -> Iterable[Finding]:
    return recurse(h)


def say_nothing_iterable(_: History) -> Iterable[Finding]:
    return None  # type: ignore[return-value]  # the bug that is tested


@pytest.mark.parametrize("check", [crash, crash_at_once, recurse, say_nothing_iterable])
@pytest.mark.parametrize("promises", [(), ("XX-01",)])
@pytest.mark.parametrize("level", Level)
def test_a_crashing_check_is_our_error_with_its_traceback(
    check: Callable[[History], Iterable[Finding]], promises: tuple[str, ...], level: Level
) -> None:
    rules = (saying(BROKEN, name="XX-00"), ruled(check, level=level, after=("XX-00",)))
    verdict = judge(HISTORY, rules, promises)[1]
    assert verdict.outcome is Outcome.ERROR
    assert verdict.reason.startswith("Traceback (most recent call last)")
    assert check.__name__ in verdict.reason or check is say_nothing_iterable
    assert verdict.findings == ()


def test_a_crash_does_not_touch_other_rules() -> None:
    verdicts = judge(HISTORY, (ruled(crash, "XX-00"), saying(HELD)), ())
    assert [(v.rule, v.outcome) for v in verdicts] == [("XX-00", Outcome.ERROR), ("XX-01", Outcome.PASS)]


def test_what_is_no_finding_is_our_error_too() -> None:
    rule = ruled(lambda _: ["held"])  # type: ignore[list-item]  # the bug that is tested
    assert only(judge(HISTORY, [rule], ())).outcome is Outcome.ERROR


@pytest.mark.parametrize(("on", "judged"), [((), True), (("sse",), True), (("ndjson", "sse"), True), (("ws",), False)])
def test_a_rule_is_passed_over_on_a_binding_it_does_not_speak_of(on: tuple[str, ...], judged: bool) -> None:  # noqa: FBT001
    rule = ruled(lambda _: (BROKEN,), on=on)
    assert bool(judge(HISTORY, [rule], ("XX-01",))) is judged


def test_a_rule_that_is_passed_over_is_never_asked_and_no_cause() -> None:
    rules = (ruled(crash, "XX-00", on=("ws",)), saying(BROKEN, after=("XX-00",)))
    assert [v.outcome for v in judge(HISTORY, rules, ("XX-00",))] == [Outcome.FAIL]


def test_verdicts_come_in_the_order_of_the_rules() -> None:
    rules = [saying(HELD, name=f"XX-{n:02}") for n in (3, 1, 2)]
    assert [v.rule for v in judge(HISTORY, rules, ())] == ["XX-03", "XX-01", "XX-02"]


def test_a_pass_needs_evidence() -> None:
    assert outcome_of("XX-01", judge(HISTORY, [saying(held())], ("XX-01",))) is not Outcome.PASS


def test_nobody_says_skip_here() -> None:
    every = judge(HISTORY, [saying(*f, name=f"XX-{n}") for n, f in enumerate([(), (HELD,), (BROKEN,)])], ("XX-0",))
    assert Outcome.SKIP not in {verdict.outcome for verdict in every}


def test_without_rules_nothing_is_said() -> None:
    assert judge(HISTORY, [], ("XX-01",)) == ()
