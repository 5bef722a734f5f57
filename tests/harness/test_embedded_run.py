"""A run of the embedded reference: how often each of its servers may be started, and who judges what."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import pytest

from streamspec.harness import embedded_run, embedded_target
from streamspec.harness.assembly import Settings, all_rules
from streamspec.harness.core.ports import Request
from streamspec.harness.embedded_run import declared, judged_here, processes, shared_out
from streamspec.harness.transports.http1 import HTTP1

if TYPE_CHECKING:
    from streamspec.harness.core.run import Run


class Judging:
    """In place of `judge_server`: what is judged at the same time, noted; a binding named in `holds` goes on until it
    is cancelled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, holds: str = "") -> None:
        self.now: list[str] = []
        self.seen: list[list[str]] = []
        self._holds = holds
        self.held = asyncio.Event()
        monkeypatch.setattr(embedded_run, "judge_server", self._judge)

    async def _judge(self, settings: Settings, *_: object) -> Run:
        self.now.append(settings.binding)
        self.seen.append(list(self.now))
        try:
            if settings.binding == self._holds:
                self.held.set()
                await asyncio.Event().wait()
            await asyncio.sleep(0)  # whoever is judged at the same time begins
        except asyncio.CancelledError:
            cast("asyncio.Task[Run]", asyncio.current_task()).uncancel()
        self.now.remove(settings.binding)
        return cast("Run", settings.binding)

    async def of(self, *bindings: str) -> list[str]:
        rules = tuple(rule for rule in all_rules() if rule.id in {"AU-01", "SSE-01"})
        now, settings = datetime.now(UTC), Settings(Request(""))
        return cast("list[str]", await judged_here(settings, bindings, rules, lambda *_: None, now, lambda: None))


def test_bindings_are_judged_one_after_another_each_with_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    judging = Judging(monkeypatch)
    assert asyncio.run(judging.of("sse", "ws")) == ["sse", "sse", "ws"]
    assert judging.seen == [["sse"], ["sse", "sse"], ["ws"]]


def test_a_run_that_is_stopped_has_what_was_begun_and_begins_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    judging = Judging(monkeypatch, holds="tcp")

    async def stopped() -> list[str]:
        running = asyncio.ensure_future(judging.of("sse", "tcp", "ws"))
        await judging.held.wait()
        running.cancel()
        return await running

    assert asyncio.run(stopped()) == ["sse", "sse", "tcp"]


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
