"""`streamspec fault` as a person meets it, and what it shows that `run` does not."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import jsonschema
import pytest
from click.testing import CliRunner
from raw_server import CHUNKED_HEAD, chunk, event, serving
from served_reference import served_reference

from streamspec.harness import embedded_target
from streamspec.harness.assembly import Settings, run_target
from streamspec.harness.cli import main
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.ports import Request
from streamspec.harness.core.run import lines
from streamspec.harness.faulting import Faulting, run_faults
from streamspec.reference_impl.broken import variants
from streamspec.reports.json_document import schema

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

    from streamspec.harness.core.run import Run
    from streamspec.reference_impl.variant import Variant

COMMAND: Final = [sys.executable, "-m", "streamspec.harness.cli"]
LONGEST_S: Final = 120.0
VARIANTS: Final = tuple(variant for variant in variants() if variant.by == "fault")
SLOW: Final = ("large", "idle", "prompt")  # roles that take their time, and of which no variant of a resume is
BAD: Final = (Outcome.FAIL, Outcome.WARN)


@pytest.fixture(scope="module")
def reference() -> Iterator[str]:
    with served_reference() as url:
        yield url


def fault(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "FORCE_COLOR"}} | environment
    return subprocess.run(
        [*COMMAND, "fault", *words], cwd=home, env=env, capture_output=True, text=True, timeout=LONGEST_S, check=False
    )


def settings(url: str, on: str = "sse", *rules: str) -> Settings:
    return Settings(
        look=Request(url + embedded_target.path(on)),
        roles=embedded_target.roles(on),
        profile=embedded_target.PROFILE,
        binding=on,
        rules=rules,
    )


def outcomes(run: Run) -> dict[str, Outcome]:
    return {line.rule.id: line.outcome for line in lines(run)}


# -- what it finds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_a_defect_that_only_a_fault_shows_is_found_for_its_reason(reference: str, variant: Variant) -> None:
    url = f"{reference}/broken/{variant.name}/"
    run = asyncio.run(run_faults(settings(url, "sse", variant.kills), Faulting(("limit_data",)), lambda *_: None))
    found = {rule for rule, outcome in outcomes(run).items() if outcome in BAD}
    assert found == {variant.kills}, run.problem
    told = " / ".join(
        f"expected {f.expected}, got {f.got}"
        for line in lines(run)
        for _, verdict in line.told
        for f in verdict.findings
    )
    assert all(re.search(re.escape(words), told) for words in variant.because), told


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_and_run_sees_nothing_of_it(reference: str, variant: Variant) -> None:
    said = settings(f"{reference}/broken/{variant.name}/")
    quick = tuple(word for word in said.roles if not word.startswith(SLOW))
    run = asyncio.run(run_target(replace(said, roles=quick), lambda *_: None))
    seen = outcomes(run)
    assert {rule for rule, outcome in seen.items() if outcome in BAD} == set(), run.problem
    assert seen[variant.kills] is Outcome.PASS


def test_there_is_a_defect_that_only_a_fault_shows() -> None:
    assert [variant.kills for variant in VARIANTS] == ["RC-02"]


@pytest.mark.parametrize(
    ("toxic", "rules", "on"),
    [
        ("slicer", ("OI-02", "OI-04", "ND-01"), "ndjson"),
        ("cut_at", ("LC-16", "CN-21"), "sse"),
    ],
)
def test_the_reference_is_green_over_every_way(reference: str, toxic: str, rules: tuple[str, ...], on: str) -> None:
    run = asyncio.run(run_faults(settings(f"{reference}/", on, *rules), Faulting((toxic,)), lambda *_: None))
    seen = outcomes(run)
    assert {rule: seen.get(rule) for rule in rules} == dict.fromkeys(rules, Outcome.PASS), run.problem
    assert set(seen.values()) <= {Outcome.PASS, Outcome.SKIP}


def test_a_cut_is_drawn_from_the_seed_and_told(reference: str) -> None:
    def told(seed: int) -> list[str]:
        made = replace(settings(f"{reference}/", "sse", "RC-02"), seed=seed)
        run = asyncio.run(run_faults(made, Faulting(("cut_at",)), lambda *_: None))
        history = run.results[-1].history
        assert history
        acts = [getattr(record.event, "act", "") for record in history.records]
        assert run.sections[0].title == "faults"
        assert any(figure.what == "streams cut by cut_at" for figure in run.sections[0].figures)
        return [act for act in acts if act.startswith("poison:")]

    first, again, other = told(1), told(1), told(2)
    assert len(first) == 6
    assert first == again
    assert first != other


# -- the command -------------------------------------------------------------------------------------------------------


def test_without_a_target_the_embedded_reference_is_led_through_the_proxy(tmp_path: Path) -> None:
    done = fault(tmp_path, "--toxic", "down", "--rule", "RC-02", "-o", "json=report.json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "faults/down/resume@sse" in done.stderr
    assert re.search(r"streams cut by down +3, behind body octets \d+, \d+, \d+", done.stdout)
    document = json.loads((tmp_path / "report.json").read_text())
    jsonschema.validate(document, schema())
    assert document["sections"][0]["title"] == "faults"
    assert document["stored"]


def test_objects_meet_the_same_faults_in_their_process(tmp_path: Path) -> None:
    name = "streamspec.reference_impl.objects:aio.pause_loses"
    done = fault(tmp_path, "--object", name, "--toxic", "pause", "--no-store")
    assert done.returncode == 1
    assert re.search(r"FAIL +OI-02", done.stdout)
    assert "faults/pause/object@inprocess" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--toxic", "rain"), "--toxic rain: nothing is tried with it (there are bandwidth, cancel, cut_at, down"),
        (("--toxiproxy", "no/such/program"), "--toxiproxy no/such/program: there is no such program"),
        (("--toxiproxy", "http://127.0.0.1:1"), "--toxiproxy http://127.0.0.1:1: no Toxiproxy answers there"),
        (("--toxiproxy", "ftp://127.0.0.1"), "write http://HOST:PORT, or the path of a toxiproxy-server"),
        (("--toxiproxy", sys.executable), "it did not begin to serve the API of Toxiproxy"),
        (("--object", "asyncio:Queue", "--toxiproxy", "x"), "--toxiproxy leads to servers, and --object was given"),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_code_2(words: tuple[str, ...], told: str) -> None:
    done = CliRunner().invoke(main, ["fault", *words, "--no-store"])
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].startswith("streamspec: ")
    assert told in done.stderr


def test_a_missing_client_is_one_line_that_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "toxiproxy.py").write_text("raise ImportError('not here')\n")
    done = fault(tmp_path, "--no-store", PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.strip() == "streamspec: fault needs toxiproxy-python: pip install 'streamspec[faults]'"


def test_nobody_at_the_url_is_no_verdict(tmp_path: Path) -> None:
    done = fault(tmp_path, "http://127.0.0.1:1/", "--no-store")
    assert done.returncode == 3
    assert "no verdict" in done.stdout


def test_a_signal_leaves_a_true_partial_report(tmp_path: Path) -> None:
    def silent(connection: socket.socket) -> None:
        connection.sendall(CHUNKED_HEAD + chunk(event(1)))
        while connection.recv(65_536):
            pass

    words = [*COMMAND, "fault", "-o", "json=report.json"]
    with (
        serving(silent) as url,
        subprocess.Popen([*words, url], cwd=tmp_path, stderr=subprocess.PIPE, text=True) as child,
    ):
        assert child.stderr
        for line in child.stderr:
            if "faults/latency/look" in line:
                child.send_signal(signal.SIGINT)
                break
        child.communicate(timeout=LONGEST_S)
        assert child.returncode == 130
    document: dict[str, Any] = json.loads((tmp_path / "report.json").read_text())
    jsonschema.validate(document, schema())
    assert not document["complete"]
    assert "faults" in [section["title"] for section in document["sections"]]
