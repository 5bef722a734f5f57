"""Who listens for a task's cancel is told once, in order, and in no thread of an event loop's."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest
from stream_stories import run

from streamspec.reference_impl.services.transport import StreamTransportService, Task, TransportChannel, application
from streamspec.reference_impl.services.transport.listening import Listeners

if TYPE_CHECKING:
    from collections.abc import Callable

    Serve = Callable[..., StreamTransportService]

LONGEST_S = 10.0
NEVER_S = 3600.0


@pytest.fixture
def complaints(monkeypatch: pytest.MonkeyPatch) -> list[type[BaseException] | None]:
    told: list[type[BaseException] | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda seen: told.append(seen.exc_type))
    return told


class Heard:
    """Tasks with listeners that the test gives them, which pause until nobody wants more."""

    def __init__(self, *listeners: Callable[[], None]) -> None:
        self.listeners = listeners
        self.begun = threading.Event()

    def __call__(self, _request: object, channel: TransportChannel, task: Task) -> None:
        for listener in self.listeners:
            task.on_cancel(listener)
        channel.send_response_batch("here")
        self.begun.set()
        task.sleep(NEVER_S)


def test_a_slow_listener_keeps_no_other_stream_of_its_port_waiting(
    serve: Serve, serving: Any, exchange: Any, body_of: Any
) -> None:
    goes_on, reached, was_kept = threading.Event(), threading.Event(), list[bool]()

    def slow() -> None:
        reached.set()
        was_kept.append(not goes_on.wait(LONGEST_S))

    def quick(_request: object, channel: TransportChannel, _task: Task) -> None:
        channel.complete_stream()

    service = serve(Heard(slow))
    service.register_request_handler("quick", "generic", lambda said: said, quick)

    async def story() -> bytes:
        async with serving(application(service)) as port:
            await exchange(port, "/stream/action", until=b"here")  # and its client leaves
            assert await asyncio.to_thread(reached.wait, LONGEST_S)
            answer = body_of(await exchange(port, "/stream/quick"))
            goes_on.set()
            assert isinstance(answer, bytes)
            return answer

    assert b'"complete"' in run(story())
    assert service.close(LONGEST_S)
    assert was_kept == [False]


@pytest.mark.parametrize("in_a_loop", [True, False], ids=["in a loop", "in a thread"])
def test_listeners_run_in_order_and_one_that_raises_stops_no_other(
    serve: Serve,
    complaints: list[type[BaseException] | None],
    *,
    in_a_loop: bool,
) -> None:
    told, is_last = list[str](), threading.Event()

    def fails(failure: BaseException) -> Callable[[], None]:
        def listener() -> None:
            told.append(type(failure).__name__)
            raise failure

        return listener

    failures = (RuntimeError("no"), SystemExit(3), asyncio.CancelledError())
    handler = Heard(*map(fails, failures), lambda: told.append("last"), is_last.set)
    service = serve(handler)
    response = service.send_request("action")
    assert handler.begun.wait(LONGEST_S)

    async def story() -> None:
        response.cancel("enough")

    if in_a_loop:
        run(story())
    else:
        response.cancel("enough")
    assert is_last.wait(LONGEST_S)
    assert told == ["RuntimeError", "SystemExit", "CancelledError", "last"]
    assert complaints == [RuntimeError, SystemExit, asyncio.CancelledError]


def test_a_listener_that_comes_too_late_is_told_in_no_loops_thread_either(serve: Serve) -> None:
    handler, where, heard = Heard(), list[threading.Thread](), threading.Event()
    service = serve(handler)
    response = service.send_request("action")
    assert handler.begun.wait(LONGEST_S)
    (task,) = service.tasks()

    async def story() -> threading.Thread:
        response.cancel("enough")
        task.on_cancel(lambda: where.append(threading.current_thread()))
        task.on_cancel(heard.set)
        return threading.current_thread()

    loops_thread = run(story())
    assert heard.wait(LONGEST_S)
    assert service.close(LONGEST_S)
    assert where != [loops_thread]
    assert len(where) == 1


def test_a_slow_listener_of_a_parents_keeps_no_cancel_from_its_children(serve: Serve) -> None:
    goes_on, reached, told = threading.Event(), threading.Event(), threading.Event()

    def slow() -> None:
        reached.set()
        assert goes_on.wait(LONGEST_S)

    parents, children = Heard(slow), Heard(told.set)
    service = serve(parents)
    service.register_request_handler("child", "generic", lambda said: said, children)
    parent = service.send_request("action")
    assert parents.begun.wait(LONGEST_S)
    (task,) = service.tasks()
    child = service.send_request("child", parent=task)
    assert children.begun.wait(LONGEST_S)

    async def story() -> None:
        parent.cancel("enough")

    run(story())
    assert reached.wait(LONGEST_S)
    assert told.wait(LONGEST_S)
    goes_on.set()
    child.close()


def test_where_no_thread_can_be_had_a_listener_runs_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    told, listeners = list[str](), Listeners()
    listeners.add(lambda: told.append("cancelled"))

    async def story() -> None:
        monkeypatch.setattr(threading.Thread, "start", none)
        listeners.run("cancelled-1")
        monkeypatch.undo()

    run(story())
    assert told == ["cancelled"]


def test_what_ends_well_keeps_no_listener(serve: Serve) -> None:
    told: list[str] = []

    def handler(_request: object, channel: TransportChannel, task: Task) -> None:
        task.on_cancel(lambda: told.append("cancelled"))
        channel.complete_stream()
        tasks.append(task)

    tasks: list[Task] = []
    service = serve(handler)
    assert list(service.send_request("action")) == []
    assert service.close(LONGEST_S)
    assert not tasks[0]._listeners._waiting
    assert told == []
