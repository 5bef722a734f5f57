"""Real sockets on loopback: how a connection begins, how it pushes back, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Callable

import pytest
import trustme

from streamspec.harness.transports import tcp
from streamspec.harness.transports.tcp import READ_BUFFER_BYTES, NotConnectedError, TcpConnection, connect

Serve = Callable[..., contextlib.AbstractAsyncContextManager[int]]
Reset = Callable[[asyncio.StreamWriter], None]


@contextlib.asynccontextmanager
async def accepted(
    receive_buffer_bytes: int | None = None,
) -> AsyncIterator[tuple[TcpConnection, socket.socket]]:
    """A connection of ours, and the plain socket at its other end."""
    loop = asyncio.get_running_loop()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0)
        port = listener.getsockname()[1]
        ours = await connect("127.0.0.1", port, connect_ms=5_000, receive_buffer_bytes=receive_buffer_bytes)
        peer, _ = await loop.sock_accept(listener)
        try:
            with peer:
                yield ours, peer
        finally:
            ours.abort()
            await ours.close()


async def until(done: Callable[..., bool]) -> None:
    """Turns the loop until it is so."""
    for _ in range(100_000):
        if done():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to be")


def refusal(**arguments: object) -> tuple[str, str]:
    async def case() -> tuple[str, str]:
        with pytest.raises(NotConnectedError) as raised:
            await connect(**{"connect_ms": 5_000.0, **arguments})  # type: ignore[arg-type]
        return raised.value.refused.why, raised.value.refused.detail

    return asyncio.run(case())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_closed_port_refuses() -> None:
    assert refusal(host="127.0.0.1", port=free_port())[0] == "refused"


def test_a_name_that_does_not_resolve_is_said_so() -> None:
    assert refusal(host="name.invalid", port=1)[0] == "unresolved"


def test_an_address_is_looked_up_by_nobody(monkeypatch: pytest.MonkeyPatch, serve: Serve) -> None:
    async def case() -> None:
        async def handler(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"here")
            await writer.drain()

        async def look_up(*_: object, **__: object) -> None:
            raise AssertionError("somebody was asked")

        async with serve(handler) as port:
            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", look_up)
            connection = await connect("127.0.0.1", port, connect_ms=5_000)
            assert await connection.receive(9) == b"here"
            await connection.close()

    asyncio.run(case())


def test_each_address_of_a_name_is_tried(monkeypatch: pytest.MonkeyPatch, serve: Serve) -> None:
    async def case() -> None:
        async def handler(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"here")
            await writer.drain()

        async with serve(handler) as port:
            dead = (socket.AF_INET, ("127.0.0.1", free_port()))
            unknown = (-1, ("127.0.0.1", port))

            async def resolve(host: str, port: int) -> list[tuple[int, tuple[object, ...]]]:
                return [unknown, dead, (socket.AF_INET, (host, port))]

            monkeypatch.setattr(tcp, "_resolve", resolve)
            connection = await connect("127.0.0.1", port, connect_ms=5_000)
            assert await connection.receive(9) == b"here"
            await connection.close()

    asyncio.run(case())


def test_a_handshake_that_never_answers_is_bounded_by_the_whole_budget() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        why, detail = refusal(
            host="127.0.0.1",
            port=listener.getsockname()[1],
            tls=ssl.create_default_context(),
            connect_ms=50.0,
        )
    assert (why, detail) == ("tls", "no handshake within 50 ms")


def test_a_full_backlog_is_bounded_by_the_whole_budget() -> None:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listener.getsockname()[1]
        for _ in range(4):  # a backlog of 0 still takes one or two
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0)
            filler.connect_ex(("127.0.0.1", port))
        assert refusal(host="127.0.0.1", port=port, connect_ms=50.0) == (
            "unreachable",
            "no connection within 50 ms",
        )


def test_a_peer_that_speaks_no_tls_is_a_tls_refusal(serve: Serve) -> None:
    async def case() -> None:
        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            await writer.drain()
            await reader.read()

        async with serve(handler) as port:
            with pytest.raises(NotConnectedError) as raised:
                await connect("127.0.0.1", port, tls=ssl.create_default_context(), connect_ms=5_000)
            assert raised.value.refused.why == "tls"

    asyncio.run(case())


def test_a_peer_that_closes_in_the_handshake_is_a_tls_refusal(serve: Serve) -> None:
    async def case() -> None:
        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)

        async with serve(handler) as port:
            with pytest.raises(NotConnectedError) as raised:
                await connect("127.0.0.1", port, tls=ssl.create_default_context(), connect_ms=5_000)
            assert raised.value.refused.why == "tls"

    asyncio.run(case())


def test_an_untrusted_certificate_is_a_tls_refusal(serve: Serve) -> None:
    async def case() -> None:
        theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        trustme.CA().issue_cert("localhost").configure_cert(theirs)

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()

        async with serve(handler, theirs) as port:
            with pytest.raises(NotConnectedError) as raised:
                await connect("localhost", port, tls=ssl.create_default_context(), connect_ms=5_000)
            assert raised.value.refused.why == "tls"
            assert "certificate verify failed" in raised.value.refused.detail

    asyncio.run(case())


def test_a_close_is_a_fin_for_the_peer_even_with_octets_unread() -> None:
    async def case() -> None:
        loop = asyncio.get_running_loop()
        async with accepted() as (ours, peer):
            await loop.sock_sendall(peer, b"x" * 500_000)
            await ours.send(b"bye")
            await ours.close()
            assert await loop.sock_recv(peer, 9) == b"bye"
            assert await loop.sock_recv(peer, 9) == b""

    asyncio.run(case())


def test_an_abort_is_an_rst_for_the_peer() -> None:
    async def case() -> None:
        loop = asyncio.get_running_loop()
        async with accepted() as (ours, peer):
            ours.abort()
            with pytest.raises(ConnectionResetError):
                await loop.sock_recv(peer, 9)

    asyncio.run(case())


def test_ends_are_idempotent_and_what_comes_after_them_says_they_are_ours() -> None:
    async def case() -> None:
        async with accepted() as (ours, _):
            waiting = asyncio.create_task(ours.receive(9))
            await asyncio.sleep(0)
            await ours.close()
            ours.abort()
            await ours.close()
            with pytest.raises(ConnectionAbortedError):
                await waiting
            with pytest.raises(ConnectionAbortedError):
                await ours.send(b"x")

    asyncio.run(case())


def test_what_came_before_an_rst_is_handed_over_first() -> None:
    async def case() -> None:
        loop = asyncio.get_running_loop()
        async with accepted() as (ours, peer):
            await loop.sock_sendall(peer, b"kept")
            assert await ours.receive(1) == b"k"  # so the rest was read by the loop as well
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            peer.close()
            await until(ours._gone.done)
            assert await ours.receive(9) == b"ept"
            with pytest.raises(ConnectionResetError):
                await ours.receive(9)
            with pytest.raises(ConnectionResetError):
                await ours.send(b"x")

    asyncio.run(case())


def test_a_fin_leaves_our_side_open() -> None:
    async def case() -> None:
        loop = asyncio.get_running_loop()
        async with accepted() as (ours, peer):
            peer.shutdown(socket.SHUT_WR)
            assert await ours.receive(9) == b""
            assert await ours.receive(9) == b""
            await ours.send(b"still")
            assert await loop.sock_recv(peer, 9) == b"still"

    asyncio.run(case())


def test_a_reader_that_does_not_read_makes_the_kernel_push_back() -> None:
    async def case() -> None:
        async with accepted(receive_buffer_bytes=4_096) as (ours, peer):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
            peer.settimeout(0)
            sent, idle = 0, 0
            while idle < 50:  # the loop turns, and nothing more is taken
                try:
                    sent += peer.send(b"x" * 65_536)
                    idle = 0
                except BlockingIOError:
                    idle += 1
                assert ours.buffered_bytes < 2 * READ_BUFFER_BYTES
                await asyncio.sleep(0)
            assert sent < 1_000_000
            got = 0
            while got < sent:
                got += len(await ours.receive(65_536))
            assert got == sent

    asyncio.run(case())


def test_a_send_that_is_not_taken_waits_and_a_close_does_not() -> None:
    async def case() -> None:
        async with accepted() as (ours, _):
            sending = asyncio.create_task(ours.send(b"x" * 50_000_000))
            await asyncio.sleep(0)
            assert not sending.done()
            await ours.close()
            with pytest.raises(ConnectionAbortedError):
                await sending

    asyncio.run(case())


def test_a_cancelled_receive_loses_nothing() -> None:
    async def case() -> None:
        loop = asyncio.get_running_loop()
        async with accepted() as (ours, peer):
            for octet in (b"a", b"b", b"c"):
                waiting = asyncio.create_task(ours.receive(9))
                await asyncio.sleep(0)
                await loop.sock_sendall(peer, octet)
                await until(lambda task=waiting: bool(ours.buffered_bytes) or task.done())
                waiting.cancel()  # its octet has come, and it has not run since
                with contextlib.suppress(asyncio.CancelledError):
                    assert await waiting == octet
                    continue
                assert await ours.receive(9) == octet

    asyncio.run(case())


def test_a_close_waits_no_longer_than_the_goodbye(monkeypatch: pytest.MonkeyPatch, serve: Serve) -> None:
    async def case() -> None:
        authority = trustme.CA()
        theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(theirs)
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        over = asyncio.Event()

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert isinstance(writer.transport, asyncio.Transport)
            writer.transport.pause_reading()  # so our close_notify is never answered
            try:
                await over.wait()
            finally:
                writer.transport.abort()

        async with serve(handler, theirs) as port:
            connection = await connect("localhost", port, tls=trusting, connect_ms=5_000)
            monkeypatch.setattr(tcp, "_GOODBYE_S", 0.01)
            await connection.close()
            await until(connection._gone.done)

            connection = await connect("localhost", port, tls=trusting, connect_ms=5_000)
            monkeypatch.setattr(tcp, "_GOODBYE_S", 60)
            closing = asyncio.create_task(connection.close())
            await asyncio.sleep(0)
            closing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await closing
            await until(connection._gone.done)
            over.set()

    asyncio.run(case())


def test_a_cancelled_connect_leaves_no_socket() -> None:
    async def case() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            task = asyncio.create_task(connect("127.0.0.1", port, tls=ssl.create_default_context(), connect_ms=60_000))
            peer, _ = await asyncio.to_thread(listener.accept)
            with peer:
                assert await asyncio.to_thread(peer.recv, 1)  # the handshake began
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                while await asyncio.to_thread(peer.recv, 4_096):
                    pass

    asyncio.run(case())


def test_tls_moves_much_and_ends_at_once_though_the_peer_says_no_goodbye(serve: Serve) -> None:
    async def case() -> None:
        authority = trustme.CA()
        theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(theirs)
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        payload = bytes(range(256)) * 20_000  # 5 MB

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.readexactly(3) == b"ask"
            writer.write(payload)
            await writer.drain()
            await reader.read()

        async with serve(handler, theirs) as port:
            connection = await connect("localhost", port, tls=trusting, connect_ms=5_000)
            await connection.send(b"ask")
            got = bytearray()
            while len(got) < len(payload):
                assert connection.buffered_bytes < 2 * READ_BUFFER_BYTES
                got += await connection.receive(10_000)
            assert got == payload
            await connection.close()

            connection = await connect("localhost", port, tls=trusting, connect_ms=5_000)
            await connection.send(b"ask")
            assert await connection.receive(10) == payload[:10]
            connection.abort()
            await connection.close()

    asyncio.run(case())
