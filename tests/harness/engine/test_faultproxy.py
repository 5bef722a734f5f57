"""Our fault proxy with real sockets: what passes, what is cut and how that looks on both sides."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from typing import TYPE_CHECKING, Any, Final

import pytest
from fault_proxy import LONGEST_S, TOXICS, Led, Seen, led, sending, watching

from streamspec.harness.engine import faultproxy
from streamspec.harness.engine.faultproxy import Cut, NotLocalError, Proxy, local

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from fault_proxy import Answer

OCTETS: Final = os.urandom(300_000)


def run(answer: Answer, work: Callable[[Led], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with led(answer) as proxied, asyncio.timeout(LONGEST_S):
            return await work(proxied)

    return asyncio.run(main())


@pytest.mark.parametrize(
    ("toxic", "attributes"),
    [
        ("", {}),
        ("latency", {"latency": 5, "jitter": 4}),
        ("bandwidth", {"rate": 10_000}),
        ("slicer", {"average_size": 3_000, "size_variation": 900}),
        ("slow_close", {"delay": 5}),
        ("limit_data", {"bytes": 300_001}),
    ],
)
def test_what_loses_nothing_loses_nothing(toxic: str, attributes: dict[str, int]) -> None:
    async def work(proxied: Led) -> None:
        if toxic:
            await proxied.add(toxic, "downstream", **attributes)
        assert await proxied.asked() == (OCTETS, "eof")

    run(sending(OCTETS), work)


def test_slices_come_apart() -> None:
    async def work(proxied: Led) -> None:
        await proxied.add("slicer", average_size=10, delay=100)
        reader, writer = await proxied.opened()
        writer.write(b"ask")
        reads = [data async for data in _reads(reader)]
        writer.close()
        assert b"".join(reads) == OCTETS[:400]
        assert len(reads) > 20

    run(sending(OCTETS[:400]), work)


async def _reads(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while data := await reader.read(65_536):
        yield data


@pytest.mark.parametrize(("toxic", "end"), [("limit_data", "eof"), ("cut_at", "reset")])
def test_a_cut_falls_behind_the_very_octet_and_shows_on_both_sides(toxic: str, end: str) -> None:
    async def work(proxied: Led) -> None:
        await proxied.add(toxic, bytes=7)
        assert await proxied.asked() == (b"0123456", end)
        assert await proxied.seen.ends.get() == end
        assert list(proxied.ours.tally.cuts) == [Cut(toxic, 7, 3)]

    run(watching, work)


def test_reset_peer_resets_what_begins_with_it() -> None:
    async def work(proxied: Led) -> None:
        await proxied.add("reset_peer")
        assert await proxied.asked() == (b"", "reset")
        assert await proxied.seen.ends.get() == "reset"

    run(watching, work)


def test_reset_peer_ends_what_is_open_already_at_its_next_octets() -> None:
    async def work(proxied: Led) -> None:
        reader, writer = await proxied.opened()
        writer.write(b"ask")
        assert await reader.readexactly(10) == b"0123456789"
        await proxied.add("reset_peer", "upstream")
        writer.write(b"more")
        assert await reader.read(1) == b""
        writer.close()
        assert await proxied.seen.ends.get() == "eof"

    run(watching, work)


def test_a_toxic_comes_and_goes_while_a_connection_is_open() -> None:
    async def work(proxied: Led) -> None:
        await proxied.add("latency", latency=60_000)
        asking = asyncio.create_task(proxied.asked())
        while not proxied.ours.tally.connections:  # noqa: ASYNC110 -- a loop of one test, bounded by its timeout
            await asyncio.sleep(0.01)
        await proxied.remove("latency")
        assert await asking == (OCTETS, "eof")

    run(sending(OCTETS), work)


def test_a_black_hole_that_is_taken_away_ends_the_connection() -> None:
    async def work(proxied: Led) -> None:
        await proxied.add("timeout")
        asking = asyncio.create_task(proxied.asked())
        while not proxied.ours.tally.connections:  # noqa: ASYNC110 -- as above
            await asyncio.sleep(0.01)
        await proxied.remove("timeout")
        assert await asking == (b"", "eof")
        assert await proxied.seen.ends.get() == "eof"

    run(watching, work)


def test_a_timeout_ends_a_connection_on_which_nothing_comes() -> None:
    async def work(proxied: Led) -> None:
        await proxied.add("timeout", timeout=30)
        assert await proxied.asked() == (b"", "eof")
        assert await proxied.seen.ends.get() == "eof"
        assert [cut.by for cut in proxied.ours.tally.cuts] == ["timeout"]

    run(watching, work)


def test_down_cuts_what_is_open_and_refuses_what_comes_until_it_is_up_again() -> None:
    async def work(proxied: Led) -> None:
        reader, writer = await proxied.opened()
        writer.write(b"ask")
        assert await reader.readexactly(10)
        await proxied.call(proxied.proxy.disable)
        assert await reader.read(1) == b""
        writer.close()
        assert await proxied.seen.ends.get() == "eof"
        with pytest.raises(ConnectionRefusedError):
            await proxied.opened()
        await proxied.call(proxied.proxy.enable)
        await proxied.add("limit_data", bytes=3)
        assert await proxied.asked() == (b"012", "eof")
        assert [cut.by for cut in proxied.ours.tally.cuts] == ["down", "limit_data"]

    run(watching, work)


async def _resets(_seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that sends half, and resets when it is asked for more."""
    handle = writer.get_extra_info("socket")
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await reader.read(100)
    writer.write(b"half")
    await reader.read(1)
    writer.transport.abort()


