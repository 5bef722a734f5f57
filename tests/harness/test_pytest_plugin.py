"""What pytest makes of a streamspec.toml: nothing without being asked, and one item per case and rule when it is."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest
from raw_server import CHUNKED_HEAD, answering, chunk, event, path, request, serving

from streamspec.harness import pytest_items, testing
from streamspec.harness.core.ports import ObjectDriver, Renderer, Transport
from streamspec.harness.discovery import all_adapters, all_drivers, all_rules, all_scenarios, constants

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from raw_server import Handler

pytest_plugins = ["pytester"]

END: Final = chunk(b"")
GOOD: Final = CHUNKED_HEAD + b"".join(chunk(event(n)) for n in range(3)) + END
NOT_UTF_8: Final = CHUNKED_HEAD + chunk(event(0)) + chunk(b"data: \xff\n\n") + END
CACHED: Final = GOOD.replace(b"Cache-Control: no-store\r\n", b"")
RULES: Final = '[run]\nrules = ["SSE-01", "SSE-02", "SSE-03"]\n'
LOOK: Final = "streamspec.toml::conformance/look"


@pytest.fixture(autouse=True, scope="module")
def _known_modules() -> None:
    """`pytester` forgets what its runs import: what is there before is imported once."""
    assert {pytest_items.__name__, testing.__name__} <= set(sys.modules)
    assert all((all_rules(), all_scenarios(), all_drivers(), all_adapters()))
    constants("streamspec.reports", Renderer)
    constants("streamspec.harness.transports", Transport)
    constants("streamspec.harness.drivers", ObjectDriver)


@pytest.fixture
def good() -> Iterator[str]:
    with serving(answering(GOOD)) as url:
        yield url


def told(pytester: pytest.Pytester, url: str, rest: str = RULES) -> Path:
    return pytester.makefile(".toml", streamspec=f'[target]\nurl = "{url}"\n{rest}')


def test_the_plugin_imports_nothing_but_itself_until_it_is_asked(pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", streamspec='[target]\nurl = "http://127.0.0.1:1/"\n')
    pytester.makepyfile(
        """
        import sys

        def test_it():
            loaded = sorted(name for name in sys.modules if name.split(".")[0] == "streamspec")
            assert loaded == ["streamspec", "streamspec.harness", "streamspec.harness.pytest_plugin"]
        """
    )
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(passed=1)


def test_the_plugin_needs_the_standard_library_and_pytest_alone() -> None:
    said = "import sys, pytest; had = set(sys.modules); import streamspec.harness.pytest_plugin; "
    said += "print(sorted({name.split('.')[0] for name in set(sys.modules) - had} - sys.stdlib_module_names))"
    done = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['streamspec']"


def test_a_file_that_nobody_asked_for_sends_nothing(pytester: pytest.Pytester) -> None:
    asked: list[bytes] = []

    def handler(connection: socket.socket) -> None:
        asked.append(request(connection))

    with serving(handler) as url:
        told(pytester, url)
        done = pytester.runpytest_inprocess()
        assert done.ret is pytest.ExitCode.NO_TESTS_COLLECTED
        assert pytester.runpytest_inprocess("streamspec.toml", "--collect-only").ret is pytest.ExitCode.OK
    assert asked == []


def test_a_file_that_is_named_is_one_item_per_case_and_rule(pytester: pytest.Pytester, good: str) -> None:
    told(pytester, good)
    done = pytester.runpytest_inprocess("streamspec.toml", "-v")
    done.stdout.fnmatch_lines(
        [
            "streamspec.toml::probe::other-rules PASSED*",
            f"{LOOK}::SSE-01 PASSED*",
            f"{LOOK}::SSE-02 PASSED*",
            f"{LOOK}::SSE-03 PASSED*",
            f"{LOOK}::other-rules PASSED*",
        ]
    )
    assert done.ret is pytest.ExitCode.OK


def test_the_ini_option_finds_it_where_tests_are(pytester: pytest.Pytester, good: str) -> None:
    told(pytester, good)
    pytester.makeini("[pytest]\nstreamspec_files = streamspec.toml\n")
    assert pytester.runpytest_inprocess().parseoutcomes()["passed"] >= 5


def test_a_declared_binding_is_part_of_the_name(pytester: pytest.Pytester, good: str) -> None:
    told(pytester, good, 'binding = "sse"\n' + RULES)
    pytester.runpytest_inprocess(f"{LOOK}@sse::SSE-03").assert_outcomes(passed=1)


def test_a_rule_is_chosen_by_its_id_and_the_case_of_no_other_is_played(pytester: pytest.Pytester, good: str) -> None:
    told(pytester, good)
    done = pytester.runpytest_inprocess("streamspec.toml", "-k", "SSE-02")
    done.assert_outcomes(passed=1, deselected=done.parseoutcomes()["deselected"])
    stored = sorted(path.name for path in (pytester.path / ".streamspec" / "runs" / "last").iterdir())
    assert stored == ["conformance_look@sse.ndjson", "probe@sse.ndjson", "run.json"]


def test_a_failure_is_told_in_full_and_without_a_traceback(pytester: pytest.Pytester) -> None:
    with serving(answering(NOT_UTF_8)) as url:
        told(pytester, url)
        done = pytester.runpytest_inprocess("streamspec.toml", "-k", "look and SSE-03 and not beside")
    done.assert_outcomes(failed=1, deselected=done.parseoutcomes()["deselected"])
    done.stdout.fnmatch_lines(
        [
            "FAIL  SSE-03  MUST  conformance/look@sse",
            "  expected  valid UTF-8",
            "  got       a line is not valid UTF-8*",
            "  why       *",
            "  again     curl -N *",
            "*streamspec judge * --rule SSE-03",
        ]
    )
    done.stdout.no_fnmatch_line("*pytest_items.py*")


def test_a_rule_that_a_case_did_not_promise_fails_in_an_item_of_its_own(pytester: pytest.Pytester) -> None:
    with serving(answering(NOT_UTF_8)) as url:
        told(pytester, url)
        done = pytester.runpytest_inprocess("streamspec.toml::probe")
    done.assert_outcomes(failed=1)
    done.stdout.fnmatch_lines(["FAIL  SSE-03  MUST  probe@sse"])


def test_a_should_is_a_warning_of_ours(pytester: pytest.Pytester) -> None:
    with serving(answering(CACHED)) as url:
        told(pytester, url)
        done = pytester.runpytest_inprocess(f"{LOOK}::SSE-02", "-W", "always")
        done.assert_outcomes(passed=1, warnings=1)
        done.stdout.fnmatch_lines(["*StreamspecWarning: SSE-02 SHOULD, conformance/look@sse: *no Cache-Control*"])
        strict = "error::streamspec.harness.pytest_plugin.StreamspecWarning"
        pytester.runpytest_inprocess(f"{LOOK}::SSE-02", "-W", strict).assert_outcomes(failed=1)
        told(pytester, url, RULES + "strict = true\n")
        done = pytester.runpytest_inprocess(f"{LOOK}::SSE-02")
        done.assert_outcomes(failed=1)
        done.stdout.fnmatch_lines(["WARN  SSE-02  SHOULD  conformance/look@sse"])


def test_what_does_not_apply_is_skipped_with_what_to_add(pytester: pytest.Pytester, good: str) -> None:
    told(pytester, good, '[run]\nrules = ["LC-07"]\n')
    done = pytester.runpytest_inprocess("streamspec.toml", "-rs", "-k", "failing and LC-07")
    done.stdout.fnmatch_lines(["SKIPPED*to see it, add *--role failing=/path*"])
    assert done.parseoutcomes()["skipped"] >= 1


def test_inconclusive_is_an_error_with_its_reason(pytester: pytest.Pytester) -> None:
    def handler(connection: socket.socket) -> None:
        missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(missing if path(request(connection)).endswith("/none") else GOOD)

    with serving(handler) as url:
        roles = '[target.roles]\nfinite = { path = "/none", items = 3, seq = "$.n" }\n'
        told(pytester, url, roles + '[run]\nrules = ["OI-02"]\n')
        done = pytester.runpytest_inprocess("streamspec.toml", "-k", "finite and OI-02 and not script")
    assert done.parseoutcomes()["errors"] >= 1
    done.stdout.fnmatch_lines(["INCONCLUSIVE  OI-02  conformance/finite*@sse: finite answered 404"])


def test_a_target_that_refuses_makes_every_item_an_error_with_one_reason(pytester: pytest.Pytester) -> None:
    tries: list[int] = []

    def handler(connection: socket.socket) -> None:
        tries.append(1)
        request(connection)
        connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")

    with serving(handler) as url:
        told(pytester, url)
        done = pytester.runpytest_inprocess("streamspec.toml")
    outcomes = done.parseoutcomes()
    assert set(outcomes) == {"errors"}
    said = [line for line in done.outlines if line.startswith("no verdict: ")]
    assert len(said) == outcomes["errors"]
    assert set(said) == {f"no verdict: {url} answered 503 Service Unavailable"}
    assert len(tries) <= 2  # one probe, and never again


def test_a_command_that_dies_is_told_once_started(pytester: pytest.Pytester) -> None:
    dies = f"""{sys.executable} -c "print('no database'); exit(3)" {{port}}"""
    pytester.makefile(
        ".toml", streamspec=f"[target]\nurl = 'http://127.0.0.1:{{port}}/'\nspawn = '''{dies}'''\n{RULES}"
    )
    done = pytester.runpytest_inprocess("streamspec.toml", "-k", "SSE-02")
    done.assert_outcomes(errors=1, deselected=done.parseoutcomes()["deselected"])
    done.stdout.fnmatch_lines(["no verdict: the target exited with 3 *", "no database"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[target]\nurll = 'http://127.0.0.1:1/'", "*streamspec.toml: unknown key target.urll *did you mean url?"),
        ("[target]\nurl 3\n", "*streamspec.toml: Expected '=' after a key*line 2*"),
        ("[target]\nurl = 'http://127.0.0.1:1/'\n[run]\nbaseline = 'b.toml'", "--baseline *b.toml: No such file*"),
        ("[target]\nurl = 'http://127.0.0.1:1/'\n[run]\nrules = ['XY']", "*--rule XY: no such rule or family*"),
        ("[target]\nurl = 'http://127.0.0.1:1/'\n[pytest]\ncases = ['c/*.ndjson']", "*no file is called c/*.ndjson"),
        ("[target]\nobject = 'asyncio:Queue'\nurl = 'http://127.0.0.1:1/'", "*either a server is judged or an object*"),
    ],
)
def test_a_file_that_means_nothing_is_an_error_of_collection(pytester: pytest.Pytester, text: str, said: str) -> None:
    pytester.makefile(".toml", streamspec=text)
    done = pytester.runpytest_inprocess("streamspec.toml")
    assert done.ret is pytest.ExitCode.INTERRUPTED
    done.stdout.fnmatch_lines(["*ERROR collecting streamspec.toml*", said.replace("[", "[[]")])
    done.stdout.no_fnmatch_line("*Traceback*")


def test_collection_is_the_same_every_time(pytester: pytest.Pytester, good: str) -> None:
    told(pytester, good, "")
    first, second = (pytester.runpytest_inprocess("streamspec.toml", "--collect-only", "-q").outlines for _ in range(2))
    ids = [line for line in first if "::" in line]
    assert len(ids) > 200
    assert ids == [line for line in second if "::" in line]


def test_ci_reads_rule_and_level_in_the_junit_file(pytester: pytest.Pytester, good: str) -> None:
    told(pytester, good)
    pytester.runpytest_inprocess(f"{LOOK}::SSE-02", "--junitxml=j.xml").assert_outcomes(passed=1)
    text = (pytester.path / "j.xml").read_text()
    assert '<property name="rule" value="SSE-02" />' in text
    assert '<property name="level" value="SHOULD" />' in text
    assert 'name="SSE-02"' in text


# -- the baseline ------------------------------------------------------------------------------------------------------


def with_baseline(pytester: pytest.Pytester, handler: Handler, *words: str) -> pytest.RunResult:
    (pytester.path / "b.toml").write_text('[[known]]\nrule = "SSE-03"\nreason = "an old encoder"\n')
    with serving(handler) as url:
        told(pytester, url, RULES + 'baseline = "b.toml"\n')
        return pytester.runpytest_inprocess("streamspec.toml", *words)


def test_a_known_failure_is_expected_with_its_reason(pytester: pytest.Pytester) -> None:
    done = with_baseline(pytester, answering(NOT_UTF_8), "-rx")
    outcomes = done.parseoutcomes()
    assert outcomes["xfailed"] >= 2
    assert "failed" not in outcomes
    done.stdout.fnmatch_lines([f"XFAIL {LOOK}::SSE-03 - known: an old encoder"])


def test_a_new_failure_fails_beside_a_known_one(pytester: pytest.Pytester) -> None:
    untyped = NOT_UTF_8.replace(b"200 OK", b"201 Created")
    done = with_baseline(pytester, answering(untyped), "-k", "look and not beside")
    done.stdout.fnmatch_lines(["FAIL  SSE-01  MUST  conformance/look@sse"])
    assert done.parseoutcomes()["failed"] >= 1


def test_an_entry_that_is_kept_again_fails_in_one_item(pytester: pytest.Pytester) -> None:
    done = with_baseline(pytester, answering(GOOD))
    assert done.parseoutcomes()["failed"] == 1
    done.stdout.fnmatch_lines(
        ["stale baseline entry: *b.toml:1 SSE-03 passes now: remove it", "FAILED streamspec.toml::baseline*"]
    )


def test_the_baseline_plays_what_it_needs_when_it_runs_alone(pytester: pytest.Pytester) -> None:
    done = with_baseline(pytester, answering(NOT_UTF_8), "-k", "baseline")
    done.assert_outcomes(passed=1, deselected=done.parseoutcomes()["deselected"])


# -- objects, and cases that were stored -------------------------------------------------------------------------------


def test_an_object_is_judged_in_this_process(pytester: pytest.Pytester) -> None:
    pytester.makefile(".toml", streamspec='[target]\nobject = "mine_for_pytest:make"\n[run]\nrules = ["OI-01"]\n')
    pytester.makepyfile(mine_for_pytest="import asyncio\nmake = asyncio.Queue\n")
    done = pytester.runpytest_inprocess("streamspec.toml")
    outcomes = done.parseoutcomes()
    assert outcomes["passed"] >= 2
    assert set(outcomes) <= {"passed", "skipped"}


def test_a_stored_case_is_played_again_on_its_own_target(pytester: pytest.Pytester) -> None:
    with serving(answering(NOT_UTF_8)) as url:
        told(pytester, url)
        pytester.runpytest_inprocess(f"{LOOK}::SSE-03").assert_outcomes(failed=1)
        stored = pytester.path / ".streamspec" / "runs" / "last" / "conformance_look@sse.ndjson"
        (pytester.path / "case.ndjson").write_bytes(stored.read_bytes())
        done = pytester.runpytest_inprocess("case.ndjson", "-k", "SSE-03 or SSE-01")
    done.assert_outcomes(failed=1, passed=1, deselected=done.parseoutcomes()["deselected"])


def test_stored_cases_beside_the_file_are_played_on_its_target(pytester: pytest.Pytester) -> None:
    with serving(answering(NOT_UTF_8)) as url:
        told(pytester, url)
        pytester.runpytest_inprocess(f"{LOOK}::SSE-03").assert_outcomes(failed=1)
        stored = pytester.path / ".streamspec" / "runs" / "last" / "conformance_look@sse.ndjson"
        pytester.mkdir("cases")
        (pytester.path / "cases" / "found.ndjson").write_bytes(stored.read_bytes())
    with serving(answering(GOOD)) as url:
        told(pytester, url, RULES + '[pytest]\ncases = ["cases/*.ndjson"]\n')
        pytester.runpytest_inprocess("streamspec.toml::cases/found.ndjson::SSE-03").assert_outcomes(passed=1)
        # it is played even beside the case of the plan that has its id
        done = pytester.runpytest_inprocess("streamspec.toml", "-k", "SSE-01 and not beside")
        done.assert_outcomes(passed=2, deselected=done.parseoutcomes()["deselected"])
        names = {path.name for path in (pytester.path / ".streamspec" / "runs" / "last").iterdir()}
    assert {"conformance_look@sse.ndjson", "cases_found@sse.ndjson"} <= names


def test_a_file_of_other_lines_is_left_to_others(pytester: pytest.Pytester) -> None:
    (pytester.path / "x.ndjson").write_text(json.dumps({"n": 1}) + "\n")
    assert pytester.runpytest_inprocess("x.ndjson").ret is pytest.ExitCode.USAGE_ERROR
