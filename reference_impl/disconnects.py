"""What goes on after its client has left, and applications that do not hear of it: what several variants share.

Never here: which of them is whose defect, or anything without a bound.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from streamspec.reference_impl.routing import PAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from streamspec.reference_impl.seams import Asgi, Message, Receive, Send

# Longer than anybody watches, so that no late end of one stream is taken for that of another; and still not for ever.
DEAF_S: Final = 300.0
MOST_DEAF: Final = 40  # at a time: what works for nobody must not outgrow the server


class Few:
    """Who goes on after its client has left, never more than so many."""

    def __init__(self, most: int = MOST_DEAF) -> None:
        self._most = most
        self._now = 0

    @contextlib.contextmanager
    def one_more(self) -> Iterator[bool]:
        """Whether there is room for one more; it is taken until this is left."""
        room = self._now < self._most
        self._now += room
        try:
            yield room
        finally:
            self._now -= room


def deaf(app: Asgi, to: Callable[[Message], bool]) -> Asgi:
    """The application, which is told of a disconnect only after `DEAF_S`, where `to(scope)` says so."""
    few = Few()

    async def mount(scope: Message, receive: Receive, send: Send) -> None:
        async def late_receive() -> Message:
            message = await receive()
            if message["type"] == "http.disconnect" and to(scope):
                with few.one_more() as room:
                    await asyncio.sleep(DEAF_S if room else 0)
            return message

        await app(scope, late_receive, send)

    return mount


def is_stream(scope: Message) -> bool:
    """Whether a request asks for a stream, and not for what is told of streams."""
    return not str(scope["path"]).endswith(PAGES)
