"""The reference over gRPC against calls that break gRPC: each has its status, its connection lives, and whoever comes
afterwards is served.

What `test_grpc_wire` tells of bad calls is not told again. Where grpcio has another status than gRPC's documents, or
none, that is an expected failure. Never here: frames that break HTTP/2 (`test_hostile_http2`).
"""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import TYPE_CHECKING, Final

import pytest
from hostile_target import MOST_GROWTH_BYTES, Target, hostile_target
from http2_octets import DATA, END_HEADERS, END_STREAM, HEADERS, Answer, Wire, dialled, frame, message, window

from streamspec.reference_impl import grpc_text
from streamspec.reference_impl.grpc_names import MOST_MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

LONGEST_S: Final = 20.0
SERVER: Final = "/streamspec.Script/Server"
CLIENT: Final = "/streamspec.Script/Client"
BIDI: Final = "/streamspec.Script/Bidi"
ONE: Final = {"do": "generate", "n": 1}
COLLECT: Final = {"do": "collect"}
FIRST: Final = b'\n\x07{"n":1}'
# doc/statuscodes.md
OK, INVALID_ARGUMENT, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, UNIMPLEMENTED, INTERNAL = "0", "3", "4", "8", "12", "13"
MANY: Final = 200  # calls: more than a connection may have at a time


@pytest.fixture(scope="module")
def target() -> Iterator[Target]:
    with hostile_target() as found:
        yield found


def told(target: Target, story: Callable[[Wire], Awaitable[None]]) -> None:
    """A story of one connection, which lives on; another one is served as ever, and nothing is left."""

    async def whole() -> None:
        async with asyncio.timeout(LONGEST_S):
            async with dialled(target.grpc_port) as wire, dialled(target.grpc_port) as other:
                await story(wire)
                for one in (wire, other):
                    answer = await one.over(one.call(SERVER, wish(ONE)))
                    assert answer == Answer(answer.fields, bytearray(message(FIRST)), ended=True)
                    assert answer.status == OK
            await target.nothing_is_left()

    before = target.most_held_bytes()
    asyncio.run(whole())
    assert target.most_held_bytes() - before < MOST_GROWTH_BYTES


def wish(*steps: object, run: str = "some") -> bytes:
    return message(_wish(*steps, run=run))


def _wish(*steps: object, run: str = "some") -> bytes:
    return grpc_text.encoded(json.dumps({"run": run, "script": {"steps": steps}}))


def status_of(target: Target, tell: Callable[[Wire], int]) -> str:
    """The status of a call that `tell` makes."""
    found: list[str] = []

    async def story(wire: Wire) -> None:
        found.append((await wire.over(tell(wire))).status)

    told(target, story)
    return found[0]


def _headed(*headers: tuple[str, str], path: str = SERVER) -> Callable[[Wire], int]:
    return lambda wire: wire.call(path, wish(ONE), headers=headers)


# -- fields ------------------------------------------------------------------------------------------------------------

FIELDS: Final = [
    # a whole number of at most eight digits, and a unit
    ("grpc-timeout", "", INTERNAL),
    ("grpc-timeout", "1", INTERNAL),
    ("grpc-timeout", "m", INTERNAL),
    ("grpc-timeout", "1s", INTERNAL),
    ("grpc-timeout", "+1S", INTERNAL),
    ("grpc-timeout", "0x1S", INTERNAL),
    ("grpc-timeout", "0H", DEADLINE_EXCEEDED),
    ("grpc-timeout", "0n", DEADLINE_EXCEEDED),
    # base64, with padding or without
    ("x-bin", "A", INTERNAL),
    ("x-bin", "AA,BB", INTERNAL),
    ("x-bin", "AAA=", OK),
    ("x-bin", "AAA", OK),
    ("grpc-trace-bin", "***", INTERNAL),
    # what is gRPC's own says nothing of a request
    ("grpc-status", "5", OK),
    ("grpc-message", "no", OK),
    ("grpc-accept-encoding", "nothing", OK),
    # names
    ("X-Upper", "1", INTERNAL),
    ("x y", "1", INTERNAL),
    (":x", "1", INTERNAL),
    # what may not stand in a value is not said again
    ("x-grpc-test-echo-initial", "a\r\nb: c", INTERNAL),
    ("x-grpc-test-echo-initial", "\0", INTERNAL),
    # fields of connections, which HTTP/2 does not have
    ("transfer-encoding", "chunked", OK),
    ("content-length", "5", OK),
]


@pytest.mark.parametrize(("name", "value", "status"), FIELDS)
def test_a_field_has_its_status_and_the_connection_lives(target: Target, name: str, value: str, status: str) -> None:
    assert status_of(target, _headed((name, value))) == status


