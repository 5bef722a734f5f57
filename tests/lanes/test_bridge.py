"""XB-03: a bridge from one binding to another shows what the server behind it says: the items in their order, the end,
the code. And so does what follows from XB-02: who leaves the bridge is seen to leave behind it.

Scripts are drawn, and what is compared is abstract, as in `test_bindings_agree.py`. That a comparison can fail is shown
by the same bridge spoiled. A lane: `pytest tests/lanes/test_bridge.py`.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
from bridge_server import EXAMPLE, served_bridge
from hypothesis import HealthCheck, find, given, settings
from raw_server import CHUNKED_HEAD, chunk, event, request, serving
from script_traces import SCRIPTS, TO_ITS_END, generated, held, left, outcome, played, trace
from served_reference import served_reference

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from script_traces import Trace

    from streamspec.harness.core.steps import Step
    from streamspec.harness.held_target import HeldTarget

EXAMPLES: Final = 20
LONGEST_S: Final = 300
# What a client asks the bridge over, and what the bridge asks over.
BRIDGES: Final[tuple[tuple[str, str], ...]] = (("sse", "ws"), ("ws", "sse"), ("ndjson", "tcp"), ("ws", "tcp"))
DIRECTLY: Final = "ws"
RULES: Final = ("CN-02", "CN-04", "DR-01", "ER-02", "ER-04", "LC-07", "OI-01", "OI-02", "OI-04")


@pytest.fixture(scope="module")
def reference() -> Iterator[str]:
    with served_reference("--good-alone") as url:
        yield f"{url}/script"


@pytest.fixture(scope="module")
def directly(reference: str) -> Iterator[HeldTarget]:
    target = held(reference, DIRECTLY)
    yield target
    target.close()


@pytest.fixture(scope="module")
def bridges(reference: str) -> Iterator[Mapping[tuple[str, str], HeldTarget]]:
    """The honest bridge, opened once over each pair of bindings."""
    with served_bridge("honest", reference) as url:
        found = {(shown, over): held(f"{url}/{over}", shown) for shown, over in BRIDGES}
        yield found
        for target in found.values():
            target.close()


def shown(target: HeldTarget, on: str, steps: tuple[Step, ...]) -> Trace:
    return trace(played(target, on, steps, TO_ITS_END))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps=SCRIPTS)
def test_a_bridge_shows_what_the_server_behind_it_says(
    directly: HeldTarget, bridges: Mapping[tuple[str, str], HeldTarget], steps: tuple[Step, ...]
) -> None:
    through = {pair: shown(target, pair[0], steps) for pair, target in bridges.items()}
    assert set(through.values()) == {shown(directly, DIRECTLY, steps)}, through


@pytest.mark.parametrize(
    ("kind", "pair", "wrong"),
    [
        ("swaps_two", ("sse", "ws"), "the order"),
        ("ends_well", ("ws", "sse"), "completed"),
        ("drops_the_code", ("ndjson", "tcp"), "failed UNKNOWN"),
    ],
)
def test_drawn_scripts_find_a_bridge_that_is_spoiled(
    reference: str, directly: HeldTarget, kind: str, pair: tuple[str, str], wrong: str
) -> None:
    binding, over = pair
    with served_bridge(kind, reference) as url:
        target = held(f"{url}/{over}", binding)

        def both(steps: tuple[Step, ...]) -> tuple[Trace, Trace]:
            return shown(directly, DIRECTLY, steps), shown(target, binding, steps)

        found = find(SCRIPTS, lambda steps: len(set(both(steps))) > 1, settings=generated(EXAMPLES))
        (items, end), (wrong_items, wrong_end) = both(found)
        target.close()
    if wrong == "the order":
        assert (sorted(map(repr, items)), end) == (sorted(map(repr, wrong_items)), wrong_end)
    else:
        assert (items, wrong) == (wrong_items, wrong_end)


@pytest.mark.parametrize("end", [b"", chunk(b"")])
def test_what_is_cut_off_behind_a_bridge_is_no_success(end: bytes) -> None:
    """Inside the message, and at the end of one that has no terminal."""

    def cut(connection: socket.socket) -> None:
        if b"features" in request(connection):
            body = json.dumps({"contract": 1, "streams": {"sse": "sse"}}).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        else:
            connection.sendall(CHUNKED_HEAD + chunk(event(1)) + end)

    wish = urlencode({"run": "r", "script": '{"steps": []}'})
    with (
        serving(cut) as base,
        served_bridge("honest", base.rstrip("/")) as url,
        urlopen(f"{url}/sse/ndjson?{wish}", timeout=LONGEST_S) as answer,
    ):
        first, last = map(json.loads, answer)
    assert (first, last["type"], last["code"]) == ({"n": 1}, "error", "UNAVAILABLE")


def test_who_leaves_a_bridge_is_seen_to_leave_behind_it(bridges: Mapping[tuple[str, str], HeldTarget]) -> None:
    ways = [(pair, how) for pair in BRIDGES for how in ("fin", "rst", *(("word",) if pair[0] == "ws" else ()))]
    found = {(pair, how): outcome(left(bridges[pair], pair[0], how, items=3)) for pair, how in ways}
    assert set(found.values()) == {(1, 1, 0, 3, "CANCELLED", "ended")}, found


def test_the_example_keeps_the_rules_as_a_user_runs_it(reference: str, tmp_path: Path) -> None:
    spawn = f"{shlex.quote(sys.executable)} {shlex.quote(str(EXAMPLE / 'bridge.py'))} {{port}} {reference}"
    rules = [word for rule in RULES for word in ("--rule", rule)]
    command = [sys.executable, "-m", "streamspec.harness.cli", "run", "--no-config", "--no-store", "-o", "json=r.json"]
    command += ["--spawn", spawn, "--script", "/ws", "--binding", "sse", "--instances", "1", *rules]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    assert done.returncode == 0, (done.stdout, done.stderr)
    outcomes = {rule["id"]: rule["outcome"] for rule in json.loads((tmp_path / "r.json").read_text())["rules"]}
    assert outcomes == dict.fromkeys(RULES, "PASS")
