"""The reference over gRPC, asked by a client that owns its windows, and by hostile ones: what is on the wire."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from typing import TYPE_CHECKING, Any, Final

import pytest
from h2.settings import SettingCodes
from hyperframe.frame import DataFrame, PingFrame, SettingsFrame
from raw_h2 import Client, connected

from streamspec.reference_impl import conformance, grpc_names, grpc_text
from streamspec.reference_impl.bindings import grpc_server
from streamspec.reference_impl.bindings.asgi import App

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from streamspec.reference_impl.witness import Figures, Run

LONGEST_S: Final = 20.0
SERVER: Final = "/streamspec.Script/Server"
CLIENT: Final = "/streamspec.Script/Client"
BIDI: Final = "/streamspec.Script/Bidi"
ITEM_BYTES: Final = 1_000
ENDLESS: Final = {"do": "generate", "bytes": ITEM_BYTES}
SHUT: Final = {"do": "gate", "name": "shut"}
ONE: Final = {"do": "generate", "n": 1}
COLLECT: Final = {"do": "collect"}
REFUSED_STREAM: Final = 7  # RFC 9113 7
ENHANCE_YOUR_CALM: Final = 11


def _wish(*steps: object, run: str = "run") -> bytes:
    return grpc_text.encoded(json.dumps({"run": run, "script": {"steps": steps}}))


class Reference:
    def __init__(self, app: App, port: int) -> None:
        self.app = app
        self.port = port

    def run(self, name: str = "run") -> Run:
        found = self.app.mounts[""].runs.begun(name)
        assert found is not None, "nobody has begun it"
        return found

    async def begun(self, name: str = "run") -> Run:
        await self.until(lambda: self.app.mounts[""].runs.begun(name) is not None)
        return self.run(name)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(LONGEST_S):
            while not condition():  # noqa: ASYNC110 -- figures tell nobody that they change
                await asyncio.sleep(0.001)

    async def ended(self, name: str = "run") -> Figures:
        await self.until(lambda: self.run(name).figures()["state"] == "ended")
        return self.run(name).figures()


@contextlib.asynccontextmanager
async def _reference() -> AsyncIterator[Reference]:
    app = App([])
    async with asyncio.timeout(LONGEST_S), grpc_server.serving(app, "127.0.0.1") as port:
        reference = Reference(app, port)
        yield reference
        app.close()
        await reference.until(lambda: not app.mounts[""].open)


def _items(octets: list[bytes]) -> list[Any]:
    return [json.loads(grpc_text.decoded(message)) for message in octets]


async def _lives(client: Client, run: str = "after") -> bool:
    """Whether the connection still serves."""
    number = client.call(SERVER, _wish(ONE, run=run))
    client.h2.increment_flow_control_window(100, number)
    stream = await client.whole(number)
    return stream.trailers.get("grpc-status") == "0" and _items(stream.messages()) == [{"n": 1}]


def test_a_stream_is_a_head_messages_and_trailers() -> None:
    async def story() -> None:
        async with _reference() as reference, connected(reference.port) as client:
            stream = await client.whole(client.call(SERVER, _wish({"do": "generate", "n": 2})))
            assert stream.headers[":status"] == "200"
            assert stream.headers["content-type"].startswith("application/grpc")
            assert _items(stream.messages()) == [{"n": 1}, {"n": 2}]
            assert stream.trailers["grpc-status"] == "0"

    asyncio.run(story())


def test_the_head_comes_before_the_first_item() -> None:
    async def story() -> None:
        async with _reference() as reference, connected(reference.port) as client:
            stream = client.streams[client.call(SERVER, _wish(SHUT))]
            await client.read_until(lambda: bool(stream.headers))
            assert (stream.headers[":status"], bytes(stream.data), stream.is_over) == ("200", b"", False)

    asyncio.run(story())


def test_a_refusal_is_trailers_alone() -> None:
    async def story() -> None:
        async with _reference() as reference, connected(reference.port) as client:
            stream = await client.whole(client.call(SERVER, _wish({"do": "refuse", "code": "NOT_FOUND"})))
            assert stream.headers["grpc-status"] == "5"
            assert not stream.trailers
            assert not stream.data

    asyncio.run(story())


@pytest.mark.parametrize("window", [0, 1, 65_535, 1_000_000])
def test_a_client_that_does_not_read_is_waited_for(window: int) -> None:
    """The bound, measured: what is sent fits the window, what waits is the stream's own queue and one message more."""

    async def story() -> None:
        async with _reference() as reference, connected(reference.port, window=window) as client:
            number = client.call(SERVER, _wish(ENDLESS))
            stream = await client.got(number, window)
            run = await reference.begun()
            fits = window // (ITEM_BYTES + 8)
            await reference.until(lambda: run.figures()["sending"] == 1 and run.sent >= fits + 16)
            # While others are served on the same connection, the stalled one has all the time for more.
            for count in range(5):
                assert await _lives(client, f"beside-{count}")
            assert run.sent <= fits + 16 + 1 + 1
            assert run.figures()["sending"] == 1
            assert len(stream.data) == window
            if window:
                sent = run.sent
                client.give_back(number)
                await client.got(number, 2 * window)
                await reference.until(lambda: run.sent > sent or window < ITEM_BYTES)
            client.reset(number)
            figures = await reference.ended()
            assert (figures["cancel_seen"], figures["cleanups"], figures["sending"]) == (1, 1, 0)

    asyncio.run(story())


