"""The report for CI: what its readers find in it, red exactly when the run is, and inert whatever a target says."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hostile_run import OUTCOMES, history_of, hostile_run, rule, verdict
from hypothesis import given
from hypothesis import strategies as st
from junitparser import Error, Failure, JUnitXml, Skipped, TestCase

from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.plan import Skip
from streamspec.harness.core.ports import Style
from streamspec.harness.core.run import EXIT_FAIL, EXIT_NO_VERDICT, EXIT_NOTHING_RAN, EXIT_OK, Result, Run, exit_code
from streamspec.reports.junit import JUNIT, render
from streamspec.reports.terminal import TERMINAL

GOLDEN = Path(__file__).parents[1] / "golden"
RUNS = ["mixed_run", "strict_run", "green_run", "partial_run", "problem_run", "crashed_run"]
Same = Callable[[Path, str], None]
MARKUP = "]]></failure><x/>&#0;&nbsp;<![CDATA["
HOSTILE = f"\x1b[31mred\x07\r\x9b2J\x00\u202eevil\u200b\u2028\ud800\ufffe\uffff\x7f\x85\n{MARKUP}"


@pytest.fixture
def strict_run(mixed_run: Run) -> Run:
    return replace(mixed_run, about=replace(mixed_run.about, strict=True))


@pytest.fixture(params=RUNS)
def any_run(request: pytest.FixtureRequest) -> Run:
    run = request.getfixturevalue(request.param)
    assert isinstance(run, Run)
    return run


def suite(run: Run) -> ET.Element:
    root = ET.fromstring(render(run, Style()))
    assert root.tag == "testsuites"
    (found,) = root
    return found


def cases(run: Run) -> dict[str, TestCase]:
    """By rule, as an independent reader finds them."""
    (found,) = JUnitXml.fromstring(render(run, Style()))
    read = {str(case.name).partition(" ")[0]: case for case in found}
    assert len(read) == len(list(found))
    return read


def marks(case: TestCase) -> list[type]:
    return [type(mark) for mark in case.result]


def message(run: Run, name: str) -> str:
    (mark,) = cases(run)[name].result
    return str(mark.message)


def red(run: Run) -> bool:
    (found,) = JUnitXml.fromstring(render(run, Style()))
    return bool(found.failures or found.errors)


# -- to the last character -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["mixed", "strict", "green", "partial", "problem", "crashed"])
def test_a_run_reads_as_the_golden_file(request: pytest.FixtureRequest, same: Same, name: str) -> None:
    text = render(request.getfixturevalue(f"{name}_run"), Style())
    # of a traceback, which names places of this machine, the first and the last line
    same(GOLDEN / f"junit-{name}.xml", re.sub(r"(?m)(^  \| Traceback.*\n)(?:  \|  .*\n)+", r"\1  | …\n", text))


def test_it_is_the_same_text_in_every_style_and_encoding(mixed_run: Run) -> None:
    text = render(mixed_run, Style())
    assert render(mixed_run, Style(colour=True, unicode=False)) == text
    assert text.isascii()


# -- what its readers find -------------------------------------------------------------------------------------------


def test_an_independent_reader_finds_every_outcome(mixed_run: Run) -> None:
    read = cases(mixed_run)
    assert {name: marks(case) for name, case in read.items()} == {
        "XX-01": [Failure],
        "XX-02": [],
        "XX-03": [Skipped],
        "XX-04": [],
        "XX-05": [Skipped],
    }
    assert {case.classname for case in read.values()} == {"streamspec.XX"}
    assert read["XX-04"].name == "XX-04 Items come in order."


def test_a_failure_has_its_level_what_was_wrong_and_the_terminals_block(mixed_run: Run) -> None:
    (failure,) = cases(mixed_run)["XX-01"].result
    assert (failure.type, failure.message) == ("MUST", "expected silence; got x")
    title, _, body = str(failure.text).partition("\n")
    assert f"── {title} ──\n{body}\n" in TERMINAL.render(mixed_run, Style())
    assert body.endswith("streamspec judge .streamspec/runs/x/one.ndjson --rule XX-01")


def test_a_warning_is_passed_with_its_block_as_output(mixed_run: Run) -> None:
    warned = cases(mixed_run)["XX-02"]
    assert warned.is_passed
    assert str(warned.system_out).startswith("WARN  XX-02  SHOULD  a/one@sse\n  Answers are fresh.\n")


def test_a_warning_is_a_failure_under_strict(strict_run: Run) -> None:
    (failure,) = cases(strict_run)["XX-02"].result
    assert isinstance(failure, Failure)
    assert (failure.type, failure.message) == ("SHOULD", "expected no-store; got none")


def test_what_could_not_be_told_and_what_does_not_apply_are_skipped_and_say_which(mixed_run: Run) -> None:
    assert message(mixed_run, "XX-03") == "INCONCLUSIVE: finite was not seen whole"
    assert message(mixed_run, "XX-05").startswith("SKIP: to see it, add --profile NAME (")
    assert message(mixed_run, "XX-05").endswith("; --role failing=/path")


def test_a_crash_of_ours_is_an_error_and_never_a_failure(crashed_run: Run) -> None:
    (error,) = cases(crashed_run)["XX-09"].result
    assert isinstance(error, Error)
    assert (error.type, error.message) == ("ERROR", "ZeroDivisionError: a bug of ours")
    assert "  | Traceback (most recent call last):\n" in str(error.text)


def test_a_stopped_run_is_an_error_and_what_it_did_not_judge_is_skipped(partial_run: Run) -> None:
    assert message(partial_run, "run") == "stopped by SIGINT: the report is partial"
    assert marks(cases(partial_run)["run"]) == [Error]
    assert cases(partial_run)["run"].classname == "streamspec"
    assert message(partial_run, "XX-03") == "not judged: the run ended before it"


def test_without_a_verdict_there_is_an_error_and_nothing_has_passed(problem_run: Run) -> None:
    read = cases(problem_run)
    assert message(problem_run, "run") == "no verdict: http://127.0.0.1:1/: connection refused"
    assert [name for name, case in read.items() if case.is_passed] == []
    assert len(read) == 1 + len(problem_run.rules)


def test_a_run_that_was_stopped_without_a_verdict_says_both(problem_run: Run) -> None:
    assert message(replace(problem_run, stopped="SIGTERM"), "run") == (
        "stopped by SIGTERM: the report is partial; no verdict: http://127.0.0.1:1/: connection refused"
    )


def test_a_rule_of_which_one_history_says_nothing_is_skipped(green_run: Run) -> None:
    run = replace(green_run, rules=(*green_run.rules, rule(7)))
    assert message(run, "XX-07") == "not judged: no history of this run speaks of it"
    assert not red(run)


def test_every_chosen_rule_is_one_testcase(any_run: Run) -> None:
    assert [name for name in cases(any_run) if name != "run"] == [rule.id for rule in any_run.rules]


def test_the_suite_says_of_what_run_it_is(mixed_run: Run) -> None:
    found = suite(mixed_run)
    assert {name.get("name"): name.get("value") for name in found.iter("property")} == {
        "tool": "streamspec 0.0",
        "target": "http://127.0.0.1:1/",
        "binding": "sse",
        "profile": "streamspec",
        "seed": "7",
        "effort": "quick",
    }
    assert found.get("time") == "1.260"


def test_a_property_without_a_value_is_left_out(problem_run: Run) -> None:
    assert "binding" not in {entry.get("name") for entry in suite(problem_run).iter("property")}


def test_what_a_person_should_know_of_the_run_is_its_output(mixed_run: Run) -> None:
    run = replace(mixed_run, about=replace(mixed_run.about, notes=("two", "survived\x1b")))
    assert suite(run).findtext("system-out") == "two\nsurvived\\x1b"


@pytest.mark.parametrize(
    ("started", "timestamp"),
    [
        ("2026-01-02T03:04:05+00:00", "2026-01-02T03:04:05"),
        ("2026-01-02T03:04:05.678+02:00", "2026-01-02T01:04:05"),
        ("2026-01-02T03:04:05", "2026-01-02T03:04:05"),
        ("1970-01-01T00:00:00+00:00", "1970-01-01T00:00:00"),
        ("0001-01-01T00:00:00+14:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_the_time_of_the_start_is_in_utc_or_absent(mixed_run: Run, started: str, timestamp: str | None) -> None:
    run = replace(mixed_run, about=replace(mixed_run.about, started=started))
    assert suite(run).get("timestamp") == timestamp


# -- the shape that Jenkins and GitLab read --------------------------------------------------------------------------

COUNTS = {"tests", "failures", "errors"}
MARK = ({"type", "message"}, set[str]())
# Of every element: the attributes and the children that it may have.
SHAPE = {
    "testsuites": ({"name", "time", *COUNTS}, {"testsuite"}),
    "testsuite": ({"name", "time", "timestamp", "skipped", *COUNTS}, {"properties", "testcase", "system-out"}),
    "properties": (set[str](), {"property"}),
    "property": ({"name", "value"}, set[str]()),
    "testcase": ({"classname", "name", "time"}, {"failure", "error", "skipped", "system-out"}),
    "failure": MARK,
    "error": MARK,
    "skipped": MARK,
    "system-out": (set[str](), set[str]()),
}
MANDATORY = {
    "testsuite": {"name", *COUNTS},
    "property": {"name", "value"},
    "testcase": {"classname", "name"},
}


def assert_shaped(root: ET.Element) -> None:
    for element in root.iter():
        attributes, children = SHAPE[element.tag]
        assert MANDATORY.get(element.tag, set()) <= set(element.attrib) <= attributes, element.tag
        assert {child.tag for child in element} <= children, element.tag
        assert len(element) <= 1 or element.tag != "testcase"
    (found,) = root
    assert next(child.tag for child in found) == "properties"
    for name, tag in (("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert found.get(name) == str(len(list(found.iter(tag))))
        assert root.get(name) in {found.get(name), None}
    assert all(re.fullmatch(r"[0-9]+\.[0-9]{3}", str(e.get("time"))) for e in root.iter() if "time" in e.attrib)
    names = [(case.get("classname"), case.get("name")) for case in found.iter("testcase")]
    assert len(set(names)) == len(names)  # GitLab keeps one testcase of a name


def test_it_has_the_shape_that_its_readers_know(any_run: Run) -> None:
    assert_shaped(ET.fromstring(render(any_run, Style())))


# -- red exactly when the run is -------------------------------------------------------------------------------------

CALM = history_of("calm")


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Any outcomes over up to three cases, skips, rules that nobody judged, and any way for a run to end."""
    base = hostile_run("calm")
    rules = tuple(rule(n) for n in range(draw(st.integers(0, 4))))
    results = tuple(
        Result(
            f"case {n}",
            (),
            tuple(
                verdict(k, outcome, "calm", CALM)
                for k in range(len(rules))
                if (outcome := draw(st.sampled_from([None, *OUTCOMES])))
            ),
            CALM,
        )
        for n in range(draw(st.integers(0, 3)))
    )
    skips = tuple(Skip(rule.id, ("seq",)) for rule in rules if draw(st.booleans()))
    about = replace(base.about, strict=draw(st.booleans()))
    stopped, problem = draw(st.sampled_from(["", "", "SIGINT", "SIGTERM"])), draw(st.sampled_from(["", "", "refused"]))
    return Run(about, rules, results, skips, 0.5, stopped, problem)