@pytest.mark.xfail(
    reason="grpcio takes a timeout of more digits (PROTOCOL-HTTP2.md, TimeoutValue)", raises=AssertionError
)
def test_a_timeout_has_at_most_eight_digits(target: Target) -> None:
    assert status_of(target, _headed(("grpc-timeout", "999999999S"))) != OK


@pytest.mark.parametrize("value", ["text/html", "application/json", "", "application/grpcish"])
def test_a_content_type_that_is_not_grpcs_harms_nobody(target: Target, value: str) -> None:
    assert status_of(target, _headed(("content-type", value), ("te", "trailers"))) == OK


@pytest.mark.xfail(
    reason="grpcio answers whatever content-type there is (PROTOCOL-HTTP2.md: 415)", raises=AssertionError
)
def test_a_content_type_that_is_not_grpcs_is_not_supported(target: Target) -> None:
    async def story(wire: Wire) -> None:
        headers = (("content-type", "text/html"), ("te", "trailers"))
        assert (await wire.over(wire.call(SERVER, wish(ONE), headers=headers))).fields[":status"] == "415"

    told(target, story)


@pytest.mark.parametrize("path", ["/", "nothing", SERVER + "/", "/" + SERVER, SERVER.lower(), "/a/b/c", "/" * 9_000])
def test_what_there_is_not_is_unimplemented(target: Target, path: str) -> None:
    assert status_of(target, _headed(path=path)) == UNIMPLEMENTED


@pytest.mark.parametrize("method", ["GET", "PUT", "CONNECT"])
def test_a_call_that_is_no_post_is_none(target: Target, method: str) -> None:
    async def story(wire: Wire) -> None:
        stream, wire.next = wire.next, wire.next + 2
        wire.write(wire.head(stream, SERVER, method=method), frame(DATA, END_STREAM, stream, wish(ONE)))
        answer = await wire.over(stream)
        assert answer.status != OK
        assert not answer.data

    told(target, story)


@pytest.mark.parametrize("left_out", [":method", ":scheme", ":path", "te"])
def test_a_call_without_a_field_that_it_needs_is_none(target: Target, left_out: str) -> None:
    async def story(wire: Wire) -> None:
        stream, wire.next = wire.next, wire.next + 2
        whole = {":method": "POST", ":scheme": "http", ":path": SERVER, ":authority": "test", "te": "trailers"}
        fields = [pair for pair in whole.items() if pair[0] != left_out]
        block = wire.fields.encode([*fields, ("content-type", "application/grpc")])
        wire.write(frame(HEADERS, END_HEADERS, stream, block), frame(DATA, END_STREAM, stream, wish(ONE)))
        answer = await wire.over(stream)
        assert answer.status != OK
        assert not answer.data

    told(target, story)


# -- messages ----------------------------------------------------------------------------------------------------------


def _said(*octets: bytes, path: str = BIDI, headers: tuple[tuple[str, str], ...] = ()) -> Callable[[Wire], int]:
    return lambda wire: wire.call(path, *octets, headers=headers)


GZIP: Final = (("grpc-encoding", "gzip"),)
MESSAGES: Final = {
    "compressed, and it is not": (_said(message(b"x", flag=1), headers=GZIP), INTERNAL),
    "compressed, and cut short": (_said(message(gzip.compress(_wish(ONE))[:-9], flag=1), headers=GZIP), INTERNAL),
    "compressed, and it is": (_said(message(gzip.compress(_wish(ONE)), flag=1), headers=GZIP), OK),
    "a flag that there is not": (_said(message(_wish(ONE), flag=2)), INVALID_ARGUMENT),
    "every flag": (_said(message(_wish(ONE), flag=255)), INVALID_ARGUMENT),
    "nothing in it": (_said(message(b"")), INVALID_ARGUMENT),
    "no Text": (_said(message(b"x")), INVALID_ARGUMENT),
    "too long by an octet": (_said(message(b"x", length=MOST_MESSAGE_BYTES + 1)), RESOURCE_EXHAUSTED),
    "as long as it can be told": (_said(message(b"x", length=2**32 - 1)), RESOURCE_EXHAUSTED),
    "cut short, and the first": (_said(message(b"x", length=10)), INVALID_ARGUMENT),
    "cut short, and the only one": (_said(message(b"x", length=10), path=SERVER), UNIMPLEMENTED),
    "three octets of a head": (_said(b"\0\0\0"), INVALID_ARGUMENT),
}


@pytest.mark.parametrize("which", MESSAGES)
def test_a_message_has_its_status_and_the_connection_lives(target: Target, which: str) -> None:
    tell, status = MESSAGES[which]
    assert status_of(target, tell) == status


