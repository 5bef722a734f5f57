"""A run of the embedded reference: how often each of its servers may be started, and who judges what."""

from __future__ import annotations

import pytest

from streamspec.harness import embedded_target
from streamspec.harness.assembly import Settings
from streamspec.harness.core.ports import Request
from streamspec.harness.embedded_run import declared, processes, shared_out
from streamspec.harness.transports.http1 import HTTP1


@pytest.mark.parametrize("binding", embedded_target.BINDINGS)
@pytest.mark.parametrize(("said", "meant"), [(0, embedded_target.INSTANCES), (1, 1), (5, 5)])
def test_the_number_of_instances_is_obeyed_where_somebody_said_one(binding: str, said: int, meant: int) -> None:
    assert declared(Settings(Request(""), instances=said), binding).instances == meant


@pytest.mark.parametrize(
    ("most", "shares"),
    [
        (1, [("sse", "ndjson", "json_array", "ws", "tcp", "grpc")]),
        (2, [("sse", "json_array", "tcp"), ("ndjson", "ws", "grpc")]),
        (4, [("sse", "tcp"), ("ndjson", "grpc"), ("json_array",), ("ws",)]),
        (9, [("sse",), ("ndjson",), ("json_array",), ("ws",), ("tcp",), ("grpc",)]),
    ],
)
def test_every_binding_is_judged_by_one_process_and_none_is_started_for_nothing(
    most: int, shares: list[tuple[str, ...]]
) -> None:
    assert shared_out(embedded_target.BINDINGS, most) == shares


def test_what_is_not_installed_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    assert embedded_target.available() == embedded_target.BINDINGS
    monkeypatch.setattr(embedded_target, "find_spec", lambda name: None if name == "hpack" else object())
    assert embedded_target.available() == embedded_target.BINDINGS[:-1]


@pytest.mark.parametrize(("cores", "most"), [(1, 1), (2, 3), (16, 17)])
def test_one_processor_gets_one_process(monkeypatch: pytest.MonkeyPatch, cores: int, most: int) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)), raising=False)
    assert processes(Settings(Request(""))) == most


def test_what_cannot_cross_is_judged_here() -> None:
    assert processes(Settings(Request(""), transport=HTTP1)) == 1
