"""What a load finds and says, on whole loads: a stall of known size, several workers, and every way to be cut short.

Heavy, and about times: for a machine that does nothing else.
"""

from __future__ import annotations

import asyncio
import json
import signal
import statistics
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import psutil
import pytest
from load_engine import END
from raw_server import CHUNKED_HEAD, chunk, event, request, serving
from served_reference import served_reference

from streamspec.harness import embedded_target
from streamspec.harness.assembly import Settings, run_target
from streamspec.harness.core.judge import Outcome
from streamspec.harness.core.ports import Request
from streamspec.harness.core.run import counts
from streamspec.harness.engine.free_port import free_port
from streamspec.reference_impl.broken import variants

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator
    from pathlib import Path

COMMAND: Final = [sys.executable, "-m", "streamspec.harness.cli", "load"]
LONGEST_S: Final = 300.0
PLAIN: Final = ("--profile", "streamspec", "--role", "finite.seq=$.n", "-o", "json=out.json")
WORDS: Final = (*PLAIN, "--role", "finite=finite?n=3", "--role", "finite.items=3")
# No divisor of the period, so that the streams fall anywhere in the stalls and not at the same places of each; and no
# more than the server works off in no time once it goes on.
RATE: Final = 13.7
LOADED: Final = tuple(variant for variant in variants() if variant.by == "load")
# How each is loaded: enough streams at once, or for long enough.
HOW: Final = {
    "stands-still": (*WORDS, "--rate", str(RATE), "--duration", "15", "--max", "ttfe.p99=200"),
    "loses-in-a-crowd": (
        *(*PLAIN, "--role", "finite=./?n=20&period_ms=50", "--role", "finite.items=20"),
        *("--rate", "60", "--duration", "5"),
    ),
}
# A stall of 500 ms in every 5 s: of streams due at any time, one in a hundred waits longer than 450 ms.
DUE_P99_MS: Final = 450.0


@pytest.fixture(scope="module")
def reference() -> Iterator[str]:
    with served_reference() as url:
        yield url


@contextmanager
def begun(home: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*COMMAND, *words], cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def loaded(home: Path, *words: str) -> tuple[int, dict[str, Any]]:
    with begun(home, *words) as process:
        _, errors = process.communicate(timeout=LONGEST_S)
        assert (home / "out.json").exists(), errors
        return process.returncode, json.loads((home / "out.json").read_text())


def section(said: dict[str, Any], title: str) -> dict[str, Any]:
    found = next(part for part in said["sections"] if part["title"].partition(":")[0] == title)
    return {figure["what"]: figure["value"] for figure in found["figures"]}


def until_streams_begin(process: subprocess.Popen[str]) -> None:
    assert process.stderr
    said = []
    for line in process.stderr:
        said.append(line)
        if "streams that were due have begun" in line:
            return
    raise AssertionError("".join(said))


def child_of(process: subprocess.Popen[str], word: str) -> psutil.Process:
    return next(p for p in psutil.Process(process.pid).children(recursive=True) if any(word in w for w in p.cmdline()))


def test_a_stall_of_known_size_shows_in_p99_within_five_per_cent(reference: str, tmp_path: Path) -> None:
    url = f"{reference}/broken/stands-still/"
    said = [loaded(tmp_path, url, *WORDS, "--rate", str(RATE), "--duration", "45") for _ in range(3)]
    assert [code for code, _ in said] == [0, 0, 0]
    figures = [section(document, "ttfe") for _, document in said]
    assert statistics.median(figure["p99"] for figure in figures) == pytest.approx(DUE_P99_MS, rel=0.05), figures


def test_what_a_server_waits_is_what_is_measured(tmp_path: Path) -> None:
    """One that waits 100 ms before its first item and 50 ms before its second, as well as its machine can."""

    def handler(connection: socket.socket) -> None:
        request(connection)
        connection.sendall(CHUNKED_HEAD)
        for number, wait_s in ((1, 0.1), (2, 0.05)):
            time.sleep(wait_s)
            connection.sendall(chunk(event(number)))
        connection.sendall(END)

    with serving(handler) as url:
        words = ("--role", "finite=/", "--role", "finite.items=2", "--rate", "20", "--duration", "5")
        code, said = loaded(tmp_path, url, *PLAIN, *words)
    assert code == 0
    measured = {name: section(said, name)["p50"] for name in ("ttfb", "ttfe", "gap", "whole")}
    assert measured["ttfb"] < 25
    assert measured["ttfe"] == pytest.approx(100, rel=0.1)
    assert measured["gap"] == pytest.approx(50, rel=0.05)
    assert measured["whole"] == pytest.approx(150, rel=0.1)


def test_locusts_own_report_shows_the_load(reference: str, tmp_path: Path) -> None:
    loaded(tmp_path, reference, *WORDS, "--duration", "2", "--locust-html", "locust.html")
    page = (tmp_path / "locust.html").read_text()
    assert all(f'"name": "{name}"' in page for name in ("ttfb", "ttfe", "whole"))