@pytest.mark.parametrize("which", ["compressed, and it is not", "too long by an octet", "every flag"])
def test_an_item_that_is_no_good_breaks_off_what_was_said(target: Target, which: str) -> None:
    item = {
        "compressed, and it is not": message(b"x", flag=1),
        "too long by an octet": message(b"x", length=MOST_MESSAGE_BYTES + 1),
        "every flag": message(grpc_text.encoded("1"), flag=255),
    }[which]

    async def story(wire: Wire) -> None:
        run = f"item-{len(which)}"
        good = message(grpc_text.encoded("1"))
        stream = wire.call(CLIENT, wish(COLLECT, run=run), good, item, headers=GZIP)
        answer = await wire.over(stream)
        assert answer.status in {INTERNAL, RESOURCE_EXHAUSTED, INVALID_ARGUMENT}
        assert not answer.data
        figures = await target.when(run, state="ended")
        assert {**figures, "cleanups": 1, "input": "broken"} == figures

    told(target, story)


def _cut_short(wire: Wire, run: str) -> int:
    """An upload that half-closes within its last item."""
    good, cut = message(grpc_text.encoded("1")), message(grpc_text.encoded('"the last one"'))[:-3]
    return wire.call(CLIENT, wish(COLLECT, run=run), good, cut)


def test_of_an_upload_that_is_cut_short_within_an_item_that_item_is_not_taken(target: Target) -> None:
    async def story(wire: Wire) -> None:
        await wire.over(_cut_short(wire, "cut"))
        figures = await target.when("cut", state="ended")
        assert {**figures, "received": 1, "cleanups": 1} == figures

    told(target, story)


@pytest.mark.xfail(reason="grpcio takes a half-close within a message for one behind it", raises=AssertionError)
def test_an_upload_that_is_cut_short_within_an_item_is_no_success(target: Target) -> None:
    async def story(wire: Wire) -> None:
        assert (await wire.over(_cut_short(wire, "cut-wanted"))).status != OK

    told(target, story)


def test_few_octets_that_mean_many_are_not_inflated(target: Target) -> None:
    bomb = message(gzip.compress(bytes(60_000_000), 9), flag=1)
    most = 16_384  # octets of a frame

    async def story(wire: Wire) -> None:
        pieces = [bomb[at : at + most] for at in range(0, len(bomb), most)]
        assert len(bomb) < 65_535, "its window lets all of it through"
        answer = await wire.over(wire.call(BIDI, *pieces, headers=GZIP))
        assert answer.status == RESOURCE_EXHAUSTED

    told(target, story)


def test_messages_that_never_come_are_not_made_room_for(target: Target) -> None:
    """Each tells of one that is as long as it may be."""
    many = 100

    async def story(wire: Wire) -> None:
        for _ in range(many):
            wire.call(BIDI, message(b"x" * 100, length=MOST_MESSAGE_BYTES), ends=False)
        await wire.heard()
        assert many * MOST_MESSAGE_BYTES > MOST_GROWTH_BYTES

    told(target, story)


# -- again and again ---------------------------------------------------------------------------------------------------

AGAIN: Final = {
    "no such method": _headed(path="/nothing"),
    "no time": _headed(("grpc-timeout", "0m")),
    "no message": lambda wire: wire.call(BIDI),
    "no encoding": _said(message(_wish(ONE), flag=1)),
    "cut short": _said(message(b"x", length=10)),
    "refused": _said(wish({"do": "refuse", "code": "NOT_FOUND"}, run="refused")),
    "failed": _said(wish({"do": "fail"}, run="failed")),
    "said again what may not be": _headed(("x-grpc-test-echo-initial", "\0")),
}


@pytest.mark.parametrize("which", AGAIN)
def test_bad_calls_may_come_one_after_another_as_long_as_they_like(target: Target, which: str) -> None:
    async def story(wire: Wire) -> None:
        statuses = {(await wire.over(AGAIN[which](wire))).status for _ in range(MANY)}
        assert len(statuses) == 1
        assert OK not in statuses

    told(target, story)


def test_calls_that_are_never_finished_hold_up_nobody_elses(target: Target) -> None:
    """All that one connection may have, none of them with a whole message."""

    async def story(wire: Wire) -> None:
        async with dialled(target.grpc_port) as idle:
            for _ in range(MANY):
                idle.call(BIDI, b"\0", ends=False)
            await idle.heard()
            stream = wire.call(SERVER, wish({"do": "generate", "n": 100, "bytes": 1_000}))
            wire.write(window(stream, 200_000))
            assert (await wire.over(stream)).status == OK

    told(target, story)
