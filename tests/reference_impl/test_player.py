"""A script at work, in virtual time: each step, option and figure; cancelled while parked, asleep and at a gate."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from virtual_target import in_virtual_time

from streamspec.reference_impl import session
from streamspec.reference_impl.broken import variants
from streamspec.reference_impl.mount import Answer, Mount, mounted
from streamspec.reference_impl.player import LIMIT_BYTES, generated
from streamspec.reference_impl.roles import ROLES
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.witness import Runs

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from streamspec.reference_impl.witness import Figures

SEND_3 = {"do": "generate", "n": 3}
ENDLESS = {"do": "generate", "bytes": 40}
COMPLETE = {"do": "complete"}
GATE = {"do": "gate", "name": "g"}
FAIL = {"do": "fail", "code": "NOT_FOUND", "message": "no"}
OVER = {"state": "ended", "called": 1, "cleanups": 1, "terminals": 1}


def fail(code: str, message: str) -> bytes:
    return f'{{"type":"error","code":"{code}","message":"{message}"}}\n'.encode()


END = b'{"type":"end"}\n'


def lines(*numbers: int) -> bytes:
    return b"".join(b'{"n":%d}\n' % n for n in numbers)


class Play:
    """One stream over NDJSON of a mount of its own, with a reader that can stand still."""

    def __init__(self, *steps: Any, seams: Seams | None = None, last_event_id: str = "", **options: Any) -> None:
        self.mount: Mount = mounted(seams or Seams(), ROLES)
        self.mount = Mount(self.mount.seams, ROLES, self.mount.bindings, runs=Runs(asyncio.get_running_loop().time))
        query = f"run=r&script={quote(json.dumps({'steps': steps, **options}))}"
        headers = (("last-event-id", last_event_id),)
        answer = self.mount.answer("GET", "/script/ndjson", query, headers)
        assert isinstance(answer, Answer), answer
        self._answer = answer
        self.body = b""
        self.reads = asyncio.Event()
        self.reads.set()
        self.leaves = asyncio.Event()
        self.whole: bool | None = None

    async def run(self) -> None:
        async def write(piece: bytes) -> None:
            await self.reads.wait()
            self.body += piece

        async with session.producing(self._answer.asked, self.mount) as stream, asyncio.TaskGroup() as tasks:

            async def leave() -> None:
                await self.leaves.wait()
                stream.cancel()
                self.reads.set()

            leaving = tasks.create_task(leave())
            self.whole = await session.pump(stream, self._answer, self.mount.seams, write)
            leaving.cancel()

    def open(self, gate: str) -> None:
        self.mount.runs.named("r").gates.open(gate)

    @property
    def figures(self) -> Figures:
        run = self.mount.runs.begun("r")
        assert run is not None
        return run.figures()

    def says(self, **expected: Any) -> bool:
        figures = self.figures
        assert {name: figures.get(name, 0) for name in expected} == expected
        return True


def story(tell: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await tell()

    in_virtual_time(main())


def played(*steps: Any, **how: Any) -> tuple[bytes, Figures]:
    """What the client got, and the witness's last word."""

    async def main() -> tuple[bytes, Figures]:
        play = Play(*steps, **how)
        await play.run()
        assert play.whole
        return play.body, play.figures

    result: tuple[bytes, Figures] = in_virtual_time(main())
    return result


