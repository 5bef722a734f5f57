"""Sessions over gRPC: with a server that breaks its rules, most of which stock clients hide, and with one of grpcio."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import pytest
from http2_doubles import EMPTY_SETTINGS, GRPC, Peer, data, peer

from streamspec.harness.core.event import (
    Closed,
    Completed,
    Deviation,
    Did,
    Ended,
    Event,
    Expired,
    Failed,
    Farewell,
    Item,
    Opened,
    Said,
    Trailers,
)
from streamspec.harness.core.history import Header, History
from streamspec.harness.core.limits import BUDGETS_MS, LIMITS
from streamspec.harness.core.ports import Body, Multiplexed, Request
from streamspec.harness.core.profile import Profile
from streamspec.harness.core.script import LOOK, Act, Ask, Await, Cancel, Finish, Pass, Read, Say, Script, Session
from streamspec.harness.drivers.grpc import GRPC as DRIVER
from streamspec.harness.drivers.grpc import GrpcDecoder, opening
from streamspec.harness.engine.recorder import Recorder
from streamspec.harness.engine.session import play
from streamspec.harness.engine.stage import Stage
from streamspec.harness.transports import http2_frames as frames
from streamspec.harness.transports.http2 import GRPC as TRANSPORT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from streamspec.harness.core.ports import Decoder
    from streamspec.harness.core.script import Direction

PLAIN = Profile("plain", "")


def decoder_of(opened: Opened, _role: str) -> Decoder | None:
    """As the runner chooses one, except that nothing else than gRPC is read."""
    if not DRIVER.recognises(opened):
        return None
    made = GrpcDecoder(PLAIN, "$.n", LIMITS)
    made.begin(opened)
    return made


async def sealed(port: int, *sessions: Session) -> History:
    recorder = Recorder(LIMITS)
    url = f"grpc://127.0.0.1:{port}/t.Script"
    wish = b'{"run":"r"}'
    assert DRIVER.talker
    talker = DRIVER.talker
    stage = Stage(
        TRANSPORT,
        decoder_of,
        {LOOK: Request(f"{url}/Server", body=wish)}
        | {f"{LOOK}/{name}": Request(f"{url}/{name.capitalize()}", body=wish) for name in ("client", "bidi", "unary")},
        {**BUDGETS_MS, "linger_ms": 50, "look_ms": 1_000},
        LIMITS,
        recorder,
        talker=lambda stream: talker(PLAIN, stream),
        opening=lambda text: opening(PLAIN, text),
    )
    script = Script(sessions)
    await play(script, stage)
    return recorder.seal(Header("case", "scenario", "grpc", "plain", script))


def look(*acts: Act, name: str = "one", direction: Direction = "server", **more: object) -> Session:
    return Session(name, LOOK, acts, direction=direction, **more)  # type: ignore[arg-type]


def events(history: History, session: str = "one") -> list[Event]:
    """What was seen, without what we did."""
    ours = (Did, Said)
    found = [record.event for record in history.records if record.session == session]
    return [event for event in found if not isinstance(event, ours) and event != Closed("ours")]


def names(history: History, session: str = "one") -> list[str]:
    return [e.code if isinstance(e, Deviation) else type(e).__name__ for e in events(history, session)]


TO_THE_END = (Ask(), Read(0, "look_ms"))

# -- what grpcio and grpclib hide --------------------------------------------------------------------------------------


def misbehaved(answer: Callable[[Peer], bytes], *, ends: bool = False) -> History:
    """What we see of a server that answers so."""

    async def play_so(one: Peer) -> None:
        await one.request()
        await one.next(frames.DATA)
        await one.say(EMPTY_SETTINGS, answer(one))
        if ends:
            one.writer.write_eof()
        await one.gone()

    async def main() -> History:
        async with peer(play_so) as port:
            return await sealed(port, look(*TO_THE_END))

    return asyncio.run(main())


ONE = opening(PLAIN, b'{"n":1}')
WHOLE = ["Opened", "Item", "Trailers", "Completed", "Ended"]


@pytest.mark.parametrize("code", [0, 2, 5, 7, 8, 11])
def test_a_reset_behind_a_message_has_the_message_and_the_code(code: int) -> None:
    history = misbehaved(lambda one: one.words.head(GRPC) + data(ONE) + frames.rst_stream(1, code))
    assert names(history) == ["Opened", "Item", "Closed"]
    assert events(history)[-1] == Closed("reset", f"RST_STREAM {frames.code_words(code)}", code)


def test_a_truncated_message_is_seen_though_the_status_is_ok() -> None:
    cut = b"\0" + (100).to_bytes(4) + bytes(50)
    history = misbehaved(lambda one: one.words.head(GRPC) + data(ONE + cut) + one.words.trailers(("grpc-status", "0")))
    assert names(history) == ["Opened", "Item", "Trailers", "grpc.cut", "Completed", "Ended"]


def test_a_flag_of_seven_is_seen_and_so_is_its_message() -> None:
    ok = ("grpc-status", "0")
    history = misbehaved(lambda one: one.words.head(GRPC) + data(b"\7" + ONE[1:]) + one.words.trailers(ok))
    assert names(history) == ["Opened", "grpc.flag", "Item", "Trailers", "Completed", "Ended"]


def test_a_compressed_message_without_an_encoding_is_seen() -> None:
    ok = ("grpc-status", "0")
    history = misbehaved(lambda one: one.words.head(GRPC) + data(b"\1" + ONE[1:]) + one.words.trailers(ok))
    assert names(history)[1:3] == ["grpc.flag-without-encoding", "Item"]


def test_another_media_type_is_seen_and_is_no_stream_of_grpc() -> None:
    html = (("content-type", "text/html"),)
    history = misbehaved(lambda one: one.words.head(html) + data(ONE) + one.words.trailers(("grpc-status", "0")))
    assert names(history) == ["Opened", "Trailers", "Ended"]
    assert events(history)[0] == Opened(200, "", "HTTP/2", html)


def test_an_end_without_trailers_has_no_status() -> None:
    history = misbehaved(lambda one: one.words.head(GRPC) + data(ONE, ends=True))
    assert names(history) == ["Opened", "Item", "Trailers", "grpc.no-status", "Ended"]
    assert events(history)[2] == Trailers(())


@pytest.mark.parametrize(
    ("fields", "seen"),
    [
        ((("x", "y"),), ["grpc.no-status"]),
        ((("grpc-status", "abc"),), ["grpc.status", "Failed"]),
        ((("grpc-status", "99"),), ["Failed"]),
    ],
)
def test_a_status_that_is_none_is_seen(fields: tuple[tuple[str, str], ...], seen: list[str]) -> None:
    history = misbehaved(lambda one: one.words.head(GRPC) + data(ONE) + one.words.trailers(*fields))
    assert names(history) == ["Opened", "Item", "Trailers", *seen, "Ended"]


def test_a_goodbye_that_names_this_stream_lets_it_finish() -> None:
    history = misbehaved(
        lambda one: (
            one.words.head(GRPC)
            + data(ONE)
            + frames.goaway(1, 0)
            + data(ONE)
            + one.words.trailers(("grpc-status", "0"))
        )
    )
    assert names(history) == ["Opened", "Item", "Farewell", "Item", "Trailers", "Completed", "Ended"]
    assert isinstance(events(history)[2], Farewell)


def test_data_behind_the_end_is_seen() -> None:
    history = misbehaved(
        lambda one: one.words.head(GRPC) + data(ONE) + one.words.trailers(("grpc-status", "0")) + data(ONE)
    )
    assert names(history) == [*WHOLE, "h2.after-end"]


def test_a_status_that_does_not_end_its_stream_is_a_terminal_and_so_is_the_next_one() -> None:
    history = misbehaved(
        lambda one: (
            one.words.head(GRPC)
            + data(ONE)
            + one.words.head((("grpc-status", "13"),), status=0)
            + data(ONE)
            + one.words.trailers(("grpc-status", "0"))
        )
    )
    said = ["Trailers", "Failed", "h2.headers", "Item", "Trailers", "Completed"]
    assert names(history) == ["Opened", "Item", *said, "Ended"]


def test_trailers_only_are_a_failure_without_a_body() -> None:
    fields = (*GRPC, ("grpc-status", "5"), ("grpc-message", "none %2f there"))
    history = misbehaved(lambda one: one.words.head(fields, ends=True))
    assert names(history) == ["Opened", "Trailers", "Failed", "Ended"]
    failed = events(history)[2]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.message) == ("NOT_FOUND", "none / there")


def test_an_answer_of_503_is_no_stream() -> None:
    history = misbehaved(lambda one: one.words.head(status=503, ends=True))
    assert names(history) == ["Opened", "Ended"]


def test_the_end_of_the_connection_is_no_end_of_a_stream() -> None:
    history = misbehaved(lambda one: one.words.head(GRPC) + data(ONE), ends=True)
    assert names(history) == ["Opened", "Item", "Closed"]
    assert events(history)[-1] == Closed("eof")


# -- a server of grpcio ------------------------------------------------------------------------------------------------


class Handlers(grpc.GenericRpcHandler):
    """One handler for each method, all of them with streams both ways, of octets."""

    def __init__(self, handlers: dict[str, object]) -> None:
        self._handlers = handlers

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        found = self._handlers.get(handler_call_details.method.rpartition("/")[2])
        return grpc.stream_stream_rpc_method_handler(found) if found else None  # type: ignore[arg-type]


@asynccontextmanager
async def served(**handlers: object) -> AsyncIterator[int]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Handlers(handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield port
    finally:
        await server.stop(0)


def text(n: int, size: int = 0) -> bytes:
    return opening(PLAIN, json.dumps({"n": n, "pad": "x" * size}).encode())[5:]


def asked(*sessions: Session, **handlers: object) -> History:
    async def main() -> History:
        async with served(**handlers) as port:
            return await sealed(port, *sessions)

    return asyncio.run(main())


async def counting(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
    _ = [request async for request in requests]
    for n in range(1, 4):
        await context.write(text(n))


async def echoing(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
    first = True
    async for request in requests:
        if not first:  # the opening message is none of the items
            await context.write(request)
        first = False


async def collecting(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
    taken = [request async for request in requests]
    await context.write(opening(PLAIN, json.dumps({"n": 1, "count": len(taken) - 1}).encode())[5:])


def test_a_stream_of_the_server_is_items_and_a_success() -> None:
    history = asked(look(*TO_THE_END), Server=counting)
    assert names(history) == ["Opened", "Item", "Item", "Item", "Trailers", "Completed", "Ended"]
    assert [e.seq for e in events(history) if isinstance(e, Item)] == [1, 2, 3]


def test_a_stream_of_ours_is_answered_when_it_is_over() -> None:
    acts = (Ask(), Say(3), Finish(), Read(0, "look_ms"))
    history = asked(look(*acts, direction="client"), Client=collecting)
    assert names(history) == ["Opened", "Item", "Trailers", "Completed", "Ended"]
    assert [e.prefix for e in events(history) if isinstance(e, Item)] == ['{"n": 1, "count": 3}']


def test_an_echo_answers_each_item_before_the_next_is_said() -> None:
    each = [act for _ in range(3) for act in (Say(1, 100), Read(1, "look_ms", needed=True))]
    history = asked(look(Ask(), *each, Finish(), Read(0, "look_ms"), direction="bidi"), Bidi=echoing)
    assert names(history) == ["Opened", "Item", "Item", "Item", "Trailers", "Completed", "Ended"]
    assert [e.seq for e in events(history) if isinstance(e, Item)] == [1, 2, 3]


def test_a_large_item_goes_both_ways() -> None:
    acts = (Ask(), Say(1, 1_000_000), Read(1, "item_ms"), Finish(), Read(0, "look_ms"))
    history = asked(look(*acts, direction="bidi"), Bidi=echoing)
    assert [e.size for e in events(history) if isinstance(e, Item)] == [1_000_000]


def test_a_method_that_nobody_has_is_unimplemented() -> None:
    history = asked(look(*TO_THE_END))
    assert names(history) == ["Opened", "Trailers", "Failed", "Ended"]
    failed = events(history)[2]
    assert isinstance(failed, Failed)
    assert failed.code == "UNIMPLEMENTED"


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (grpc.StatusCode.DEADLINE_EXCEEDED, "TIMED_OUT"),
        (grpc.StatusCode.PERMISSION_DENIED, "UNAUTHORIZED"),
        (grpc.StatusCode.INTERNAL, "INTERNAL"),
    ],
)
@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("tab\tand\r\nlines", "tab\\tand\\r\\nlines"),
        ("100 % of it", "100 % of it"),
        ("\U0001f600 \u00e9", "\U0001f600 \u00e9"),
        ("", ""),
    ],
)
def test_a_failure_comes_with_its_code_and_its_message(
    code: grpc.StatusCode, name: str, message: str, shown: str
) -> None:
    async def failing(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        await context.write(text(1))
        await context.abort(code, message)

    history = asked(look(*TO_THE_END), Server=failing)
    assert names(history) == ["Opened", "Item", "Trailers", "Failed", "Ended"]
    failed = events(history)[3]
    assert isinstance(failed, Failed)
    assert (failed.code, failed.message) == (name, shown)


def test_a_deadline_travels_in_its_own_field_and_is_no_part_of_the_script() -> None:
    told: list[float | None] = []

    async def waiting(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        told.append(context.time_remaining())
        await asyncio.sleep(10)

    acts = (Ask(budget="look_ms"), Read(0, "look_ms"))
    history = asked(look(*acts, options={"deadline_ms": 200}), Server=waiting)
    assert told[0]
    assert 0 < told[0] <= 0.2
    assert names(history)[:3] == ["Opened", "Trailers", "Failed"]
    failed = events(history)[2]
    assert isinstance(failed, Failed)
    assert failed.code == "TIMED_OUT"


def test_our_cancel_reaches_a_handler_that_waits() -> None:
    async def main() -> None:
        seen = asyncio.Event()

        async def idle(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
            await context.write(text(1))
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                seen.set()
                raise

        async with served(Server=idle) as port:
            acts = (Ask(), Read(1, "look_ms"), Cancel("word"), Read(1, "linger_ms"))
            history = await sealed(port, look(*acts))
            async with asyncio.timeout(5):
                await seen.wait()
            assert names(history) == ["Opened", "Item", "Expired"]  # and nothing is said of it any more

    asyncio.run(main())


def test_a_stream_that_is_cancelled_in_its_first_write_is_silent_and_the_next_one_is_served() -> None:
    cancelled = look(Ask(cancelled=True), Read(1, "linger_ms"))
    history = asked(cancelled, look(*TO_THE_END, name="two"), Server=counting)
    assert [type(event) for event in events(history)] == [Expired]
    assert names(history, "two")[-1] == "Ended"


def test_streams_beside_each_other_share_a_connection_and_leave_it_one_by_one() -> None:
    async def main() -> None:
        peers: list[str] = []

        async def noting(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
            peers.append(context.peer())
            await counting(requests, context)

        async with served(Server=noting) as port:
            history = await sealed(
                port,
                look(Ask(), Read(1, "look_ms"), Pass(1), Await("two", 2), Read(0, "look_ms")),
                look(Await("one", 1), Ask(on="one"), Read(0, "look_ms"), name="two", beside="one"),
            )
        assert names(history)[-1] == names(history, "two")[-1] == "Ended"
        assert len(peers) == 2
        assert len(set(peers)) == 1

    asyncio.run(main())


def test_a_reader_that_stands_still_stops_its_producer_and_no_other() -> None:
    async def main() -> None:
        sent = 0

        async def endless(requests: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
            nonlocal sent
            while True:
                await context.write(text(sent, 10_000))
                sent += 1

        async def fenced(stream: Multiplexed) -> int:
            """How many were sent, when another call has been served meanwhile."""
            other = await stream.beside(Request(url("Client"), body=opening(PLAIN, b"{}")))
            while not any(isinstance(entry, Ended) for entry in await other.receive()):
                pass
            await other.leave()
            return sent

        async with served(Server=endless, Client=counting) as port, asyncio.timeout(20):

            def url(method: str) -> str:
                return f"grpc://127.0.0.1:{port}/t.Script/{method}"

            stream = await TRANSPORT.open(Request(url("Server"), body=opening(PLAIN, b"{}")), LIMITS, 5_000)
            assert isinstance(stream, Multiplexed)
            counts = [await fenced(stream) for _ in range(30)]
            assert counts[-1] == counts[-10]  # it stands still, while ten others were served
            assert counts[-1] * 10_000 < 1_000_000
            read = 0
            while read < 2_000_000:
                read += sum(len(entry.data) for entry in await stream.receive() if isinstance(entry, Body))
            assert sent > counts[-1]
            await stream.leave()

    asyncio.run(main())


def test_a_success_is_completed_by_its_status() -> None:
    history = asked(look(*TO_THE_END), Server=counting)
    assert [e for e in events(history) if isinstance(e, Completed)]