def test_a_deadline_fires_while_the_client_does_not_read() -> None:
    async def story() -> None:
        async with _reference() as reference, connected(reference.port, window=0) as client:
            number = client.call(SERVER, _wish(ENDLESS), headers=[("grpc-timeout", "150m")])
            stream = await client.whole(number)
            assert stream.reset is not None or stream.trailers.get("grpc-status") == "4"
            figures = await reference.ended()
            assert (figures["cancel_seen"], figures["cleanups"]) == (0, 1)

    asyncio.run(story())


def test_a_client_that_floods_is_held_back() -> None:
    """The bound, measured: the inlet's 16 items, one that waits for room, and the window of the stream."""

    async def story() -> None:
        async with _reference() as reference, connected(reference.port) as client:
            number = client.call(BIDI, _wish(ONE, {"do": "gate", "name": "open"}, COLLECT), ends=False)
            await client.got(number, 1)
            item = json.dumps("x" * 10_000).encode()
            message = grpc_text.encoded(item.decode())
            most = 3 * grpc_server.LOOKAHEAD_BYTES + 18 * len(message)
            said = 0
            with contextlib.suppress(TimeoutError):
                while said < 2 * most:
                    if client.h2.local_flow_control_window(number) >= len(message) + 5:
                        client.say(number, message)
                        said += len(message)
                        continue
                    async with asyncio.timeout(0.3):
                        await client.read_until(lambda: client.h2.local_flow_control_window(number) >= len(message) + 5)
            assert said <= most, "the window is shut"
            run = reference.run()
            assert run.received == 0
            run.gates.open("open")
            await client.read_until(lambda: client.h2.local_flow_control_window(number) >= len(message) + 5)
            client.h2.end_stream(number)
            client.flush()
            stream = await client.whole(number)
            count = said // len(message)
            assert _items(stream.messages())[1] == {"n": 2, "count": count, "bytes": count * len(item)}
            assert stream.trailers["grpc-status"] == "0"

    asyncio.run(story())


def test_a_flood_on_one_stream_leaves_its_siblings_alone() -> None:
    async def story() -> None:
        async with _reference() as reference, connected(reference.port) as client:
            number = client.call(BIDI, _wish(SHUT), ends=False)
            message = grpc_text.encoded(json.dumps("x" * 1_000))
            while client.h2.local_flow_control_window(number) >= len(message) + 5:
                client.say(number, message)
            assert await _lives(client)

    asyncio.run(story())