@pytest.mark.parametrize(
    ("steps", "body", "figures"),
    [
        ((), END, {"offered": 0, "sent": 0}),
        ((SEND_3,), lines(1, 2, 3) + END, {"offered": 3, "sent": 3}),
        ((SEND_3, COMPLETE), lines(1, 2, 3) + END, {"offered": 3, "sent": 3}),
        (
            ({"do": "send", "items": ["a", 1.5]}, SEND_3),
            b'"a"\n1.5\n' + lines(3, 4, 5) + END,
            {"offered": 5, "sent": 5},
        ),
        ((SEND_3, {"do": "wait", "ms": 5000}, COMPLETE), lines(1, 2, 3) + END, {"sent": 3}),
        ((SEND_3, FAIL), lines(1, 2, 3) + fail("NOT_FOUND", "no"), {"sent": 3}),
        ((FAIL, SEND_3), fail("NOT_FOUND", "no"), {"sent": 0, "refused": 3, "send_code": "UNAVAILABLE"}),
        (({"do": "fail"},), fail("INTERNAL", "the handler failed"), {}),
        (({"do": "fail", "message": "a secret"},), fail("INTERNAL", "the handler failed"), {}),
        (({"do": "fail", "code": "CANCELLED"},), fail("CANCELLED", "the script fails here"), {"cancel_seen": 0}),
        (
            (SEND_3, {"do": "abandon"}, SEND_3),
            lines(1, 2, 3) + fail("INTERNAL", "the handler returned without ending its stream"),
            {"sent": 3, "offered": 6, "terminals": 0},
        ),
        ((COMPLETE, COMPLETE, FAIL, {"do": "send", "items": [7]}), END, {"refused": 3, "send_code": "UNAVAILABLE"}),
        ((FAIL, FAIL, COMPLETE), fail("NOT_FOUND", "no"), {"refused": 2}),
        ((COMPLETE, {"do": "abandon"}), END, {"refused": 0}),
        ((COMPLETE, {"do": "wait", "ms": 500}, COMPLETE), END, {"refused": 1}),
    ],
)
def test_a_script_is_played_as_it_says(steps: tuple[Any, ...], body: bytes, figures: dict[str, Any]) -> None:
    got, told = played(*steps)
    assert got == body
    expected = {**OVER, "refused": 0, "cancel_seen": 0, "sending": 0, "buffered": 0, **figures}
    assert {name: told.get(name) for name in expected} == expected


def test_an_item_that_is_generated_has_the_size_asked_for() -> None:
    for octets in (17, 40, 1000, LIMIT_BYTES):
        text = generated(7, octets)
        assert len(text.encode()) == octets
        assert json.loads(text)["n"] == 7
        assert json.loads(text)["pad"].isalnum() or octets == 17
    assert generated(12, 0) == generated(12, 8) == '{"n":12}'
    assert generated(12, 9) == '{"n":12,"pad":""}'


def test_items_have_a_pause_between_two() -> None:
    async def tell() -> None:
        play = Play({"do": "generate", "n": 3, "every_ms": 100})
        await play.run()
        assert asyncio.get_running_loop().time() == pytest.approx(0.2)

    story(tell)


def test_the_largest_item_can_be_sent_and_a_larger_one_is_refused() -> None:
    body, told = played({"do": "generate", "n": 1, "bytes": LIMIT_BYTES})
    assert len(body) == LIMIT_BYTES + 1 + len(END)
    assert told["sent"] == 1
    body, told = played(SEND_3, {"do": "generate", "n": 2, "bytes": LIMIT_BYTES + 1})
    assert body == lines(1, 2, 3) + fail("RESOURCE_EXHAUSTED", "an item has at most 1048576 octets")
    assert (told["sent"], told["send_code"], told["terminals"], told["refused"]) == (3, "RESOURCE_EXHAUSTED", 1, 0)


def test_a_gate_holds_until_it_is_opened() -> None:
    async def tell() -> None:
        play = Play(SEND_3, GATE, SEND_3)
        running = asyncio.create_task(play.run())
        await asyncio.sleep(100)
        assert play.body == lines(1, 2, 3)
        assert play.says(state="playing", sent=3, sending=0, blocked_ms=0)
        play.open("another")
        await asyncio.sleep(100)
        assert play.body == lines(1, 2, 3)
        play.open("g")
        play.open("g")
        await running
        assert play.body == lines(1, 2, 3, 4, 5, 6) + END

    story(tell)


def test_a_gate_may_have_been_opened_before_and_stays_open() -> None:
    async def tell() -> None:
        play = Play(GATE, SEND_3, GATE, COMPLETE, GATE)
        play.open("g")
        await play.run()
        assert asyncio.get_running_loop().time() == 0
        assert play.body == lines(1, 2, 3) + END

    story(tell)