def test_a_closed_loop_hides_it(reference: str) -> None:
    """The same requests, one after another: while it stands still, nobody asks."""
    url, took_ms = f"{reference}/broken/stands-still/finite?n=3", []
    end_s = time.monotonic() + 20
    while time.monotonic() < end_s:
        began_s = time.monotonic()
        with urllib.request.urlopen(url) as answer:
            answer.read()
        took_ms.append((time.monotonic() - began_s) * 1e3)
    p99 = sorted(took_ms)[-max(1, len(took_ms) // 100)]
    assert p99 < DUE_P99_MS / 2, p99
    assert max(took_ms) > DUE_P99_MS  # it did stand still meanwhile


@pytest.mark.parametrize("variant", LOADED, ids=lambda variant: variant.name)
def test_the_fixed_cases_do_not_see_what_a_load_finds(reference: str, variant: Any, tmp_path: Path) -> None:
    url = f"{reference}/broken/{variant.name}/"
    settings = Settings(
        look=Request(url),
        roles=embedded_target.roles("sse"),
        tells=embedded_target.TELLS,
        binding="sse",
        profile=embedded_target.PROFILE,
        claims=embedded_target.CLAIMS,
        script=f"{url}script",
    )
    run = asyncio.run(run_target(settings, lambda *_: None))
    assert run.problem == ""
    found = counts(run)
    assert found[Outcome.PASS] > len(found)
    assert {outcome: found[outcome] for outcome in (Outcome.FAIL, Outcome.WARN, Outcome.ERROR)} == {
        Outcome.FAIL: 0,
        Outcome.WARN: 0,
        Outcome.ERROR: 0,
    }
    code, said = loaded(tmp_path, url, *HOW[variant.name])
    assert code == 1
    broken = {rule["id"] for rule in said["rules"] if rule["outcome"] in {"FAIL", "WARN"}}
    assert broken <= {variant.kills, *variant.also}
    assert variant.kills in broken or any(words.startswith(variant.kills) for words in said["crossed"])
    assert all(because in json.dumps(said, ensure_ascii=False) for because in variant.because)


@contextmanager
def two_workers(home: Path, port: int) -> Iterator[list[subprocess.Popen[str]]]:
    words = ("--worker", "--master-port", str(port))
    with begun(home, *words) as one, begun(home, *words) as other:
        yield [one, other]


def test_two_workers_share_a_load_and_their_figures_are_added_up(reference: str, tmp_path: Path) -> None:
    port = free_port()
    with two_workers(tmp_path, port) as workers:
        words = ("--expect-workers", "2", "--master-port", str(port), "--rate", "40", "--duration", "5")
        code, said = loaded(tmp_path, reference, *WORDS, *words)
        assert [worker.wait(LONGEST_S) for worker in workers] == [0, 0]
    assert code == 0
    streams = section(said, "streams")
    assert (streams["due"], streams["good"], section(said, "our engines")["engines"]) == (200, 200, 2)
    assert section(said, "whole")["samples"] == 200


@pytest.mark.parametrize("whom", ["locust", "load_child"])
def test_a_worker_that_is_killed_leaves_no_verdict(reference: str, tmp_path: Path, whom: str) -> None:
    port = free_port()
    with two_workers(tmp_path, port) as workers:
        words = ("--expect-workers", "2", "--master-port", str(port), "--rate", "40", "--duration", "20")
        with begun(tmp_path, reference, *WORDS, *words) as master:
            until_streams_begin(master)
            child_of(workers[0], whom).kill()
            master.communicate(timeout=LONGEST_S)
        for worker in workers:
            worker.communicate(timeout=LONGEST_S)
    assert master.returncode == 3
    said = json.loads((tmp_path / "out.json").read_text())
    assert said["problem"].startswith("engine ")
    assert section(said, "streams")["good"] > 0  # what came before is told, and that it is not all


def test_an_engine_that_is_killed_leaves_no_verdict(reference: str, tmp_path: Path) -> None:
    with begun(tmp_path, reference, *WORDS, "--duration", "60") as process:
        until_streams_begin(process)
        child_of(process, "load_child").kill()
        process.communicate(timeout=LONGEST_S)
    assert process.returncode == 3
    assert "without its final word" in json.loads((tmp_path / "out.json").read_text())["problem"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_a_truthful_partial_result(
    reference: str, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with begun(tmp_path, reference, *WORDS, "--duration", "600") as process:
        until_streams_begin(process)
        process.send_signal(number)
        process.communicate(timeout=LONGEST_S)
    assert process.returncode == code
    said = json.loads((tmp_path / "out.json").read_text())
    streams = section(said, "streams")
    assert 0 < streams["due"] < 12_000
    assert streams["started"] == streams["good"] + streams["failed"] + streams["stopped"]
    assert said["problem"] == ""
    assert any("stopped before" in note for note in said["notes"])


def test_nobody_outlives_us(reference: str, tmp_path: Path) -> None:
    with begun(tmp_path, reference, *WORDS, "--duration", "600") as process:
        until_streams_begin(process)
        family = psutil.Process(process.pid).children(recursive=True)
        assert len(family) == 2  # Locust, and its engine
        process.kill()
        gone, alive = psutil.wait_procs(family, timeout=30)
    assert (len(gone), alive) == (2, [])