@pytest.mark.parametrize("how", ["reset", "close"])
def test_an_upload_that_is_cut_off_is_never_at_its_end(how: str) -> None:
    async def story() -> None:
        async with _reference() as reference:
            for number in range(20):
                run = f"run-{number}"
                async with connected(reference.port) as client:
                    stream = client.call(CLIENT, _wish(COLLECT, run=run), grpc_text.encoded("1"), ends=False)
                    await client.read_until(lambda: bool(client.streams[stream].headers))  # noqa: B023
                    await reference.begun(run)
                    await reference.until(lambda: reference.run(run).received == 1)  # noqa: B023
                    if how == "reset":
                        client.reset(stream)
                        assert await _lives(client, f"after-{number}")
                figures = await reference.ended(run)
                assert (figures["input"], figures["sent"], figures["cancel_seen"]) == ("broken", 0, 1)

    asyncio.run(story())


def test_a_lost_connection_ends_all_its_streams() -> None:
    async def story() -> None:
        async with _reference() as reference:
            async with connected(reference.port) as client:
                for number in range(10):
                    client.call(SERVER, _wish(ONE, SHUT, run=f"run-{number}"))
                await client.read_until(lambda: all(len(stream.data) > 5 for stream in client.streams.values()))
            for number in range(10):
                figures = await reference.ended(f"run-{number}")
                assert (figures["cancel_seen"], figures["cleanups"]) == (1, 1)

    asyncio.run(story())


def _flagged(flag: int, *headers: tuple[str, str]) -> Callable[[Client], int]:
    def tell(client: Client) -> int:
        number = client.call(SERVER, headers=headers, ends=False)
        client.say(number, _wish(ONE), flag=flag, ends=True)
        return number

    return tell


def _headed(*headers: tuple[str, str]) -> Callable[[Client], int]:
    return lambda client: client.call(SERVER, _wish(ONE), headers=headers)


@pytest.mark.parametrize(
    ("tell", "status"),
    [
        (lambda client: client.call("/streamspec.Script/Nothing", _wish(ONE)), "12"),
        (lambda client: client.call("/nothing", _wish(ONE)), "12"),
        (_headed(("grpc-encoding", "nothing")), "13"),  # doc/compression.md has 12
        (_headed(("grpc-timeout", "1e9H")), "13"),
        (_headed(("grpc-timeout", "-1S")), "13"),
        (_headed(("grpc-timeout", "0m")), "4"),
        (_headed(("grpc-timeout", "99999999H")), "0"),
        (_headed(("grpc-reserved", "1")), "0"),
        (_headed(("x-bin", "***")), "13"),
        (_headed(("x-large", "a" * 10_000)), "0"),
        (_headed(("x-large", "a" * 10_000), ("y-large", "a" * 10_000)), "8"),
        (_flagged(1), "13"),
        (_flagged(1, ("grpc-encoding", "gzip")), "13"),
        (lambda client: client.call(SERVER), "12"),  # it half-closes at once
        (lambda client: client.call(BIDI), "3"),
    ],
)
def test_a_bad_call_has_its_status_and_the_connection_lives(tell: Callable[[Client], int], status: str) -> None:
    async def story() -> None:
        async with _reference() as reference, connected(reference.port) as client:
            stream = await client.whole(tell(client))
            assert {**stream.headers, **stream.trailers}["grpc-status"] == status
            assert await _lives(client)

    asyncio.run(story())


@pytest.mark.parametrize(("more", "status"), [(0, "3"), (1, "8")])
def test_a_message_has_a_bound(more: int, status: str) -> None:
    """One of 4 MiB is read, and is no JSON; with one octet more it is not taken."""
    size = grpc_names.MOST_MESSAGE_BYTES + more

    async def story() -> None:
        async with _reference() as reference, connected(reference.port) as client:
            number = client.call(BIDI, ends=False)
            rest = struct.pack(">BI", 0, size) + b"\x0a" + b"x" * (size - 1)
            stream = client.streams[number]
            while rest and not stream.is_over:
                room = min(client.h2.local_flow_control_window(number), client.h2.max_outbound_frame_size)
                if room:
                    client.h2.send_data(number, rest[:room])
                    rest = rest[room:]
                    client.flush()
                else:
                    await client.read_until(lambda: client.h2.local_flow_control_window(number) > 0 or stream.is_over)
            await client.whole(number)
            assert {**stream.headers, **stream.trailers}["grpc-status"] == status
            assert await _lives(client)

    asyncio.run(story())


