"""`Application`: what the server and the first look at a connection ask of whatever is served.

Never here: an application, a socket, a stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from streamspec.reference_impl.binding import Headers
    from streamspec.reference_impl.mount import Mount
    from streamspec.reference_impl.multiplex import Multiplex, Wanted
    from streamspec.reference_impl.seams import Message, Receive, Seams, Send


class Application(Protocol):
    """An ASGI 3 application that is also spoken to in frames over TCP and in calls over gRPC."""

    elsewhere: dict[str, Callable[[str], str]]  # where a mount is served that no path leads to, by binding

    @property
    def mounts(self) -> Mapping[str, Mount]: ...

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None: ...

    def wire_mount(self, path: str) -> Mount | None:
        """The mount that writes its own HTTP to answer this path, if there is one."""

    def find(self, procedure: str, metadata: Headers) -> Wanted | None:
        """What a procedure leads to where there are no paths."""

    def seams_of(self, target: str) -> Seams:
        """Those of the mount that a request's target leads to."""

    def attend(self, streams: Multiplex) -> None:
        """A connection that streams share has begun: it has to be told when the server stops."""

    def misunderstood(self, path: str) -> None:
        """A request for this path could not be read."""

    def close(self) -> None:
        """End every open stream: the server stops."""