def test_a_target_that_resets_is_not_seen_to_end_well() -> None:
    async def work(proxied: Led) -> None:
        reader, writer = await proxied.opened()
        writer.write(b"ask")
        assert await reader.readexactly(4) == b"half"
        writer.write(b"x" * 3)
        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
        writer.close()

    run(_resets, work)


def test_who_does_not_read_holds_the_sender_back() -> None:
    """What is on its way is bounded by the kernel's buffers, however much is offered."""
    sent = 0

    async def endless(_seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.read(100)
        while True:
            writer.write(bytes(65_536))
            await writer.drain()
            sent += 65_536

    async def work(proxied: Led) -> None:
        reader, writer = await proxied.opened()
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # a transport that reads
        writer.write(b"ask")
        before = -1
        while before != sent or not sent:  # until it stands still
            before = sent
            await asyncio.sleep(0.2)
        assert sent < 64 * 1_048_576
        assert proxied.ours.tally.connections == 1
        writer.close()
        del reader

    run(endless, work)


def test_a_server_that_is_not_there_is_an_end_for_the_client() -> None:
    async def work(proxied: Led) -> None:
        proxied.ours.upstream = "127.0.0.1:1"
        got, end = await proxied.asked()
        assert got == b""
        assert end in {"eof", "reset"}

    run(watching, work)


def test_more_connections_than_there_is_room_for_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faultproxy, "CONNECTIONS_MAX", 1)

    async def work(proxied: Led) -> None:
        reader, writer = await proxied.opened()
        writer.write(b"ask")
        assert await reader.readexactly(10)
        assert (await proxied.asked())[0] == b""
        writer.close()

    run(watching, work)


def test_the_same_seed_jitters_alike() -> None:
    drawn = []
    for _ in range(2):
        proxy = Proxy("p", "", "127.0.0.1:1", seed=5)
        dose = faultproxy.Dose("j", TOXICS["slicer"], "downstream", 0.5, {"average_size": 9, "size_variation": 5})
        drawn.append([type(proxy._flow(dose, None)).__name__ for _ in range(30)])
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) == 2  # a toxicity of a half is a toxic for some of them


@pytest.mark.parametrize(
    ("listen", "found"),
    [
        ("", ("127.0.0.1", 0)),
        ("127.0.0.1:80", ("127.0.0.1", 80)),
        ("localhost:0", ("127.0.0.1", 0)),
        ("[::1]:7", ("::1", 7)),
    ],
)
def test_a_listener_of_this_machine(listen: str, found: tuple[str, int]) -> None:
    assert local(listen) == found


@pytest.mark.parametrize("listen", ["0.0.0.0:80", "[::]:0", "192.0.2.1:1", "example.org:1", "127.0.0.1"])
def test_no_other_listener(listen: str) -> None:
    with pytest.raises(ValueError, match="listen tcp") as raised:
        local(listen)
    assert isinstance(raised.value, NotLocalError) or listen == "127.0.0.1"
