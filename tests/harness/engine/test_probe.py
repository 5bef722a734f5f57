"""The probe in virtual time: what it finds, what it refuses to judge, and how long it waits."""

from __future__ import annotations

import asyncio
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest
from virtual_target import Answers, Scripted, endless, in_virtual_time, item, sse_head

from streamspec.harness.core.case import Capabilities, Control
from streamspec.harness.core.errors import NoVerdict
from streamspec.harness.core.event import Closed, Ended, Event, Opened, Refused
from streamspec.harness.core.limits import LIMITS, budgets
from streamspec.harness.core.ports import Body, Request
from streamspec.harness.core.profile import Profile
from streamspec.harness.drivers.sse import SSE
from streamspec.harness.engine.probe import Probed, probe
from streamspec.harness.engine.runner import Bench

if TYPE_CHECKING:
    from collections.abc import Sequence

Told = list[tuple[float, tuple[Event | Body, ...]]]


def bench(target: Scripted, binding: str = "") -> Bench:
    declared = Capabilities(
        binding=binding,
        binding_reason="declared" if binding else "",
        declared_binding=bool(binding),
        profile=Profile("plain", "anything"),
        look=Request("http://127.0.0.1/"),
        roles=MappingProxyType({}),
        control=Control(200, "", items=False, head_ms=0.0),
    )
    return Bench(declared, target.transport, lambda _: None, budgets(1.0), LIMITS, (), "tool", "now", None)


def probed(answers: Answers, binding: str = "") -> Probed:
    found = in_virtual_time(probe(bench(Scripted(answers), binding), (SSE,)))
    assert isinstance(found, Probed)
    return found


def refused(answers: Answers, binding: str = "") -> str:
    with pytest.raises(NoVerdict) as error:
        in_virtual_time(probe(bench(Scripted(answers), binding), (SSE,)))
    return str(error.value)


def test_an_event_stream_is_recognised_and_the_reason_said() -> None:
    found = probed(endless)
    assert found.driver is SSE
    assert found.target.binding == "sse"
    assert "text/event-stream" in found.target.binding_reason
    assert found.back
    assert not found.target.serial


def test_a_control_remembers_how_the_look_was_answered() -> None:
    control = probed(endless).target.control
    assert (control.status, control.essence, control.items) == (200, "text/event-stream", True)
    assert control.head_ms == pytest.approx(1.0, abs=0.1)


def test_a_silent_stream_is_a_stream() -> None:
    found = probed(lambda *_: [(1.0, (sse_head(),))])
    assert not found.target.control.items
    assert found.back


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (Refused("refused"), "connection refused"),
        (Refused("closed"), "closed before any answer"),
        (Refused("reset"), "reset before any answer"),
        (Refused("not-http", "GET / HTTP/1.1"), "not HTTP"),
        (Refused("too-long"), "exceeds our limits"),
        (Refused("unresolved"), "does not resolve"),
        (sse_head(404), "answered 404"),
        (sse_head(503), "answered 503"),
        (sse_head(kind="text/html"), "text/html, which is no stream that we know"),
        (Opened(200, "OK", "HTTP/1.1", ()), "no Content-Type"),
        (Opened(200, "OK", "HTTP/1.1", (("Content-Encoding", "gzip"),)), "Content-Encoding gzip"),
        (Opened(307, "", "HTTP/1.1", (("Location", "/x"),)), "points to /x: we follow no redirect"),
    ],
)
def test_what_cannot_be_judged_is_said_in_one_line(event: Event, words: str) -> None:
    text = refused(lambda *_: [(1.0, (event, Closed("eof")))])
    assert words in text
    assert "\n" not in text


def test_a_target_that_never_answers_costs_less_than_fifteen_seconds() -> None:
    async def main() -> tuple[str, float]:
        with pytest.raises(NoVerdict) as error:
            await probe(bench(Scripted(lambda *_: [])), (SSE,))
        return str(error.value), asyncio.get_running_loop().time()

    text, spent_s = in_virtual_time(main())
    assert "sent no answer within 10 s" in text
    assert spent_s < 15


def test_a_hostile_reason_phrase_is_printed_inert() -> None:
    text = refused(lambda *_: [(1.0, (Opened(500, "\x1b[31mred", "HTTP/1.1", ()),))])
    assert "\x1b" not in text


def test_a_declared_binding_is_believed() -> None:
    found = probed(lambda *_: [(1.0, (sse_head(kind="text/plain"), item(1)))], binding="sse")
    assert found.target.binding_reason == "declared"


def test_a_target_that_answers_one_stream_at_a_time_is_serial() -> None:
    """The second request is answered only when the first is over."""
    answered: Sequence[tuple[float, tuple[Event | Body, ...]]] = [(1.0, (sse_head(), item(1)))]
    assert probed(lambda _request, n: [] if n == 2 else answered).target.serial


def test_a_finite_stream_that_is_over_before_the_second_look_is_not_called_serial() -> None:
    done: Told = [(1.0, (sse_head(), item(1), Ended("chunked", 15), Closed("eof")))]
    assert not probed(lambda _request, n: [(1.0, (sse_head(503),))] if n == 2 else done).target.serial


def test_a_target_that_does_not_come_back_after_two_looks_is_said_to_be_lost() -> None:
    live: Told = [(1.0, (sse_head(), item(1)))]
    found = probed(lambda _request, n: live if n <= 2 else [(1.0, (Refused("refused"),))])
    assert not found.back
    assert [s for s in found.history.sessions() if s.startswith("look-again")] == [
        "look-again-1",
        "look-again-2",
        "look-again-3",
    ]
