"""A `ConformanceService` on grpcio, judged by its profile alone: nothing is held against an honest one, and one that
does otherwise than its requests define is found out, for the reason that is its own."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import grpc
from conformance_messages import served
from google.protobuf.message import DecodeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LONGEST_S: Final = 60
PLACE: Final = "/connectrpc.conformance.v1.ConformanceService/"
RULES: Final = ("ER-07", "ER-08", "LC-07", "LC-08", "OI-01", "OI-02", "OI-03", "OI-05")
CARELESS: Final = {
    "ER-07": "an item",
    "ER-08": "an item",
    "LC-07": "the success terminal",
    "LC-08": "an error",
    "OI-01": "4, then 3",
    "OI-02": "99; missing 5",
    "OI-03": "item 2 again",
}
STATUSES: Final = {code.value[0]: code for code in grpc.StatusCode}
OK: Final = (0, "")
ABORTED: Final = (10, "though nobody asked for it")

Answer = list[bytes | tuple[int, str]]


def honest(method: str, request: bytes) -> Answer:
    if method != f"{PLACE}ServerStream":
        return [(12, "unimplemented")]
    try:
        return list(served(request))
    except DecodeError:
        return [(3, "no request")]


def careless(method: str, request: bytes) -> Answer:
    """Items out of order, twice and never, a failure that is swallowed, one that nobody asked for, and an answer to
    whatever is called."""
    answer = honest(method, request)
    *items, end = answer
    if len(items) == 100:
        first, second, third, fourth, _, *rest = items
        return [first, second, fourth, third, second, *rest, end]
    if items:
        return [*items, OK]
    return [ABORTED] if end == OK else [b"\x0a\x00", OK]


class Service(grpc.GenericRpcHandler):
    """Answers every call at once: no delay that a request defines is in the rules that are judged here."""

    def __init__(self, answer: Callable[[str, bytes], Answer]) -> None:
        self._answer = answer

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes]:
        def handler(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
            for said in self._answer(details.method, request):
                if isinstance(said, bytes):
                    yield said
                else:
                    context.set_code(STATUSES[said[0]])
                    context.set_details(said[1])

        return grpc.unary_stream_rpc_method_handler(handler)


@contextlib.contextmanager
def serving(answer: Callable[[str, bytes], Answer]) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(4), handlers=[Service(answer)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"grpc://127.0.0.1:{port}"
    finally:
        server.stop(grace=None).wait(LONGEST_S)


def judged(home: Path, answer: Callable[[str, bytes], Answer]) -> dict[str, Any]:
    """The report of a run that is told the profile and the address."""
    with serving(answer) as url:
        command = [sys.executable, "-m", "streamspec.harness.cli", "run", url, "--profile", "connect-conformance"]
        command += ["--no-store", "-o", "json=report.json", *(word for rule in RULES for word in ("--rule", rule))]
        done = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    assert (home / "report.json").exists(), done.stderr
    report: dict[str, Any] = json.loads((home / "report.json").read_text())
    assert report["target"]["binding"] == "grpc"
    return report


def outcomes(report: dict[str, Any]) -> dict[str, str]:
    return {rule["id"]: rule["outcome"] for rule in report["rules"]}


def test_an_honest_service_keeps_every_rule(tmp_path: Path) -> None:
    assert outcomes(judged(tmp_path, honest)) == dict.fromkeys(RULES, "PASS")


def test_a_careless_one_is_found_out_and_for_what_it_does(tmp_path: Path) -> None:
    report = judged(tmp_path, careless)
    assert {failure["rule"]: failure["findings"][0]["got"] for failure in report["failures"]} == CARELESS
    assert outcomes(report) == dict.fromkeys(RULES, "PASS") | dict.fromkeys(CARELESS, "FAIL")
