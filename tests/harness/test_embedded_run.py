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
    from streamspec.harness.engine.runner import Progress


class Judging:
    """In place of `judge_server`: what is judged at the same time, noted; a binding named in `holds` goes on until it
    is cancelled, and meanwhile so many of its three cases `begin`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, holds: str = "", begin: int = 0) -> None:
        self.now: list[str] = []
        self.seen: list[list[str]] = []
        self._holds = holds
        self._begin = begin
        self.held = asyncio.Event()
        monkeypatch.setattr(embedded_run, "judge_server", self._judge)

    async def _judge(self, settings: Settings, _rules: object, progress: Progress, *_: object) -> Run:
        self.now.append(settings.binding)
        self.seen.append(list(self.now))
        try:
            if settings.binding == self._holds:
                progress("probing", 0, 0)
                for number in range(self._begin):
                    progress(f"conformance/{number}@{settings.binding}", 0, 3)
                    progress(f"conformance/{number}@{settings.binding}+part", 0, 1)
                    progress(f"conformance/{number}@{settings.binding}", 0, 3)  # once more, alone
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


@pytest.mark.parametrize(("begin", "judged"), [(2, ["tcp"]), (3, ["tcp", "ws"])])
def test_a_binding_is_judged_when_all_cases_of_the_one_before_have_begun(
    monkeypatch: pytest.MonkeyPatch, begin: int, judged: list[str]
) -> None:
    judging = Judging(monkeypatch, holds="tcp", begin=begin)

    async def stopped() -> list[str]:
        running = asyncio.ensure_future(judging.of("tcp", "ws"))
        await judging.held.wait()
        for _ in range(10):  # passes of the loop, in which the next one would begin
            await asyncio.sleep(0)
        running.cancel()
        return await running

    assert asyncio.run(stopped()) == judged


@pytest.mark.parametrize("binding", embedded_target.BINDINGS)
@pytest.mark.parametrize(("said", "meant"), [(0, embedded_target.INSTANCES), (1, 1), (5, 5)])
def test_the_number_of_instances_is_obeyed_where_somebody_said_one(binding: str, said: int, meant: int) -> None:
    assert declared(Settings(Request(""), instances=said), binding).instances == meant


@pytest.mark.parametrize(
    ("most", "shares"),
    [
        (1, [("grpc", "tcp", "ws", "json_array", "ndjson", "sse")]),
        (2, [("tcp", "json_array", "sse"), ("grpc", "ws", "ndjson")]),
        (4, [("tcp", "sse"), ("grpc", "ndjson"), ("json_array",), ("ws",)]),
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
