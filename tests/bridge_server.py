"""The bridge of `examples/bridge` before an adapter, as it is or spoiled in one way, at a port that is free:
`python bridge_server.py KIND BASE`. It writes one line when it listens, and ends with its stdin. Never here: a test.

What is spoiled is what the bridge hears of the server behind it, so that each of its bindings shows it.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    Messages = AsyncIterator[tuple[str, Any]]

EXAMPLE: Final = Path(__file__).parents[1] / "examples" / "bridge"


@contextlib.contextmanager
def served_bridge(kind: str, base: str) -> Iterator[str]:
    """Its URL, with no slash at the end. Below `/ws`, `/tcp` and `/sse` it asks the adapter at `base` over that."""
    pipe = subprocess.PIPE
    command = [sys.executable, __file__, kind, base]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as child:
        assert child.stdout
        word, _, url = child.stdout.readline().strip().partition(" ")
        assert word == "listening"
        yield url
        child.communicate(timeout=10)


def honest(messages: Messages) -> Messages:
    return messages


async def swaps_two(messages: Messages) -> Messages:
    """The first item is shown behind the second."""
    held: tuple[str, Any] | None = None
    seen = 0
    async for message in messages:
        seen += message[0] == "data"
        if message[0] == "data" and seen == 1:
            held = message
            continue
        if held and message[0] != "data":
            yield held
            held = None
        yield message
        if held:
            yield held
            held = None


async def ends_well(messages: Messages) -> Messages:
    """Whatever the end was, it is shown as success."""
    async for kind, payload in messages:
        yield ("end", None) if kind == "error" else (kind, payload)


async def drops_the_code(messages: Messages) -> Messages:
    """Every failure is shown as the same one."""
    async for kind, payload in messages:
        yield kind, payload | {"code": "UNKNOWN"} if kind == "error" else payload


KINDS: Final[dict[str, Callable[[Messages], Messages]]] = {
    kind.__name__: kind for kind in (honest, swaps_two, ends_well, drops_the_code)
}


async def main(kind: str, base: str) -> None:
    import uvicorn

    sys.path.insert(0, str(EXAMPLE))
    bridge: Any = importlib.import_module("bridge")
    asked = bridge.asked
    bridge.asked = lambda *what: KINDS[kind](asked(*what))
    application = await bridge.bridge_to(base)
    server = uvicorn.Server(
        uvicorn.Config(application, lifespan="off", log_level="error", timeout_graceful_shutdown=bridge.LEAVING_S)
    )
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_until_stdin_closes, args=(server,), daemon=True).start()
    sys.stdout.write(f"listening http://127.0.0.1:{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve(sockets=[listener])


def _until_stdin_closes(server: Any) -> None:
    sys.stdin.read()
    server.should_exit = True


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