def test_a_gate_that_nobody_opens_is_no_wait_for_ever() -> None:
    assert played(GATE)[0] == fail("TIMED_OUT", "nobody opened the gate")


def test_a_reader_that_stands_still_stands_in_the_witness() -> None:
    async def tell() -> None:
        play = Play({"do": "generate", "n": 100})
        play.reads.clear()
        running = asyncio.create_task(play.run())
        await asyncio.sleep(2)
        # One is being written, 16 fit.
        assert play.says(state="playing", offered=100, sent=17, sending=1, blocked_ms=2000, buffered=16, cleanups=0)
        play.reads.set()
        await running
        assert play.says(**OVER, sent=100, sending=0, buffered=0, cancel_seen=0)

    story(tell)


def test_a_cancel_while_parked_is_learnt_in_the_send() -> None:
    async def tell() -> None:
        play = Play(ENDLESS)
        play.reads.clear()
        running = asyncio.create_task(play.run())
        await asyncio.sleep(1)
        play.leaves.set()
        await running
        assert play.whole is False
        told = play.figures
        assert "offered" not in told
        assert play.says(**OVER, sent=17, sending=0, cancel_seen=1, cancel_code="CANCELLED", send_code="CANCELLED")
        assert play.says(sends_after_cancel=0, refused=0, buffered=0, blocked_ms=1000)

    story(tell)


@pytest.mark.parametrize("step", [GATE, {"do": "wait", "ms": 50_000}, {"do": "generate", "n": 2, "every_ms": 50_000}])
def test_a_cancel_reaches_a_handler_that_sends_nothing(step: dict[str, Any]) -> None:
    async def tell() -> None:
        play = Play(SEND_3, step)
        running = asyncio.create_task(play.run())
        await asyncio.sleep(1)
        play.leaves.set()
        await running
        assert asyncio.get_running_loop().time() == 1
        assert play.says(**OVER, cancel_seen=1, cancel_code="CANCELLED", sends_after_cancel=0, send_code=0)

    story(tell)


