"""A listening socket without descriptors: one try in a row, and then a pause."""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import TYPE_CHECKING, Any

import pytest

from streamspec.reference_impl.listener import Listener

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def listener() -> Iterator[Listener]:
    with Listener(socket.AF_INET, socket.SOCK_STREAM) as found:
        found.bind(("127.0.0.1", 0))
        found.listen()
        found.setblocking(False)  # noqa: FBT003 -- socket's own
        yield found


def _none_left(_: Any) -> Any:
    raise OSError(errno.EMFILE, "none left")


def test_who_waits_is_accepted(listener: Listener) -> None:
    with socket.create_connection(listener.getsockname()) as client:
        accepted, address = listener.accept()
        assert address == client.getsockname()
        accepted.close()
    with pytest.raises(BlockingIOError):
        listener.accept()


def test_behind_a_failure_nobody_waits_until_it_is_tried_again(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket.socket, "accept", _none_left)
    for _ in range(2):
        with pytest.raises(OSError, match="none left"):
            listener.accept()
        with pytest.raises(BlockingIOError):
            listener.accept()


def test_asyncio_tells_of_it_once_and_serves_when_there_are_some(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asyncio.constants.ACCEPT_RETRY_DELAY", 0.05)
    monkeypatch.setattr(socket.socket, "accept", _none_left)

    async def story() -> None:
        told: list[dict[str, Any]] = []
        refused = asyncio.Event()

        def tell(_: object, context: dict[str, Any]) -> None:
            told.append(context)
            refused.set()

        asyncio.get_running_loop().set_exception_handler(tell)
        served: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()
        server = await asyncio.start_server(lambda _, writer: served.set_result(writer), sock=listener, backlog=2_048)
        _, client = await asyncio.open_connection(*listener.getsockname())
        await refused.wait()
        monkeypatch.undo()
        (await served).close()
        client.close()
        server.close()
        assert [context["message"] for context in told] == ["socket.accept() out of system resource"]

    asyncio.run(asyncio.wait_for(story(), 10))