@given(runs())
def test_it_is_red_exactly_when_the_exit_code_is_not_0(run: Run) -> None:
    assert_shaped(ET.fromstring(render(run, Style())))
    assert red(run) == (exit_code(run) != EXIT_OK)


@given(runs())
def test_only_a_pass_and_a_warning_are_without_a_mark(run: Run) -> None:
    seen: dict[str, set[Outcome]] = {}
    for result in run.results:
        for told in result.verdicts:
            seen.setdefault(told.rule, set()).add(told.outcome)
    for name, case in cases(run).items():
        if case.is_passed:
            warned = Outcome.WARN in seen[name] and not run.about.strict
            assert warned or seen[name] == {Outcome.PASS}
            assert not seen[name] & {Outcome.FAIL, Outcome.ERROR}
            assert warned == bool(case.system_out)


def test_a_strict_run_without_a_failure_says_why_it_is_red(green_run: Run) -> None:
    run = replace(
        green_run,
        about=replace(green_run.about, strict=True),
        rules=(*green_run.rules, rule(7)),
        skips=(Skip("XX-07", ("seq",)),),
    )
    assert exit_code(run) == EXIT_FAIL
    assert marks(cases(run)["run"]) == [Failure]
    assert message(run, "run") == "--strict: 1 pass, 1 skip"


