"""The reference over WebSocket and TCP against clients that use it up: it goes on, in bounded time and memory, and
whoever comes afterwards, or is there meanwhile, is served.

Never here: octets that break the grammar of one of the two (`test_hostile_websocket`, `test_hostile_framed`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import resource
import socket
import sys
from typing import TYPE_CHECKING, Any, Final

import pytest
from hostile_lines import Line, around, dialled, envelope, start
from hostile_stories import COLLECT, LONGEST_S, SHUT, lives, told
from hostile_target import Target, hostile_target

from streamspec.reference_impl.envelopes import MOST_MESSAGE_BYTES
from streamspec.reference_impl.multiplex import MOST_ERRORS

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALLEST_BYTES: Final = 2_048  # that a system keeps for somebody who does not read
ECHO: Final = {"do": "echo"}
BIG: Final = {"do": "generate", "bytes": 65_536}
MOST_CPU_S: Final = 2.0  # for one message, whatever is in it


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with hostile_target() as found:
        yield found


@pytest.fixture(params=["ws", "tcp"])
def over(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def refusals(heard: list[dict[str, Any]]) -> set[str]:
    """The codes of the errors of no stream."""
    return {said["payload"]["code"] for said in heard if said["type"] == "error"}


# -- messages that cost ------------------------------------------------------------------------------------------------

ROOM: Final = MOST_MESSAGE_BYTES - 200


def _item(payload: bytes) -> bytes:
    return b'{"id":"a","type":"stream:data","payload":%s}' % payload


COSTLY: Final = {
    "a number without an end": _item(b"9" * ROOM),
    "a fraction without an end": _item(b"0." + b"9" * ROOM),
    "a power without an end": _item(b"1e" + b"9" * ROOM),
    "a million of names": _item(b"{" + b",".join(b'"%d":0' % n for n in range(90_000)) + b"}"),
    "one name again and again": _item(b"{" + b",".join([b'"a":0'] * 170_000) + b"}"),
    "half a million of nothing": _item(b"[" + b",".join([b"0"] * 500_000) + b"]"),
    "escapes": _item(b'"' + b"\\u0000" * 170_000 + b'"'),
    "half of a pair, again and again": _item(b'"' + b"\\ud800" * 170_000 + b'"'),
    "blanks": b" " * ROOM + _item(b"1")[:100],
    "depth": _item(b"[" * (ROOM // 2) + b"]" * (ROOM // 2)),
    "depth of objects": _item(b'{"":' * (ROOM // 6) + b"0" + b"}" * (ROOM // 6)),
    "a text without an end": _item(b'"' + b"x" * ROOM),
    "an id as long as there can be": b'{"id":"%s","type":"stream:data"}' % (b"a" * ROOM),
    "names of an envelope": b"{" + b",".join(b'"%d":0' % n for n in range(90_000)) + b"}",
}


@pytest.mark.parametrize("which", COSTLY)
def test_a_message_costs_what_it_is_long_whatever_is_in_it(target: Target, over: str, which: str) -> None:
    async def story(line: Line) -> None:
        run = f"costly-{over}-{list(COSTLY).index(which)}"
        line.say(start("a", COLLECT, procedure="client", run=run))
        assert (await line.hear())["type"] == "stream:start"
        before = target.process.cpu_times()
        line.say(COSTLY[which], envelope("a", "end"))
        heard = [await line.hear() for _ in range(2)]
        after = target.process.cpu_times()
        assert after.user + after.system - before.user - before.system < MOST_CPU_S
        if heard[0]["type"] == "error":  # no item, and the stream goes on without it
            assert refusals(heard) == {"INVALID_ARGUMENT"}
            heard.append(await line.hear())
        counted = next(said["payload"] for said in heard if said["type"] == "stream:data")
        assert counted["count"] + len(refusals(heard)) == 1
        assert heard[-1]["type"] == "stream:end"
        assert await lives(line)

    told(target, over, story)


def test_messages_that_never_end_take_their_length_and_no_more(target: Target, over: str) -> None:
    many = 8

    async def story(_: Line) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for n in range(many):
                line = await stack.enter_async_context(dialled(over, target.port))
                line.say(start(f"a{n}", SHUT))
                line.write(around(over, b"x" * MOST_MESSAGE_BYTES)[:-1])
                await line.writer.drain()
                assert (await line.hear())["type"] == "stream:start"
            async with dialled(over, target.port) as other:
                assert await lives(other)

    told(target, over, story, growth=3 * many * MOST_MESSAGE_BYTES)


# -- streams that nobody wants -----------------------------------------------------------------------------------------


def test_thousands_of_streams_that_are_refused_leave_nothing(target: Target, over: str) -> None:
    many = 1_000

    async def story(line: Line) -> None:
        for n in range(many):
            line.say(envelope(f"id-{n}", "start", procedure="fly"))
            heard = await line.hear()
            assert (heard["id"], heard["type"]) == (f"id-{n}", "stream:error")
        assert await lives(line)

    told(target, over, story)


def test_thousands_of_streams_that_are_cancelled_unheard_leave_nothing(target: Target, over: str) -> None:
    many = 500

    async def story(line: Line) -> None:
        run = f"stormy-{over}"

        async def listen() -> None:
            ended = 0
            while ended < many:
                ended += (await line.hear())["type"] == "stream:error"

        listening = asyncio.create_task(listen())
        for n in range(many):
            line.say(start(f"id-{n}", SHUT, run=run), *[envelope(f"id-{n}", "cancel")] * 3)
            await line.writer.drain()
        await listening
        await target.nothing_is_left()
        figures = target.witness(run)
        assert figures["cleanups"] == figures["called"] <= many
        assert await lives(line)

    told(target, over, story)


def test_a_stream_of_one_connection_is_no_stream_of_another(target: Target, over: str) -> None:
    async def story(line: Line) -> None:
        run = f"mine-{over}"
        line.say(start("a", ECHO, procedure="bidi", run=run))
        assert (await line.hear())["type"] == "stream:start"
        async with dialled(over, target.port) as other:
            for kind in ("cancel", "data", "end", "credit"):
                other.say(envelope("a", kind, payload=1))
                assert refusals([await other.hear()]) == {"NOT_FOUND"}
        line.say(envelope("a", "data", payload=7))
        assert (await line.hear())["payload"] == 7
        assert target.witness(run)["cancel_seen"] == 0

    told(target, over, story)


# -- clients that do not read ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("taken", [0, 1], ids=["nothing", "half a frame"])
def test_a_client_that_never_reads_is_waited_for_as_long_as_it_may(target: Target, over: str, taken: int) -> None:
    async def story(_: Line) -> None:
        run = f"unread-{over}-{taken}"
        async with dialled(over, target.port, kept_bytes=SMALLEST_BYTES) as line:
            line.say(start("a", BIG, run=run, send_timeout_ms=300))
            await line.reader.readexactly(taken)
            figures = await target.when(run, send_code="TIMED_OUT", cleanups=1)
            assert {**figures, "sending": 0, "terminals": 1} == figures
            async with dialled(over, target.port) as other:
                assert await lives(other)
        assert (await target.when(run, state="ended"))["cleanups"] == 1

    told(target, over, story)


def test_many_clients_that_never_read_take_a_bounded_room_each(target: Target, over: str) -> None:
    many, most = 20, 2 * 2**20  # of its buffers the reference's own are the smallest

    async def story(_: Line) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for n in range(many):
                line = await stack.enter_async_context(dialled(over, target.port, kept_bytes=SMALLEST_BYTES))
                line.say(start("a", BIG, run=f"stalled-{over}-{n}"))
            for n in range(many):
                await target.when(f"stalled-{over}-{n}", sending=1)
            async with dialled(over, target.port) as other:
                assert await lives(other)
            assert all(target.witness(f"stalled-{over}-{n}")["sent"] < 500 for n in range(many))

    told(target, over, story, growth=many * most)


def test_two_sides_that_only_send_are_both_held_back(target: Target, over: str) -> None:
    async def story(_: Line) -> None:
        run, item = f"deadlock-{over}", envelope("a", "data", payload="x" * 60_000)
        async with dialled(over, target.port, kept_bytes=SMALLEST_BYTES) as line:
            line.say(start("a", ECHO, procedure="bidi", run=run))
            said, held = 0, False
            while not held and said < 1_000:
                line.say(item)
                said += 1
                try:
                    async with asyncio.timeout(0.3):
                        await line.writer.drain()
                except TimeoutError:
                    held = target.witness(run)["sending"] == 1
            assert held, "all of it was taken"
            assert target.witness(run)["received"] < said
            async with dialled(over, target.port) as other:
                assert await lives(other)
        figures = await target.when(run, state="ended")
        assert {**figures, "cancel_seen": 1, "cleanups": 1, "input": "broken"} == figures

    told(target, over, story)


def test_whoever_reads_no_complaints_is_read_no_more(target: Target, over: str) -> None:
    async def story(_: Line) -> None:
        async with dialled(over, target.port, kept_bytes=SMALLEST_BYTES) as line:
            line.say(start("a", BIG, run=f"complains-{over}"))
            await target.when(f"complains-{over}", sending=1)
            line.say(*[b"no envelope"] * 10_000)
        assert (await target.when(f"complains-{over}", state="ended"))["cancel_seen"] == 1

    told(target, over, story)


# -- what is no message at all -----------------------------------------------------------------------------------------


def test_too_many_messages_that_are_no_good_end_their_connection_with_a_word(target: Target, over: str) -> None:
    async def story(line: Line) -> None:
        line.say(*[b"no envelope"] * (MOST_ERRORS + 2_000))
        bodies = await line.closed()
        codes = [json.loads(body)["payload"]["code"] for body in bodies if body.startswith(b"{")]
        assert codes == ["INVALID_ARGUMENT"] * (MOST_ERRORS + 1)

    told(target, over, story)


@pytest.mark.parametrize("seed", range(12))
def test_noise_harms_nobody_else(target: Target, over: str, seed: int) -> None:
    async def story(line: Line) -> None:
        line.say(start("a", SHUT, run=f"noisy-{over}-{seed}"))
        assert (await line.hear())["type"] == "stream:start"
        line.write(random.Random(seed).randbytes(3_000))
        async with dialled(over, target.port) as other:
            assert await lives(other)

    told(target, over, story)


# -- many connections --------------------------------------------------------------------------------------------------


def test_idle_connections_cost_little_and_keep_nobody_out(target: Target, over: str) -> None:
    many = 300

    async def story(line: Line) -> None:
        assert await lives(line)
        held = target.held_bytes()
        async with contextlib.AsyncExitStack() as stack:
            for n in range(many):
                idle = await stack.enter_async_context(dialled(over, target.port))
                if over == "tcp":  # without an octet it is not yet told from HTTP
                    idle.write(b"\0")
                elif n == 0:
                    assert await lives(idle)
            await target.until(lambda: target.process.num_fds() > many)
            assert await lives(line)
            assert (target.held_bytes() - held) / many < 60 * 1_024
        await target.until(lambda: target.process.num_fds() < many)

    told(target, over, story)


def test_connections_that_come_and_go_leave_nothing(target: Target, over: str) -> None:
    async def story(line: Line) -> None:
        assert await lives(line, "before")  # so it has been accepted, and its descriptor is counted
        descriptors = target.process.num_fds()
        for n in range(100):
            async with dialled(over, target.port) as other:
                other.say(start("a", SHUT, run=f"comes-{over}-{n}"))
                if n % 3:
                    assert (await other.hear())["type"] == "stream:start"
        await target.until(lambda: target.process.num_fds() <= descriptors)
        await target.nothing_is_left()
        assert await lives(line)

    told(target, over, story)


@pytest.mark.skipif(sys.platform != "linux", reason="another process's limits are set as Linux has it")
def test_a_server_without_descriptors_goes_on_and_accepts_when_there_are_some() -> None:
    async def story(target: Target) -> None:
        async with asyncio.timeout(LONGEST_S), dialled("tcp", target.port) as line:
            assert await lives(line)
            most = target.process.num_fds() + 10
            target.process.rlimit(resource.RLIMIT_NOFILE, (most, most))
            before = target.process.cpu_times()
            crowd = [await asyncio.open_connection("127.0.0.1", target.port) for _ in range(20)]
            await target.until(lambda: target.process.num_fds() == most)
            assert await lives(line, "meanwhile")
            for _, writer in crowd:
                writer.transport.abort()
            async with dialled("tcp", target.port) as other:  # asyncio tries again after a second
                assert await lives(other)
            after = target.process.cpu_times()
            assert after.user + after.system - before.user - before.system < MOST_CPU_S / 4, (
                "it waits, and does not spin"
            )

    with hostile_target(is_quiet=False) as target:
        asyncio.run(story(target))


def test_a_peer_that_has_all_its_connections_gets_no_more_until_one_is_closed() -> None:
    most = 8

    async def story(target: Target) -> None:
        async with asyncio.timeout(LONGEST_S), dialled("tcp", target.port) as line:
            assert await lives(line)
            crowd = [await asyncio.open_connection("127.0.0.1", target.port) for _ in range(most - 1)]
            reader, writer = await asyncio.open_connection("127.0.0.1", target.port)
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
            assert await lives(line, "meanwhile")
            crowd.pop()[1].close()
            await target.until(lambda: _is_admitted(target.port))
            for _, writer in crowd:
                writer.close()

    with hostile_target("--connections-per-peer", str(most)) as target:
        asyncio.run(story(target))


def _is_admitted(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), LONGEST_S) as connection, contextlib.suppress(OSError):
        connection.sendall(b"GET /told HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        return connection.recv(4_096).startswith(b"HTTP/1.1 200")
    return False


def test_thousands_of_connections_at_once_are_all_accepted_and_disturb_nobody(target: Target) -> None:
    # As fast as one client can; a shell with the usual 1,024 descriptors has no room for 10,000.
    many = min(10_000, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)

    async def story(line: Line) -> None:
        assert await lives(line)
        before = target.process.cpu_times()
        crowd = []
        for _ in range(many):
            connection = socket.socket()
            connection.settimeout(0)
            connection.connect_ex(("127.0.0.1", target.port))
            crowd.append(connection)
        assert await lives(line, "meanwhile")
        await target.until(lambda: target.process.num_fds() > many)
        for connection in crowd:
            connection.close()
        await target.until(lambda: target.process.num_fds() < 100)
        after = target.process.cpu_times()
        assert await lives(line, "afterwards")
        assert after.user + after.system - before.user - before.system < MOST_CPU_S * 5

    told(target, "tcp", story)
