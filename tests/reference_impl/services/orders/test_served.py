"""The service in a process of its own, asked over real connections; and the example, as its user runs it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from contextlib import closing
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from orders_client import events, lines
from orders_served import LONGEST_S, MODULE, ask, asked, served

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLE = Path(__file__).parents[4] / "examples" / "services" / "orders"
TOKEN = "Bearer example"
TOO_LONG = HTTPStatus(413).phrase  # which Python has changed


@pytest.fixture(scope="module")
def shop() -> Iterator[str]:
    """The example's server."""
    with served(str(EXAMPLE / "app.py")) as (url, _):
        yield url


def test_the_three_patterns_over_a_connection(shop: str) -> None:
    with ask(shop, "/v1/orders/stream?from=order-1103&limit=3", authorization=TOKEN) as answer:
        assert (answer.status, answer.getheader("transfer-encoding")) == (200, "chunked")
        found = lines(answer.read())
    assert [r["type"] for r in found] == ["metadata", "data", "error", "data", "stream-end"]
    with ask(shop, "/v1/orders/events?limit=2", authorization=TOKEN, last_event_id="42") as answer:
        assert [event.get("id") for event in events(answer.read())] == ["43", "44", None]
    with ask(shop, "/v1/orders/export?limit=2", authorization=TOKEN) as answer:
        assert [order["id"] for order in json.loads(answer.read())] == ["order-1", "order-2"]


def test_a_stranger_is_refused_over_a_connection(shop: str) -> None:
    with ask(shop, "/v1/orders/stream") as answer:
        assert (answer.status, answer.getheader("www-authenticate")) == (401, 'Bearer realm="orders"')
        assert answer.getheader("content-type") == "application/problem+json"


def test_a_client_hears_that_its_body_is_too_long_whatever_its_length(shop: str) -> None:
    for length in (20_000, 10_000_000):
        for _ in range(5):
            with ask(shop, "/v1/orders", "POST", "x" * length, authorization=TOKEN) as answer:
                assert (answer.status, json.loads(answer.read())["title"]) == (413, TOO_LONG)


def test_a_client_that_stands_still_holds_the_archive_back_and_lets_go_when_it_leaves(shop: str) -> None:
    before = asked(shop, "/told", authorization=TOKEN)
    with closing(socket.create_connection((urlsplit(shop).hostname or "", urlsplit(shop).port or 0))) as still:
        target = "/v1/orders/stream?from=order-1000000&fields=note&buffer_size=4"
        still.sendall(f"GET {target} HTTP/1.1\r\nhost: x\r\nauthorization: {TOKEN}\r\n\r\n".encode())
        still.recv(1024)
        seen, now = -1, before["produced"]
        while seen != now:  # until what is produced stands still: that is only when buffers are full
            seen = now
            for _ in range(20):
                now = asked(shop, "/told", authorization=TOKEN)["produced"]
        told = asked(shop, "/told", authorization=TOKEN)
        assert (told["sending"], told["open"]) == (1, before["open"] + 1)
        assert told["produced"] - before["produced"] < 30_000  # of 10**9
    while asked(shop, "/told", authorization=TOKEN)["open"] > before["open"]:
        pass
    assert asked(shop, "/told", authorization=TOKEN)["cancelled"] == before["cancelled"] + 1


def test_ids_and_clients_go_on_after_a_restart(tmp_path: Path) -> None:
    kept = [*MODULE, "--database", str(tmp_path / "orders.db")]
    with served(*kept) as (url, _):
        asked(url, "/v1/orders", "POST", {"total": 1})
        with ask(url, "/v1/orders/events?after=0&limit=1") as answer:
            last = events(answer.read())[0]["id"]
        asked(url, "/v1/orders", "POST", {"total": 2})
    with served(*kept) as (url, _):
        asked(url, "/v1/orders/order-1", "PATCH", {"status": "CANCELLED"})
        with ask(url, "/v1/orders/events?limit=2", last_event_id=last) as answer:
            *came, _end = events(answer.read())
    assert [(event["id"], event["event"]) for event in came] == [("2", "order-created"), ("3", "order-cancelled")]


def test_a_service_that_is_ended_tells_its_clients_first() -> None:
    with served(*MODULE) as (url, process):
        with ask(url, "/v1/orders/events") as answer:
            assert answer.readline() == b"retry: 5000\n"
            process.send_signal(signal.SIGTERM)
            rest = answer.read()
        assert rest.endswith(b'event: stream-end\ndata: {"reason":"server-shutdown"}\n\n')
        assert process.wait(LONGEST_S) == 0
        assert process.stderr
        assert process.stderr.read() == ""


def test_the_examples_client_shows_what_it_says(shop: str) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "client.py"), shop], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    said = [line.partition(":")[0] for line in done.stdout.splitlines()]
    assert said == ["announced", *["exported"] * 5, "heard", *["missed and heard"] * 2, "array"]


@pytest.mark.parametrize(
    ("words", "because"),
    [
        (["--database", "/nowhere/at/all.db"], "unable to open database file"),
        (["--most-streams", "0"], "--most-streams: invalid"),
        (["--token", ""], "--token: a token is empty"),
        (["--port", "70000"], "cannot listen on 127.0.0.1, port 70000: ports are from 0 to 65535"),
        (["--port", "-1"], "cannot listen on 127.0.0.1, port -1: ports are from 0 to 65535"),
        (["--host", "no such host"], "cannot listen on no such host, port 0: "),
    ],
)
def test_what_the_command_line_cannot_do_is_one_line_and_exit_2(words: list[str], because: str) -> None:
    done = _refused(*words)
    assert (done.returncode, because in done.stderr.splitlines()[-1]) == (2, True), done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_somebody_has_is_one_line_and_exit_2() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        done = _refused("--port", str(port))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"cannot listen on 127.0.0.1, port {port}: Address already in use\n"


def _refused(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", *MODULE[:2], *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)


def test_the_command_line_says_what_it_takes() -> None:
    words = [sys.executable, *MODULE[:2], "--help"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=LONGEST_S, check=True)
    for option in ("--port", "--database", "--token", "--most-streams", "--allow-origin"):
        assert option in done.stdout