@pytest.mark.parametrize(
    ("outcomes", "code", "says"),
    [
        ((), EXIT_NOTHING_RAN, "no verdict: nothing applicable ran"),
        ((Outcome.INCONCLUSIVE,), EXIT_NO_VERDICT, "no verdict: no rule was judged"),
    ],
)
def test_a_run_that_judged_nothing_is_an_error(
    green_run: Run, outcomes: tuple[Outcome, ...], code: int, says: str
) -> None:
    verdicts = tuple(verdict(0, outcome, "calm", CALM) for outcome in outcomes)
    run = replace(green_run, rules=(rule(0),), results=(Result("a", (), verdicts, CALM),))
    assert exit_code(run) == code
    assert message(run, "run") == says


# -- inert -----------------------------------------------------------------------------------------------------------


def legal(char: str) -> bool:
    """XML 1.0 §2.2, and visible or a line end besides."""
    return char == "\n" or (
        char.isprintable() and (char <= "\ud7ff" or "\ue000" <= char <= "\ufffd" or char > "\uffff")
    )


def strings(run: Run) -> list[str]:
    root = ET.fromstring(render(run, Style()))
    return [text for element in root.iter() for text in (element.text or "", *element.attrib.values())]


@pytest.mark.parametrize("strict", [False, True])
def test_a_hostile_target_is_inert(*, strict: bool) -> None:
    run = hostile_run(HOSTILE)
    run = replace(run, about=replace(run.about, strict=strict), stopped=HOSTILE, problem=HOSTILE)
    root = ET.fromstring(render(run, Style()))
    assert_shaped(root)
    assert all(legal(char) for text in strings(run) for char in text)
    assert any(MARKUP in text for text in strings(run))  # as text, and nothing else


@given(st.text(st.characters(exclude_categories=[]), max_size=40))
def test_any_text_makes_a_document(text: str) -> None:
    run = replace(hostile_run(text), problem=text)
    assert_shaped(ET.fromstring(render(run, Style())))
    assert all(legal(char) for string in strings(run) for char in string)


def test_no_target_names_a_file_to_attach() -> None:
    """GitLab and a plugin of Jenkins read this out of an output, and attach the file."""
    text = render(hostile_run("[[ATTACHMENT|/etc/passwd]]"), Style())
    assert "[[ATTACHMENT|" not in text
    assert r"[\x5bATTACHMENT|/etc/passwd]]" in text


def test_one_answer_cannot_fill_a_disk() -> None:
    much = "x" * 60_000
    verdicts = tuple(verdict(n, outcome, much, history_of(much)) for n, outcome in enumerate(OUTCOMES))
    run = replace(hostile_run("calm"), results=(Result("a", (), verdicts, CALM),), problem=much)
    assert len(render(run, Style())) < 30_000


def test_it_is_the_report_called_junit() -> None:
    assert (JUNIT.name, JUNIT.render) == ("junit", render)
