"""`streamspec discover`: what streams in a tree or on a server, and a target file from it that `run` reads."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from typing import TYPE_CHECKING, Any, Final

import pytest
from served_reference import served_reference

from streamspec.harness.survey.target_words import HEALTH

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LONGEST_S: Final = 60
PROTO: Final = "package p;\nservice S {\n rpc A(M) returns (stream M);\n rpc B(M) returns (M);\n}\nmessage M {}\n"


def streamspec(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "streamspec.harness.cli", *words]
    return subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=LONGEST_S, check=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "s.proto").write_text(PROTO)
    return tmp_path


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The `host:port` at which the reference serves gRPC."""
    with served_reference("--good-alone") as url:
        with urllib.request.urlopen(f"{url}/script/features", timeout=10) as answer:
            where = re.search(r":(\d+)/streamspec", json.load(answer)["streams"]["grpc"])
        assert where
        yield f"127.0.0.1:{where[1]}"


def test_a_tree_is_listed(home: Path) -> None:
    done = streamspec(home, "discover", "api")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "KIND    METHOD  REQUEST -> RESPONSE  WHERE",
        "server  p.S/A   p.M -> p.M           s.proto:3",
        "1 streaming method (1 server) in 1 file",
    ]
    assert "p.S/B" in streamspec(home, "discover", "api", "--all").stdout
    assert json.loads(streamspec(home, "discover", "api/s.proto", "--json").stdout)["methods"][0]["kind"] == "server"


def test_nothing_that_streams_is_exit_5(home: Path) -> None:
    (home / "empty").mkdir()
    done = streamspec(home, "discover", "empty")
    assert (done.returncode, done.stdout) == (5, "0 streaming methods\n")


def test_nothing_that_streams_is_exit_5_where_it_was_to_be_written_too(home: Path) -> None:
    (home / "unary.proto").write_text("service S { rpc A(M) returns (M); }\nmessage M {}\n")
    done = streamspec(home, "discover", "unary.proto", "--write", "streamspec.toml")
    assert (done.returncode, done.stdout) == (5, "0 streaming methods in 1 file\n")
    assert done.stderr == "streamspec: unary.proto: no streaming method was found that a target file could name\n"
    both = streamspec(home, "discover", "unary.proto", "--all", "--write", "streamspec.toml")
    assert (both.returncode, both.stdout.splitlines()[1:]) == (
        2,
        ["unary  S/A     M -> M               unary.proto:1", "0 streaming methods (1 unary) in 1 file"],
    )
    assert not (home / "streamspec.toml").exists()


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("nowhere",), 2, "nowhere: No such file or directory"),
        (("api", "-H", "a: b"), 2, "no server is asked about a path"),
        (("ws://127.0.0.1:1",), 2, "reflection is asked of grpc://"),
        (("api", "--write", "no/such/folder.toml"), 2, "No such file or directory"),
        (("n" * 300,), 2, "File name too long"),
        (("n" * 300 + ":",), 2, "it names no host and port"),
        (("api", "--write", "n" * 300), 2, "File name too long"),
        (("loop",), 2, "loop: "),
        (("127.0.0.1:1", "--cacert", "ca.pem"), 2, "grpc://127.0.0.1:1 is asked without TLS"),
        (("127.0.0.1:1",), 3, "UNAVAILABLE"),
    ],
)
def test_errors_are_one_line_by_blame(home: Path, words: tuple[str, ...], code: int, told: str) -> None:
    (home / "loop").symlink_to("loop")
    done = streamspec(home, "discover", *words)
    assert done.returncode == code
    assert done.stderr.startswith("streamspec: ")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_file_that_is_there_is_kept_unless_it_is_forced(home: Path) -> None:
    target = home / "streamspec.toml"
    target.write_text("mine")
    done = streamspec(home, "discover", "api", "--write", "streamspec.toml")
    assert (done.returncode, target.read_text()) == (2, "mine")
    assert "--force" in done.stderr
    assert streamspec(home, "discover", "api", "--write", "streamspec.toml", "--force").returncode == 0
    assert 'url = "grpc://127.0.0.1:50051/p.S/A"' in target.read_text()


def test_a_server_says_what_it_has(home: Path, server: str) -> None:
    done = streamspec(home, "discover", f"http://{server}", "--json")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    kinds = {f"{m['service']}/{m['method']}": m["kind"] for m in found["methods"]}
    assert {name: kind for name, kind in kinds.items() if name.startswith("streamspec.Script/")} == {
        "streamspec.Script/Server": "server",
        "streamspec.Script/Client": "client",
        "streamspec.Script/Bidi": "bidi",
    }
    assert (kinds[HEALTH], found["notes"]) == ("server", [])


def test_what_is_written_of_a_server_judges_it(home: Path, server: str) -> None:
    assert streamspec(home, "discover", server, "--write", "streamspec.toml").returncode == 0
    done = streamspec(home, "run", "--config", "streamspec.toml", "--no-store", "-o", "json=report.json")
    report: dict[str, Any] = json.loads((home / "report.json").read_text())
    outcomes = [rule["outcome"] for rule in report["rules"]]
    assert done.returncode == 0, done.stdout
    assert {"FAIL", "ERROR", "WARN"} & set(outcomes) == set()
    assert outcomes.count("PASS") >= 8, done.stdout


def test_what_is_written_of_a_tree_is_what_run_can_be_told(home: Path) -> None:
    target = home / "streamspec.toml"
    assert streamspec(home, "discover", "api", "--write", str(target)).returncode == 0
    target.write_text(target.read_text().replace(":50051", ":1"))
    done = streamspec(home, "run", "--no-store")
    # nobody listens at an address that is only a guess: no verdict, and no usage error
    assert done.returncode == 3
    assert "grpc://127.0.0.1:1/p.S/A: connection refused" in done.stdout
