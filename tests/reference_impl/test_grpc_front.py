"""The relay in front of the gRPC server: without a defect it changes nothing that a client can see, and each variant
behind it has its one."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any, Final

import grpc
import pytest
from cuts import cut_into, octet_by_octet
from h2.exceptions import FlowControlError, ProtocolError
from hpack import Decoder, Encoder
from hyperframe.frame import ContinuationFrame, DataFrame, Frame, HeadersFrame, PingFrame, WindowUpdateFrame
from hypothesis import given
from hypothesis import strategies as st
from raw_h2 import Stream, connected

from streamspec.reference_impl import broken, grpc_names, grpc_parts, grpc_text
from streamspec.reference_impl.bindings import grpc_server
from streamspec.reference_impl.bindings.asgi import App
from streamspec.reference_impl.grpc_front import WIDE, Answers, Wishes
from streamspec.reference_impl.grpc_parts import HEADERS, Data, Frames, Relay
from streamspec.reference_impl.seams import Seams
from streamspec.reference_impl.variant import Variant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LONGEST_S: Final = 20.0
RELAYED: Final = {variant.name: variant for variant in broken.variants() if variant.seams.relay}
PLAIN: Final = Variant("plain", "It has no defect.", "app", "GR-01", ("none",), Seams(relay=Relay()), on=("grpc",))


def _fields(*pairs: tuple[str, str]) -> list[tuple[str, str]]:
    return [(":status", "200"), ("content-type", "application/grpc"), *pairs]


def _answer(encoder: Encoder) -> bytes:
    """An answer as a server says it: its head in two frames, a ping between messages, and trailers."""
    block = encoder.encode(_fields(("x-a", "1")))
    trailers = HeadersFrame(1, encoder.encode([("grpc-status", "0")]), flags=("END_STREAM", "END_HEADERS"))
    frames: list[Frame] = [
        HeadersFrame(1, block[:3]),
        ContinuationFrame(1, block[3:], flags=("END_HEADERS",)),
        DataFrame(1, grpc_parts.message(b"one")),
        PingFrame(0, b"12345678"),
        DataFrame(1, grpc_parts.message(b"two")),
        trailers,
    ]
    return b"".join(frame.serialize() for frame in frames)


def _heard(octets: bytes) -> tuple[list[list[tuple[str, str]]], bytes, list[str]]:
    """What a client makes of frames: its blocks of fields, the body, and the names of all frames."""
    decoder, blocks, body, names, block = Decoder(), [], b"", [], b""
    for framed in Frames().feed(octets):
        frame, _ = Frame.parse_frame_header(memoryview(framed.octets[:9]))
        frame.parse_body(memoryview(framed.payload))
        names.append(type(frame).__name__)
        if isinstance(frame, DataFrame):
            body += frame.data
        elif isinstance(frame, HeadersFrame | ContinuationFrame):
            block += frame.data
            if "END_HEADERS" in frame.flags:
                blocks.append([(str(pair[0]), str(pair[1])) for pair in decoder.decode(block)])
                block = b""
    assert block == b""
    return blocks, body, names


@given(st.lists(st.integers(0, 30), max_size=30))
def test_wherever_an_answer_is_cut_a_client_hears_the_same(sizes: list[int]) -> None:
    octets = _answer(Encoder())
    for pieces in ([octets], cut_into(octets, sizes), octet_by_octet(octets)):
        answers = Answers(Relay())
        blocks, body, names = _heard(b"".join(answers.feed(piece) for piece in pieces))
        assert blocks == [_fields(("x-a", "1")), [("grpc-status", "0")]]
        assert body == grpc_parts.message(b"one") + grpc_parts.message(b"two")
        assert names == ["HeadersFrame", "DataFrame", "PingFrame", "DataFrame", "HeadersFrame"]


@pytest.mark.parametrize("size", [0, 1, 16_384, 16_385, 40_000])
def test_what_is_long_is_said_in_frames_that_every_peer_takes(size: int) -> None:
    octets = bytes(size)
    for said, read in (
        (grpc_parts.data(1, Data(octets, ends=True)), DataFrame),
        (grpc_parts.block(1, octets, ends=True), HeadersFrame),
    ):
        frames = []
        for framed in Frames().feed(said):
            frame, _ = Frame.parse_frame_header(memoryview(framed.octets[:9]))
            assert len(framed.payload) <= 16_384
            frames.append(frame)
        assert isinstance(frames[0], read)
        last = "END_STREAM" if read is DataFrame else "END_HEADERS"
        assert [last in frame.flags for frame in frames] == [False] * (len(frames) - 1) + [True]
        assert b"".join(framed.payload for framed in Frames().feed(said)) == octets


def test_streams_are_told_each_by_itself() -> None:
    def counting() -> grpc_parts.Retell:
        seen = 0

        def retell(part: grpc_parts.Part) -> tuple[grpc_parts.Part, ...]:
            nonlocal seen
            seen += 1
            return (Data(bytes((seen,)), part.ends),) if isinstance(part, Data) else (part,)

        return retell

    answers = Answers(Relay(counting))
    frames = [DataFrame(stream, b"x", flags=("END_STREAM",) if end else ()) for end in (0, 1) for stream in (1, 3)]
    assert _heard(answers.feed(b"".join(frame.serialize() for frame in frames)))[1] == b"\1\1\2\2"


@given(st.lists(st.integers(0, 60), max_size=10))
def test_wishes_go_through_as_they_are_and_windows_are_widened_behind_them(sizes: list[int]) -> None:
    settings, ping = grpc_parts.frame(4, 0, 0), PingFrame(0, b"12345678").serialize()
    asks = HeadersFrame(1, b"\x82", flags=("END_HEADERS",)).serialize()
    octets = grpc_parts.PREFACE + settings + ping + asks
    plain, wide = Wishes(0), Wishes(1_000)
    pieces = cut_into(octets, sizes)
    assert b"".join(plain.feed(piece) for piece in pieces) == octets
    all_streams, one = WindowUpdateFrame(0, WIDE).serialize(), WindowUpdateFrame(1, 1_000).serialize()
    widened = grpc_parts.PREFACE + settings + all_streams + ping + asks + one
    assert b"".join(wide.feed(piece) for piece in pieces) == widened


@given(st.lists(st.integers(0, 60), max_size=10))
def test_a_wish_is_heard_in_other_words_and_the_rest_as_it_is(sizes: list[int]) -> None:
    def said(text: bytes) -> bytes:
        return DataFrame(1, grpc_parts.message(text)).serialize()

    text = grpc_text.encoded("123")
    around = (HeadersFrame(1, b"\x82", flags=("END_HEADERS",)).serialize(), PingFrame(0, b"12345678").serialize())
    unread = (said(b"\xff"), DataFrame(1, b"\0\0\0\0\x09 half").serialize(), DataFrame(1, b"\1" + bytes(4)).serialize())

    def octets(wish: bytes) -> bytes:
        return b"".join((grpc_parts.PREFACE, *around, said(wish), *unread))

    for pieces in (cut_into(octets(text), sizes), octet_by_octet(octets(text))):
        hear = grpc_parts.of_wishes(lambda wish, _: wish[:1])()
        assert b"".join(hear(piece) for piece in pieces) == octets(grpc_text.encoded("1"))


def test_a_wish_is_told_in_how_many_segments_it_came_on_each_connection() -> None:
    told: list[int] = []

    def note(wish: str, arrivals: int) -> str:
        told.append(arrivals)
        return wish

    wish = DataFrame(1, grpc_parts.message(grpc_text.encoded("1"))).serialize()
    made = grpc_parts.of_wishes(note)
    for pieces in ([grpc_parts.PREFACE + wish], [grpc_parts.PREFACE, wish[:3], wish[3:], wish]):
        hear = made()
        assert b"".join(hear(piece) for piece in pieces) == b"".join(pieces)
    assert told == [1, 3, 4]


# -- in front of the server --------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _served(*variants: Variant) -> AsyncIterator[tuple[App, dict[str, int]]]:
    """The application, and the port of each variant as its features tell it."""
    app = App([], variants)
    async with asyncio.timeout(LONGEST_S), grpc_server.serving(app, "127.0.0.1"):
        told = {variant.name: app.elsewhere["grpc"](variant.name) for variant in variants}
        yield app, {name: int(where.removeprefix(":").partition("/")[0]) for name, where in told.items()}


def _wish(*steps: object) -> bytes:
    return grpc_text.encoded(json.dumps({"run": "run", "script": {"steps": steps}}))


def _method(name: str, method: str = "Server") -> str:
    return f"/{grpc_names.service_of(name)}/{method}"


def _called(name: str, *steps: object, headers: tuple[tuple[str, str], ...] = ()) -> Stream:
    """What a client that reads every frame is shown of such a call."""

    async def story() -> Stream:
        async with _served(RELAYED[name]) as (_, ports), connected(ports[name]) as client:
            return await client.whole(client.call(_method(name), _wish(*steps), headers=headers))

    return asyncio.run(story())


def test_every_relayed_variant_has_a_port_of_its_own_and_the_others_share_one() -> None:
    async def story() -> None:
        async with _served(*RELAYED.values()) as (app, ports):
            assert len(set(ports.values())) == len(RELAYED)
            good = app.elsewhere["grpc"]("")
            assert int(good.removeprefix(":").partition("/")[0]) not in ports.values()

    asyncio.run(story())


def test_without_a_defect_a_client_of_grpcio_sees_no_relay() -> None:
    async def story() -> None:
        async with (
            _served(PLAIN) as (app, ports),
            grpc.aio.insecure_channel(f"127.0.0.1:{ports['plain']}") as channel,
        ):
            call: Any = channel.stream_stream(_method("plain", "Bidi"))()
            await call.write(_wish({"do": "echo"}))
            for n in range(3):
                item = grpc_text.encoded(json.dumps({"n": n, "pad": "x" * 50_000}))
                await call.write(item)
                assert await call.read() == item
            await call.done_writing()
            assert await call.read() is grpc.aio.EOF
            assert (await call.code()).name == "OK"
            method: Any = channel.unary_stream(_method("plain"))
            left = method(_wish({"do": "generate"}))
            await left.read()
            left.cancel()
            while app.mounts["plain"].open:  # noqa: ASYNC110 -- streams tell nobody that they end
                await asyncio.sleep(0.001)

    asyncio.run(story())


def test_a_client_that_hangs_up_ends_its_streams_behind_the_relay() -> None:
    async def story() -> None:
        async with _served(PLAIN) as (app, ports):
            async with connected(ports["plain"]) as client:
                number = client.call(_method("plain"), _wish({"do": "generate", "bytes": 100}))
                await client.got(number, 500)
                assert app.mounts["plain"].open
            while app.mounts["plain"].open:  # noqa: ASYNC110 -- streams tell nobody that they end
                await asyncio.sleep(0.001)

    asyncio.run(story())


# -- each variant ------------------------------------------------------------------------------------------------------

TWO: Final = {"do": "generate", "n": 2}
FAIL: Final = {"do": "fail", "code": "INTERNAL", "message": "as the script says"}
ITEMS: Final = [b'{"n":1}', b'{"n":2}']


def _items(stream: Stream) -> list[bytes]:
    return [grpc_text.decoded(message).encode() for message in stream.messages()]


def test_gives_no_status() -> None:
    stream = _called("gives-no-status", TWO)
    assert (_items(stream), stream.ended, "grpc-status" in stream.trailers) == (ITEMS, True, False)


def test_ends_with_its_body() -> None:
    stream = _called("ends-with-its-body", TWO)
    assert (_items(stream), stream.ended, stream.trailers) == (ITEMS, True, {})


@pytest.mark.parametrize(("name", "flag"), [("flags-with-a-seven", 7), ("calls-it-compressed", 1)])
def test_a_flag_is_another(name: str, flag: int) -> None:
    stream = _called(name, TWO)
    assert stream.data[0] == flag
    assert (_items(stream), stream.trailers["grpc-status"], "grpc-encoding" in stream.headers) == (ITEMS, "0", False)


def test_ends_inside_a_message_where_it_ends_well() -> None:
    stream = _called("ends-inside-a-message", TWO)
    assert (_items(stream), stream.trailers["grpc-status"]) == (ITEMS, "0")
    assert bytes(stream.data[-55:]) == b"\0\0\0\0\x64" + bytes(50)
    failed = _called("ends-inside-a-message", TWO, FAIL)
    assert (_items(failed), failed.trailers["grpc-status"], bytes(failed.data[-1:])) == (ITEMS, "13", b"}")


def test_pads_its_status() -> None:
    assert _called("pads-its-status", TWO).trailers["grpc-status"] == "00"


def test_encodes_no_message() -> None:
    assert _called("encodes-no-message", FAIL).trailers["grpc-message"] == "as the script says (100 %)"


def test_calls_grpc_a_page() -> None:
    stream = _called("calls-grpc-a-page", TWO)
    assert (stream.headers["content-type"], stream.trailers["grpc-status"]) == ("text/html", "0")


def test_keeps_one_of_a_name() -> None:
    name = "x-grpc-test-echo-trailing-bin"
    stream = _called("keeps-one-of-a-name", TWO, headers=((name, "q6ur"), (name, "AAAA")))
    assert stream.trailers[name].rstrip("=") == "AAAA"


def test_calls_too_large_internal() -> None:
    async def story() -> None:
        name = "calls-too-large-internal"
        async with _served(RELAYED[name]) as (_, ports), connected(ports[name]) as client:
            number = client.call(_method(name, "Client"), _wish({"do": "collect"}), ends=False)
            client.h2.send_data(number, b"\0" + (grpc_names.MOST_MESSAGE_BYTES + 1).to_bytes(4))
            client.flush()
            assert (await client.whole(number)).trailers["grpc-status"] == "13"

    asyncio.run(story())


def test_reads_a_failure_by_lines() -> None:
    words = FAIL | {"message": 'x\n{"injected":1}\n1\nnone of it'}
    stream = _called("reads-a-failure-by-lines", TWO, words)
    assert (_items(stream), stream.trailers["grpc-status"]) == ([*ITEMS, b'{"injected":1}'], "13")
    assert _items(_called("reads-a-failure-by-lines", TWO, FAIL)) == ITEMS


def test_reads_numbers_at_a_stretch() -> None:
    async def items(*, at_once: bool) -> int:
        name = "reads-numbers-at-a-stretch"
        async with _served(RELAYED[name]) as (_, ports), connected(ports[name]) as client:
            if not at_once:
                for n in range(9):  # each is answered, so that what comes next is another segment
                    client.h2.ping(n.to_bytes(8))
                    client.flush()
                    await client.whole(client.call(_method(name), _wish()))
            return len((await client.whole(client.call(_method(name), _wish({"do": "generate", "n": 12})))).messages())

    assert asyncio.run(items(at_once=True)) == 12
    assert asyncio.run(items(at_once=False)) == 1


def test_passes_over_steps() -> None:
    strange = {"do": "nobody-knows-this"}
    assert _items(_called("passes-over-steps", TWO, strange)) == ITEMS
    assert _called("passes-over-steps", {"do": "generate", "n": 2, "strange": 1}).headers["grpc-status"] == "12"


# What no client may read, frame by frame.


@pytest.mark.parametrize(
    ("name", "behind"),
    [
        ("says-its-status-twice", (b"", ["HeadersFrame", "HeadersFrame"])),
        (
            "talks-behind-its-status",
            (grpc_parts.message(grpc_text.encoded('"too late"')), ["HeadersFrame", "DataFrame"]),
        ),
    ],
)
def test_what_is_said_beside_the_status_stands_where_all_went_well(name: str, behind: tuple[bytes, list[str]]) -> None:
    relay = RELAYED[name].seams.relay
    assert relay is not None
    octets = Answers(relay).feed(_answer(Encoder()))
    blocks, body, names = _heard(octets)
    assert blocks == [_fields(("x-a", "1")), *[[("grpc-status", "0")]] * behind[1].count("HeadersFrame")]
    assert body == grpc_parts.message(b"one") + grpc_parts.message(b"two") + behind[0]
    assert names == ["HeadersFrame", "DataFrame", "PingFrame", "DataFrame", *behind[1]]
    ends = [bool(framed.flags & grpc_parts.END_STREAM) for framed in Frames().feed(octets) if framed.kind == HEADERS]
    assert ends == [False] * (len(ends) - 1) + [True]
    failed = _called(name, TWO, FAIL)
    assert (_items(failed), failed.trailers["grpc-status"], failed.ended) == (ITEMS, "13", True)


# Of these two the library `h2` has an opinion of its own.


def test_keeps_http2_alive() -> None:
    with pytest.raises(ProtocolError, match="connection"):
        _called("keeps-http2-alive", TWO)


def test_overlooks_windows() -> None:
    async def story() -> None:
        name = "overlooks-windows"
        async with _served(RELAYED[name]) as (_, ports), connected(ports[name]) as client:
            number = client.call(_method(name), _wish({"do": "generate", "n": 200, "bytes": 1_000}))
            with pytest.raises(FlowControlError):
                await client.got(number, 150_000)

    asyncio.run(story())


def test_behind_a_relay_without_a_defect_windows_are_kept() -> None:
    async def story() -> None:
        async with _served(PLAIN) as (_, ports), connected(ports["plain"]) as client:
            number = client.call(_method("plain"), _wish({"do": "generate", "n": 200, "bytes": 1_000}))
            await client.got(number, 65_000)
            assert len((await client.whole(number)).messages()) == 200

    asyncio.run(story())
