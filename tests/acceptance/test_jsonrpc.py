"""Calls by JSON-RPC as a user names them: a stream is refused there, and a server that answers to one is found out."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Final

from raw_server import answering, serving

if TYPE_CHECKING:
    from pathlib import Path

LONGEST_S: Final = 60
REFERENCE: Final = f"{sys.executable} -m streamspec.reference_impl --port {{port}} --good-alone"
ONE: Final = {"run": "r", "script": {"steps": [{"do": "generate", "n": 1}]}}
RULES: Final = ("DR-09", "ER-07", "ER-08")


def call(method: str, params: dict[str, Any]) -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})


def judged(home: Path, url: str, *words: str) -> dict[str, str]:
    """The outcome of each rule about what is to be refused."""
    path = "/" + url.split("/", 3)[3]
    streaming, unknown, invalid = call("server", ONE), call("nobody", {}), call("unary", {"run": "r"})
    asked = {"unsupported": streaming, "unknown": unknown, "invalid": invalid}
    roles = [word for role, data in asked.items() for word in (f"{role}={path}", f"{role}.data={data}")]
    command = [sys.executable, "-m", "streamspec.harness.cli", "run", url, "--binding", "jsonrpc", *words]
    command += ["-d", call("unary", ONE), "--no-store", "-o", "json=report.json"]
    command += [word for role in roles for word in ("--role", role)] + [w for rule in RULES for w in ("--rule", rule)]
    done = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    assert (home / "report.json").exists(), done.stderr
    report = json.loads((home / "report.json").read_text())
    return {rule["id"]: rule["outcome"] for rule in report["rules"]}


def test_the_reference_refuses_what_json_rpc_cannot_carry(tmp_path: Path) -> None:
    url = "http://127.0.0.1:{port}/script/rpc"
    assert judged(tmp_path, url, "--spawn", REFERENCE) == dict.fromkeys(RULES, "PASS")


def test_a_server_that_answers_to_whatever_is_called_fails(tmp_path: Path) -> None:
    body = b'{"jsonrpc":"2.0","result":{"n":1},"id":1}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    with serving(answering(answer)) as url:
        assert judged(tmp_path, url) == dict.fromkeys(RULES, "FAIL")
