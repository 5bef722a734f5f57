"""The command as a person meets it: a process, its words, its exit code, its files."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from raw_server import CHUNKED_HEAD, SSE_HEAD, answering, chunk, event, flooding, request, serving
from served_reference import served_reference

from streamspec.harness.assembly import all_rules, concerns
from streamspec.reports.json_document import schema

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMAND = [sys.executable, "-m", "streamspec.harness.cli"]
LONGEST_S = 300.0
ROLES = (
    *("--profile", "streamspec", "--role", "finite=finite?n=100", "--role", "finite.items=100"),
    *("--role", "finite.seq=$.n", "--role", "failing=failing?after=3", "--role", "failing.items_before=3"),
)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """An empty working directory."""
    return tmp_path


@pytest.fixture(scope="module")
def reference() -> Iterator[str]:
    with served_reference(stderr=subprocess.DEVNULL) as url:
        yield url


def streamspec(home: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k not in {"NO_COLOR", "FORCE_COLOR"}} | environment
    return subprocess.run(
        [*COMMAND, *words], cwd=home, env=env, capture_output=True, text=True, timeout=LONGEST_S, check=False
    )


def report(home: Path, *words: str) -> tuple[int, dict[str, Any]]:
    """Run with a JSON report; the exit code and the document, which fits its published schema."""
    done = streamspec(home, "run", *words, "-o", "json=report.json")
    assert (home / "report.json").exists(), done.stderr
    document = json.loads((home / "report.json").read_text())
    jsonschema.validate(document, schema())
    assert document["exit_code"] == done.returncode
    return done.returncode, document


def outcomes(document: dict[str, Any]) -> dict[str, str]:
    return {rule["id"]: rule["outcome"] for rule in document["rules"]}


def test_without_a_target_the_embedded_reference_is_judged_and_green(home: Path) -> None:
    code, document = report(home)
    assert code == 0
    seen = outcomes(document)
    assert {rule for rule, outcome in seen.items() if outcome != "PASS"} == set()
    assert set(seen) == {rule.id for rule in all_rules() if concerns(rule, in_process=False)}
    assert document["complete"]


def test_a_stored_run_is_judged_again_without_traffic(home: Path) -> None:
    _, before = report(home, "--rule", "LC-16", "--rule", "SSE-01")
    done = streamspec(home, "judge", ".streamspec/runs/last", "-o", "json=-")
    assert done.returncode == 0
    assert outcomes(json.loads(done.stdout)) == outcomes(before) == {"LC-16": "PASS", "SSE-01": "PASS"}


def test_a_failure_shows_all_that_its_owner_needs(home: Path, reference: str) -> None:
    done = streamspec(home, "run", f"{reference}/broken/hides-failure/", *ROLES)
    assert done.returncode == 1
    text = done.stdout
    start = text.index("── FAIL  LC-07")
    told = text[start:]
    for words in (
        "A handler's exception ends the stream in bounded time as an error, never as completion.",
        "source    seed 000",
        f"sent      GET {reference}/broken/hides-failure/failing?after=3",
        "expected  an error, or an end that is visibly broken",
        "got       the success terminal",
        "    >  ",
        "why       A failure that looks like a clean end",
        "curl -N -i -sS",
        "streamspec judge .streamspec/runs/",
    ):
        assert words in told, words


def test_the_printed_commands_really_show_the_failure_again(home: Path, reference: str) -> None:
    done = streamspec(home, "run", f"{reference}/broken/hides-failure/", *ROLES, "-o", "json=report.json")
    assert done.returncode == 1
    failure = json.loads((home / "report.json").read_text())["failures"][0]
    curl, again = shlex.split(failure["reproduce"][0]), shlex.split(failure["reproduce"][-1])
    shown = subprocess.run(curl, capture_output=True, text=True, timeout=LONGEST_S, check=True).stdout
    assert "event: end" in shown
    assert again[0] == "streamspec"
    judged = streamspec(home, *again[1:])
    assert judged.returncode == 1
    assert "FAIL" in judged.stdout
    assert "LC-07" in judged.stdout


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("run", "--frobnicate"), "No such option"),
        (
            ("run", "--rule", "LC-61", "http://127.0.0.1:1/"),
            "--rule LC-61: no such rule or family; did you mean LC-16?",
        ),
        (("run", "http://127.0.0.1:1/", "--role", "finit=/x"), "no role 'finit'"),
        (("run", "http://127.0.0.1:1/", "--role", "finite.itens=3"), "did you mean items?"),
        (("run", "http://127.0.0.1:1/", "--role", "finite.items=3"), "--role finite=/path"),
        (("run", "http://127.0.0.1:1/", "--binding", "see"), "--binding see: no such binding (there are "),
        (("run", "http://127.0.0.1:1/", "--profile", "plein"), "did you mean plain?"),
        (("run", "http://127.0.0.1:1/", "--profile", "no/such.toml"), "no/such.toml: No such file"),
        (("run", "ftp://127.0.0.1/"), "http:// or https://"),
        (("run", "http://user:pw@127.0.0.1/"), "credentials do not belong into a URL"),
        (("run", "--profile", "plain"), "no URL was given"),
        (("run", "-o", "xml=x", "http://127.0.0.1:1/"), "FORMAT one of json, junit, markdown, text"),
        (("run", "-o", "json=no/such/dir/x.json", "http://127.0.0.1:1/"), "cannot be written"),
        (("run", "-H", "nocolon", "http://127.0.0.1:1/"), "'Name: value'"),
        (("run", "-X", "G ET", "http://127.0.0.1:1/"), "no request method"),
        (("judge", "no/such/run"), "no stored run and no history"),
        (("explain", "LC-99"), "no such rule"),
    ],
)
def test_bad_words_are_one_line_and_exit_2(home: Path, words: tuple[str, ...], says: str) -> None:
    done = streamspec(home, *words)
    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert not (home / ".streamspec").exists()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def assert_no_verdict(home: Path, url: str, says: str) -> None:
    code, document = report(home, url)
    assert code == 3
    assert says in document["problem"]
    assert "PASS" not in outcomes(document).values()


def test_a_dead_target_is_no_verdict(home: Path) -> None:
    assert_no_verdict(home, f"http://127.0.0.1:{free_port()}/", "connection refused")


def test_an_echo_is_no_verdict(home: Path) -> None:
    def echo(connection: socket.socket) -> None:
        while data := connection.recv(65_536):
            connection.sendall(data)

    with serving(echo) as url:
        assert_no_verdict(home, url, "not HTTP")


def test_a_server_that_closes_at_once_is_no_verdict(home: Path) -> None:
    with serving(lambda connection: connection.close()) as url:
        assert_no_verdict(home, url, "before any answer")


def test_one_html_page_for_every_request_is_no_verdict(home: Path) -> None:
    page = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<p>data: </p>"
    with serving(answering(page)) as url:
        assert_no_verdict(home, url, "text/html, which is no stream that we know")


def test_one_json_body_for_every_request_is_no_verdict(home: Path) -> None:
    body = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'
    with serving(answering(body)) as url:
        assert_no_verdict(home, url, "application/json")


@pytest.mark.parametrize("kind", [b"text/html", b"application/json"])
def test_a_page_that_is_declared_a_stream_passes_nothing(home: Path, kind: bytes) -> None:
    page = b'HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: 11\r\n\r\n{"ok":true}' % kind
    with serving(answering(page)) as url:
        code, document = report(home, url, "--binding", "sse")
    assert code == 1
    assert outcomes(document)["SSE-01"] == "FAIL"
    assert [rule for rule, outcome in outcomes(document).items() if outcome == "PASS"] == []


def test_endless_headers_are_no_verdict(home: Path) -> None:
    with serving(flooding(b"HTTP/1.1 200 OK\r\n", b"X-More: and more and more\r\n" * 100)) as url:
        assert_no_verdict(home, url, "exceeds our limits")


def test_one_endless_line_ends_in_bounded_time_and_passes_nothing(home: Path) -> None:
    with serving(flooding(SSE_HEAD + b"\r\ndata: ", b"x" * 65_536)) as url:
        began = time.monotonic()
        code, document = report(home, url)
    assert code == 3
    assert time.monotonic() - began < 40
    assert "PASS" not in outcomes(document).values()


def test_a_finite_stream_without_its_last_chunk_fails_the_framing_rule(home: Path) -> None:
    with serving(answering(CHUNKED_HEAD, chunk(event(1)), chunk(event(2)))) as url:
        code, document = report(home, url, "--role", "finite=/", "--role", "finite.items=2", "--role", "finite.seq=$.n")
    assert code == 1
    assert outcomes(document)["CJ-02"] == "FAIL"
    assert outcomes(document)["OI-02"] == "INCONCLUSIVE"


def test_a_constant_but_valid_event_stream_passes_wire_rules_and_nothing_else(home: Path) -> None:
    with serving(answering(CHUNKED_HEAD, chunk(event(1)), b"0\r\n\r\n")) as url:
        code, document = report(home, url)
    assert code == 0
    assert {rule for rule, outcome in outcomes(document).items() if outcome == "PASS"} == {
        *("CJ-02", "CJ-12", "SSE-01", "SSE-02", "SSE-03", "SSE-04", "SSE-06", "SSE-12", "SSE-13")
    }
    recovery = next(rule for rule in document["rules"] if rule["id"] == "LC-16")
    assert recovery["outcome"] == "INCONCLUSIVE"  # it was over before we could leave it
    assert "nothing was disturbed" in recovery["reason"]


def test_an_endless_stream_is_a_normal_target(home: Path) -> None:
    with serving(flooding(CHUNKED_HEAD, chunk(event(1)))) as url:
        code, document = report(home, url)
    assert code == 0
    assert outcomes(document)["LC-16"] == "PASS"


def test_a_target_that_dies_in_the_middle_keeps_the_earlier_results(home: Path) -> None:
    served = 0

    def dying(connection: socket.socket) -> None:
        nonlocal served
        request(connection)
        served += 1
        if served <= 5:
            connection.sendall(CHUNKED_HEAD + chunk(event(1)) + b"0\r\n\r\n")

    with serving(dying) as url:
        _, document = report(home, url)
    assert outcomes(document)["SSE-01"] == "INCONCLUSIVE"  # the worst of its cases: one did not run
    assert any("not back after" in case["note"] for case in document["cases"])
    first = next(case for case in document["cases"] if case["id"] == "conformance/look@sse")
    assert {v["rule"]: v["outcome"] for v in first["verdicts"]}["SSE-01"] == "PASS"


def test_hostile_octets_reach_neither_terminal_nor_report_as_themselves(home: Path) -> None:
    evil = b"data: \x1b[31m\x1b]0;owned\x07[red]\xe2\x80\xae\xff</script>\n\n"
    head = b"HTTP/1.1 200 \x1b[2J\r\nContent-Type: text/event-stream\r\nX-\x1b: 1\r\nTransfer-Encoding: chunked\r\n\r\n"
    with serving(answering(head, chunk(evil), b"0\r\n\r\n")) as url:
        done = streamspec(home, "run", url, "-o", "json=report.json")
    texts = done.stdout + done.stderr + (home / "report.json").read_text()
    assert "FAIL  " in done.stdout
    assert not [c for c in texts if ord(c) < 32 and c != "\n"]
    assert "\u202e" not in texts


def test_colour_is_asked_for_or_not_there(home: Path) -> None:
    words = ("run", "--rule", "SSE-01", "--no-store")
    assert "\x1b[" not in streamspec(home, *words).stdout
    assert "\x1b[32m" in streamspec(home, *words, FORCE_COLOR="1").stdout
    assert "\x1b[" not in streamspec(home, *words, FORCE_COLOR="1", NO_COLOR="1").stdout
    assert "\x1b[32m" in streamspec(home, *words, "--color", "always", NO_COLOR="1").stdout


def test_an_ascii_terminal_gets_ascii(home: Path) -> None:
    done = streamspec(home, "run", "--rule", "SSE-01", "--no-store", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert done.stdout.isascii()


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_leaves_a_true_partial_report_and_no_process(home: Path, name: str, code: int) -> None:
    def silent(connection: socket.socket) -> None:
        connection.sendall(CHUNKED_HEAD + chunk(event(1)))
        while connection.recv(65_536):
            pass

    with (
        serving(silent) as url,
        subprocess.Popen(
            [*COMMAND, "run", url, "-o", "json=report.json"],
            cwd=home,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as child,
    ):
        assert child.stderr
        for line in child.stderr:
            if "conformance/look-beside" in line:
                child.send_signal(getattr(signal, name))
                break
        child.communicate(timeout=LONGEST_S)
        assert child.returncode == code
    document = json.loads((home / "report.json").read_text())
    jsonschema.validate(document, schema())
    assert document["stopped"] == name
    assert not document["complete"]
    assert [case["id"] for case in document["cases"]] == ["probe@sse", "conformance/look@sse"]


def test_a_reader_that_leaves_is_no_error(home: Path) -> None:
    done = subprocess.run(
        f"{shlex.join(COMMAND)} list | head -1",
        shell=True,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert re.match(r"[A-Z]{2,3}-[0-9]{2} ", done.stdout)
    assert "Traceback" not in done.stderr


def test_the_help_is_light(home: Path) -> None:
    code = (
        "import sys, runpy\nsys.argv = ['streamspec', '--help']\n"
        "try: runpy.run_module('streamspec.harness.cli', run_name='__main__')\nexcept SystemExit: pass\n"
        "print([m for m in ('rich', 'msgspec', 'uvicorn', 'h11', 'asyncio.subprocess', 'locust') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True, check=True)
    assert "Exit codes" in done.stdout
    assert done.stdout.splitlines()[-1] in {"[]", "['asyncio.subprocess']"}


def test_serve_serves_the_reference_until_it_is_told_to_end(home: Path) -> None:
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", "0"], cwd=home, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        url = child.stdout.readline().split()[2]
        done = streamspec(home, "run", url, "--no-store")
        child.send_signal(signal.SIGINT)
        child.communicate(timeout=LONGEST_S)
    assert done.returncode == 0
    assert child.returncode == 0


def test_a_request_can_be_a_post_with_headers_and_a_body(home: Path) -> None:
    seen: list[bytes] = []

    def posted(connection: socket.socket) -> None:
        data = request(connection)
        while not data.endswith(b'{"stream":true}'):
            data += connection.recv(65_536)
        seen.append(data)
        connection.sendall(CHUNKED_HEAD + chunk(event(1)) + b"0\r\n\r\n")

    with serving(posted) as url:
        code, document = report(
            home,
            url,
            "-d",
            '{"stream":true}',
            "-H",
            "Authorization: Bearer canary",
            "-H",
            "Content-Type: application/json",
        )
    assert code == 0, document
    assert seen[0].startswith(b"POST / HTTP/1.1\r\n")
    assert b"Authorization: Bearer canary" in seen[0]
    kept = "".join(p.read_text() for p in (home / ".streamspec").rglob("*.*") if p.is_file())
    assert "canary" not in kept + json.dumps(document)