def test_a_handler_whose_task_is_cancelled_learns_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async def deaf(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr("streamspec.reference_impl.outlet.Outlet.sleep", deaf)

    async def tell() -> None:
        play = Play(GATE)
        running = asyncio.create_task(play.run())
        await asyncio.sleep(1)
        play.leaves.set()
        await running
        await asyncio.sleep(0)
        assert play.says(cancel_seen=1, cancel_code=0, terminals=1)

    story(tell)


def test_a_deadline_ends_the_stream_and_stops_its_handler() -> None:
    body, told = played({"do": "generate", "every_ms": 400}, deadline_ms=1000)
    assert body == lines(1, 2, 3) + fail("TIMED_OUT", "the stream's deadline has passed")
    # The client has not left: what the handler learns is no cancel of it.
    assert {**told, **OVER, "cancel_seen": 0, "remaining_ms": 1000, "sent": 3} == told


def test_no_handler_is_called_after_the_deadline() -> None:
    body, told = played(SEND_3, deadline_ms=0)
    assert body == fail("TIMED_OUT", "the stream's deadline has passed")
    assert {**told, "called": 0, "sent": 0, "state": "ended", "cleanups": 1} == told


@pytest.mark.parametrize("step", [GATE, {"do": "wait", "ms": 50_000}])
def test_a_silent_stream_fails_when_it_may_not_be_idle_and_heartbeats_do_not_count(step: dict[str, Any]) -> None:
    body, told = played(SEND_3, step, idle_ms=1000, heartbeat_ms=400)
    beat = b'{"type":"heartbeat"}\n'
    assert body == lines(1, 2, 3) + beat * 2 + fail("TIMED_OUT", "the stream's deadline has passed")
    assert (told["cancel_seen"], told["state"]) == (0, "ended")


def test_a_send_that_is_blocked_for_too_long_fails_and_so_does_the_stream() -> None:
    async def tell() -> None:
        play = Play(ENDLESS, send_timeout_ms=500)
        play.reads.clear()
        running = asyncio.create_task(play.run())
        await asyncio.sleep(2)
        assert play.says(sent=17, sending=0, blocked_ms=500, send_code="TIMED_OUT", terminals=1)
        play.reads.set()
        await running
        assert play.body.endswith(fail("TIMED_OUT", "the consumer was not ready within 0.5 s"))
        assert play.says(state="ended", cancel_seen=0, refused=0)

    story(tell)


@pytest.mark.parametrize(
    "step", [GATE, {"do": "wait", "ms": 50_000}, {"do": "generate", "every_ms": 1}, {"do": "generate"}]
)
def test_credentials_that_expire_end_the_stream(step: dict[str, Any]) -> None:
    async def tell() -> None:
        play = Play(step, expires_ms=1000)
        if step == {"do": "generate"}:
            play.reads.clear()
        running = asyncio.create_task(play.run())
        await asyncio.sleep(1.1)
        play.reads.set()
        await running
        assert play.body.endswith(fail("UNAUTHENTICATED", "the credentials have expired"))
        assert play.says(**OVER, cancel_seen=0)

    story(tell)


def test_credentials_that_expire_after_the_end_are_nobodys_affair() -> None:
    assert played(SEND_3, expires_ms=1)[0] == lines(1, 2, 3) + END


@pytest.mark.parametrize(
    ("after", "body"),
    [
        ("", lines(1, 2, 3, 4, 5, 6) + fail("NOT_FOUND", "no")),
        ("2", lines(3, 4, 5, 6) + fail("NOT_FOUND", "no")),
        ("3", lines(4, 5, 6) + fail("NOT_FOUND", "no")),
        ("6", fail("NOT_FOUND", "no")),
    ],
)
def test_a_client_that_comes_back_gets_what_it_has_not(after: str, body: bytes) -> None:
    seconds, between = (0, {"do": "wait", "ms": 0}) if after else (1, {"do": "wait", "ms": 1000})

    async def tell() -> None:
        play = Play(SEND_3, between, SEND_3, FAIL, last_event_id=after)
        await play.run()
        assert play.body == body
        assert asyncio.get_running_loop().time() == seconds
        assert play.figures["offered"] == 6

    story(tell)


def test_a_queue_without_a_bound_does_not_keep_the_others_waiting() -> None:
    async def tell() -> None:
        play = Play(ENDLESS, seams=Seams(capacity=10**9))
        play.reads.clear()
        running = asyncio.create_task(play.run())
        for _ in range(3):
            await asyncio.sleep(0)
        assert play.says(sending=0)
        assert int(play.figures["sent"]) > 0
        play.leaves.set()
        await running
        assert play.says(cancel_seen=1)

    story(tell)


@pytest.mark.parametrize(
    ("name", "steps", "figures"),
    [
        ("accepts-after-complete", (SEND_3, COMPLETE, {"do": "send", "items": [1]}), {"sent": 4, "refused": 0}),
        ("keeps-refused-error", (SEND_3, COMPLETE, FAIL), {"refused": 1}),
        ("cleans-up-twice", (SEND_3,), {"cleanups": 2}),
        ("drops-when-full", ({"do": "generate", "n": 100},), {"sent": 100}),
        ("hides-failure", (FAIL,), {"terminals": 1}),
        ("return-completes", ({"do": "abandon"},), {"terminals": 0}),
    ],
)
def test_a_defect_of_the_stream_shows_in_a_script_too(
    name: str, steps: tuple[Any, ...], figures: dict[str, Any]
) -> None:
    seams = next(variant.seams for variant in variants() if variant.name == name)
    good, good_told = played(*steps)
    body, told = played(*steps, seams=seams)
    assert {**told, **figures} == told
    assert (body, {**told, "blocked_ms": 0}) != (good, {**good_told, "blocked_ms": 0})