def test_a_call_that_never_says_what_to_play_is_over_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from streamspec.reference_impl import grpc_calls

    monkeypatch.setattr(grpc_calls, "FIRST_MESSAGE_S", 0.05)

    async def story() -> None:
        async with _reference() as reference, connected(reference.port) as client:
            for path, messages in ((BIDI, ()), (SERVER, ()), (SERVER, (_wish(ONE),))):
                stream = await client.whole(client.call(path, *messages, ends=False))
                assert stream.headers["grpc-status"] == "4"
            assert await _lives(client)

    asyncio.run(story())


def test_a_thousand_calls_that_are_reset_at_once_leave_nothing_behind() -> None:
    async def story() -> None:
        async with _reference() as reference, connected(reference.port) as client:
            for number in range(1_000):
                client.reset(client.call(BIDI, _wish(SHUT, run=f"run-{number}"), ends=False))
                if number % 100 == 99:  # or our window of the connection is used up
                    assert await _lives(client, f"after-{number}")
            await reference.until(lambda: not reference.app.mounts[""].open)
            told = reference.app.mounts[""].told.figures()
            assert told["open"] == 0
            assert told["cleanups"] == told["ended"]

    asyncio.run(story())


def test_there_are_as_many_streams_at_once_as_are_declared() -> None:
    most = conformance.MOST_STREAMS

    async def story() -> None:
        async with _reference() as reference, connected(reference.port) as client:
            assert await _lives(client)
            assert client.h2.remote_settings.max_concurrent_streams == most
            numbers = [client.call(SERVER, _wish(ONE, SHUT, run=f"run-{n}")) for n in range(most)]
            await client.read_until(lambda: all(len(client.streams[number].data) > 5 for number in numbers))
            # Whoever goes beyond what he was told is refused, and the others go on (RFC 9113 5.1.2).
            client.h2.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 10 * most
            client.h2.remote_settings.acknowledge()
            refused = await client.whole(client.call(SERVER, _wish(ONE, run="beyond")))
            assert refused.reset == REFUSED_STREAM
            assert reference.app.mounts[""].runs.begun("beyond") is None
            client.reset(numbers[0])
            await reference.ended("run-0")
            assert await _lives(client, "again")
            assert not any(client.streams[number].is_over for number in numbers[1:])

    asyncio.run(story())


@pytest.mark.parametrize("flood", ["settings", "empty data", "unknown frames"])
def test_frames_that_ask_for_nothing_harm_nobody(flood: str) -> None:
    async def story() -> None:
        async with _reference() as reference, connected(reference.port) as client:
            number = client.call(BIDI, _wish(ONE, COLLECT), ends=False)
            await client.got(number, 1)
            octets = {
                "settings": SettingsFrame(0).serialize(),
                "empty data": DataFrame(number).serialize(),
                "unknown frames": b"\x00\x00\x01\xbb\x00\x00\x00\x00\x00x",
            }[flood]
            client.write(octets * 1_000)
            assert await _lives(client)
            client.h2.end_stream(number)
            client.flush()
            assert (await client.whole(number)).trailers["grpc-status"] == "0"

    asyncio.run(story())


def test_a_flood_of_pings_ends_its_connection_and_no_other() -> None:
    async def story() -> None:
        async with _reference() as reference, connected(reference.port) as other:
            async with connected(reference.port) as client:
                assert await _lives(client)
                client.write(PingFrame(0, b"12345678").serialize() * 100)
                await client.read_until(lambda: client.goaway is not None)
                assert client.goaway is not None
                assert client.goaway.error_code == ENHANCE_YOUR_CALM
            assert await _lives(other)

    asyncio.run(story())
