from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from streamspec.harness.engine import free_port as free_ports
from streamspec.harness.engine.free_port import HOST, LOWEST, PORTS, free_port


def given(count: int) -> list[int]:
    return [free_port() for _ in range(count)]


def test_no_port_is_given_twice_even_if_nobody_listens_there_yet() -> None:
    assert len(set(given(1_000))) == 1_000


def test_a_port_where_somebody_listens_is_passed_over() -> None:
    first = free_port()
    following = LOWEST + (first + 1 - LOWEST) % PORTS
    with socket.create_server((HOST, following)):
        assert free_port() not in {first, following}


def test_none_is_among_those_that_the_system_gives_to_whoever_connects() -> None:
    with socket.create_server((HOST, 0)) as listener, socket.create_connection(listener.getsockname()) as met:
        highest = LOWEST + PORTS
        assert met.getsockname()[1] > highest
        assert listener.getsockname()[1] > highest
    assert all(LOWEST <= port < highest for port in given(100))


def test_two_processes_at_the_same_time_get_different_ones() -> None:
    program = "from test_free_port import given; print(*given(50))"
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    both = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=here) for _ in range(2)]
    one, other = (child.communicate()[0].split() for child in both)
    assert len(set(one + other)) == 100


def test_when_every_port_is_taken_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    with socket.create_server((HOST, port)):
        monkeypatch.setattr(free_ports, "LOWEST", port)
        monkeypatch.setattr(free_ports, "PORTS", 1)
        with pytest.raises(OSError, match="is taken"):
            free_port()
